#!/bin/sh
# Decides between Docker and native processes, says why, and hands over:  sh tools/stack/stack.sh COMMAND [PART]
# Only this and docker.sh run on a machine that has Docker but no Node.
set -eu

command=${1:?usage: stack.sh COMMAND [PART]}
part=${2:-}
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
cd "$root"
data=${QUARTET_DATA_DIR:-.data}

say() { printf '%s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

engine_answers() { command -v docker >/dev/null 2>&1 && docker info >/dev/null 2>&1; }

# Sets mode and reason.
choose() {
  case "${MODE:-}" in
    docker | native) mode=$MODE reason="MODE=$MODE" ;;
    '')
      if [ "$command" != up ] && [ -f "$data/run/mode" ]; then
        mode=$(cat "$data/run/mode") reason="as it was started"
      elif [ -f "$data/run/stack.json" ]; then mode=native reason="as it was started"
      elif engine_answers; then mode=docker reason="a Docker engine answers"
      elif [ "$(uname -s)" = Linux ]; then
        mode=native
        if command -v docker >/dev/null 2>&1; then reason="there is a Docker client, but its engine does not answer"
        else reason="there is no Docker"; fi
      elif command -v docker >/dev/null 2>&1; then
        fail "The Docker client is installed but its engine does not answer: start Docker and run this again."
      else fail "Quartet needs Docker on $(uname -s): install it, start it and run this again."; fi ;;
    *) fail "MODE must be docker or native, not \"$MODE\"." ;;
  esac
  if [ "$mode" = docker ] && ! engine_answers; then
    command -v docker >/dev/null 2>&1 || fail "MODE=docker needs Docker, which is not installed here: use MODE=native."
    fail "The Docker client is installed but its engine does not answer: start it, or use MODE=native on Linux."
  fi
}

# A make of its own, because only this knows that Node is needed after all.
prepare_native() { ${MAKE:-make} -s --no-print-directory .build/generated; }
native() { sh tools/setup.sh node tools/stack/cli.ts "$command" ${part:+"$part"}; }

if [ "$command" = generate ]; then
  if sh tools/setup.sh --can; then prepare_native && say "The generated code is up to date."
  elif engine_answers; then say "No Node here: the images generate the code in their build (make up)."
  else sh tools/setup.sh true; fi
  exit
fi

choose
say "Mode: $mode ($reason)"
if [ "$mode" = docker ]; then
  if [ "$command" = up ]; then mkdir -p "$data/run" && echo docker >"$data/run/mode"; fi
  exec sh tools/stack/docker.sh "$command" ${part:+"$part"}
fi
case "$command" in
  up)
    prepare_native
    mkdir -p "$data/run" && echo native >"$data/run/mode"
    native ;;
  *) native ;;
esac
