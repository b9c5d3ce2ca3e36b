#!/bin/sh
# make doctor: what this machine has and lacks for Quartet, and what to do about it. Exits with 0 when `make up` would work.
#
# POSIX sh and the smallest tools only: it has to run where nothing is installed. Needs no network and changes nothing.
set -u

cd "$(dirname -- "$0")/../.." || exit 1
root=$(pwd -P)
data=${QUARTET_DATA_DIR:-.data}
system=$(uname -s)
machine=$(uname -m)
warnings=0
problems=0

line() { printf '%-5s %-20s %s\n' "$1" "$2" "$3"; }
ok() { line ok "$1" "$2"; }
# Works, but: one sentence that says what to do.
warn() { warnings=$((warnings + 1)) && line warn "$1" "$2"; }
# `make up` fails: one sentence that says what to do.
bad() { problems=$((problems + 1)) && line bad "$1" "$2"; }
# What is lacking only matters in the mode that `make up` takes: lack MODE NAME SENTENCE
lack() { if [ "$mode" = "$1" ]; then bad "$2" "$3"; else ok "$2" "none (not needed with MODE=$mode)"; fi; }
has() { command -v "$1" >/dev/null 2>&1; }
# at_least 2.20 2.26.1: whether the second version is not lower than the first one.
at_least() {
  printf '%s\n%s\n' "$1" "$2" | awk -F '[.+-]' '
    NR == 1 { major = $1; minor = $2 } NR == 2 { exit !($1 > major || ($1 == major && $2 >= minor)) }'
}

. tools/doctor/machine.sh
. tools/doctor/programs.sh
. tools/doctor/checkout.sh
. tools/doctor/ports.sh

choose_mode
check_system
check_memory
check_disk
check_file_limit
check_clock
check_umask
check_checkout
check_make
check_git
check_docker
check_node
check_rabbitmq
check_envoy
check_optional
check_ports
check_leftovers
check_age

echo
if [ "$problems" = 0 ]; then echo "make up would work here (MODE=$mode; $warnings to look at)."
else
  echo "make up would fail here (MODE=$mode): see the $problems line(s) marked bad."
  exit 1
fi
