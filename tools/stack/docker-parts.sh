# Parts of the compose system: which there are, their logs, and how one is put in another's place. Read by docker.sh.

load_everything='await import("./src/service.ts")'
wait_s=90
# Every part has a health check.
status_format='{{if .State.Running}}{{.State.Health.Status}}{{else}}stopped{{end}} {{slice .Id 0 12}} {{.RestartCount}} {{if .State.Running}}{{slice .State.StartedAt 0 19}}{{else}}-{{end}}'

# What SVC= may name: what stays, without the jobs.
parts() { docker compose config --services | grep -v '^broker-secret$' | sort; }
parts_in_line() { parts | tr '\n' ' ' | sed 's/ $//; s/ /, /g'; }

need_part() {
  [ -n "$1" ] || fail "Say which part with SVC=: $(parts_in_line)."
  parts | grep -qx -- "$1" || fail "There is no part \"$1\": SVC= takes one of $(parts_in_line)."
}

# Turns what `docker compose logs --no-color` prints into the form of tools/logs, in a container: the host may lack Node.
readable() {
  force_color=''
  if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then force_color=1; fi
  docker compose run --rm -T --no-deps -e LOG="${LOG:-}" -e FORCE_COLOR="$force_color" seed node tools/logs/main.ts 2>/dev/null
}

# The last lines of a part, for a message.
last_lines() { docker compose logs --no-color --tail 15 "$1" | readable | sed 's/^/  /'; }

# Prints why the built image of a part does not get as far as to start; nothing when it does. Stops and starts nothing.
why_refused() {
  case "$1" in
    *-svc) set -- "$1" node --conditions=source --input-type=module --eval "$load_everything" ;;
    envoy) set -- "$1" --mode validate -c /etc/envoy/envoy.yaml --log-level error ;;
    *) return 0 ;;
  esac
  if found=$(docker compose run --rm -T --no-deps "$@" 2>&1 </dev/null); then return 0; fi
  # Node shows the place of its own that found the fault first, and the way there last.
  printf '%s\n' "$found" |
    grep -v -e '^ *at ' -e '^node:internal' -e '^Node\.js v' -e 'Container ' -e 'triggerUncaught' -e '^ *^$' -e '^ *code: ' -e '^}$' -e '^ *$' |
    sed 's|file:///quartet/||; s|/quartet/||g; s| {$||'
}

# Whether the running container of a part has another image than the one that is built.
is_outdated() {
  container=$(docker compose ps --quiet "$1")
  [ -n "$container" ] || return 0
  built=$(docker compose config --format json | sed -n 's/^ *"name": "\([^"]*\)",*$/\1/p' | head -n 1)-$1
  [ "$(docker inspect --format '{{.Image}}' "$container")" != "$(docker image inspect --format '{{.Id}}' "$built")" ]
}

# Puts a part with its built image in the place of the running one, after a look whether that image starts. Says why not.
replace_part() {
  why=$(why_refused "$1")
  if [ -n "$why" ]; then
    say "$1 still runs as it was, because its new code cannot be loaded:"
    say "$why"
    return 1
  fi
  if docker compose up --detach --no-deps --force-recreate --no-build --quiet-pull --wait --wait-timeout "$wait_s" "$1" >/dev/null 2>&1
  then return 0; fi
  say "$1 does not start: it is tried again and again. Its last lines:"
  last_lines "$1" >&2
  return 1
}

# Prints the state of every part. Returns 1 when one is not ready.
show_status() {
  if [ -z "$(docker compose ps --quiet --status running)" ]; then
    echo 'Quartet is not running in Docker: make up'
    return 1
  fi
  all_ready=0
  status_row part state container restarts 'started (UTC)'
  for one in $(parts); do
    container=$(docker compose ps --all --quiet "$one")
    set -- stopped - - -
    # shellcheck disable=SC2046
    [ -z "$container" ] || set -- $(docker inspect --format "$status_format" "$container")
    case "$1" in
      healthy) state=ready ;;
      stopped) state=stopped ;;
      *) state='not ready' ;;
    esac
    [ "$state" = ready ] || all_ready=1
    status_row "$one" "$state" "$2" "$3" "$4"
  done
  echo "gateway: http://localhost:${GATEWAY_PORT:-8080}"
  return $all_ready
}
status_row() { printf '%-14s%-12s%-15s%-10s%s\n' "$@"; }

# Builds the images of these parts. Says why it cannot.
build_parts() {
  if built=$(docker compose build --quiet "$@" 2>&1); then return 0; fi
  say "The images cannot be built, so everything stays as it was:"
  printf '%s\n' "$built" | grep -v '^ *$' | tail -n 25 >&2
  return 1
}
