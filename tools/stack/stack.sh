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

# Whether the supervisor that this checkout recorded is there.
native_runs() {
  [ -f "$data/run/stack.json" ] || return 1
  supervisor=$(sed -n 's/^ *"pid": *\([0-9]*\).*/\1/p' "$data/run/stack.json" | head -n 1)
  [ -n "$supervisor" ] && kill -0 "$supervisor" 2>/dev/null
}
engine_answers() { command -v docker >/dev/null 2>&1 && docker info >/dev/null 2>&1; }
has_compose() { docker compose version >/dev/null 2>&1; }

# Sets mode and reason.
choose() {
  case "${MODE:-}" in
    docker | native) mode=$MODE reason="MODE=$MODE" ;;
    '')
      case "$command" in up | dev) starts=yes ;; *) starts=no ;; esac
      if native_runs; then mode=native reason="as it was started"
      elif [ $starts = no ] && [ -f "$data/run/mode" ]; then
        mode=$(cat "$data/run/mode") reason="as it was started"
      elif [ $starts = no ] && [ -f "$data/run/stack.json" ]; then mode=native reason="as it was started"
      elif engine_answers && { has_compose || [ "$(uname -s)" != Linux ]; }; then mode=docker reason="a Docker engine answers"
      elif [ "$(uname -s)" = Linux ]; then
        mode=native
        if engine_answers; then reason="there is a Docker engine, but no compose plugin"
        elif command -v docker >/dev/null 2>&1; then reason="there is a Docker client, but its engine does not answer"
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
# In the place of this shell, so that Ctrl-C reaches one process only that ends things in order.
native() { exec sh tools/setup.sh node tools/stack/cli.ts "$command" ${part:+"$part"}; }

if [ "$command" = generate ]; then
  if sh tools/setup.sh --can; then prepare_native && say "The generated code is up to date."
  elif [ "${MODE:-}" != native ] && engine_answers; then say "No Node here: the images generate the code in their build (make up)."
  else sh tools/setup.sh true; fi
  exit
fi

# Both modes may have left data here, whichever was the last.
if [ "$command" = reset ]; then
  [ ! -f "$data/run/docker" ] || engine_answers ||
    fail "This checkout has data in Docker, and Docker does not answer: start it and run \`make reset\` again."
  if [ -f "$data/run/docker" ] || { [ "${MODE:-}" = docker ] && engine_answers; }; then
    sh tools/stack/docker.sh reset
  fi
  # Natively nothing can run without the record that is read here, and no record can be read without Node.
  if [ -d "$data" ] && sh tools/setup.sh --can; then sh tools/setup.sh node tools/stack/cli.ts reset; fi
  rm -rf "$data" || fail "Not all of $data can be deleted: another user made it. Run \`make reset\` as that user or as root."
  say "All data of this checkout is gone: \`make up\` starts afresh."
  exit
fi

choose
say "Mode: $mode ($reason)"
case "$command" in
  up | dev)
    { mkdir -p "$data/run" && echo "$mode" >"$data/run/mode"; } 2>/dev/null ||
      fail "The folder $data cannot be written: give it to your user (chown), or choose another one with QUARTET_DATA_DIR=." ;;
esac
[ "$mode" = native ] || exec sh tools/stack/docker.sh "$command" ${part:+"$part"}
case "$command" in
  up | dev | redeploy | debug | audit | backup | restore | replay | parked) prepare_native ;;
esac
native
