# make dev where the stack runs in Docker, without Node on the host. Read by tools/stack/docker.sh.
#
# Images are built again from what changed, and only a container whose image became another one is replaced, after a look
# whether the new one starts. docker compose watch would replace it in any case, and Docker would start a broken one for ever.

look_interval_s=1
pipe="$data/run/dev.pipe"
stamp="$data/run/dev.stamp"
services=$(echo *-svc)
git_lock=$(git rev-parse --git-path index.lock 2>/dev/null || true)

# A line in the same stream as those of the parts, in a form that tools/logs reads.
tell() { printf 'dev-1 | %s [%s] %s\n' "$(date -u '+%Y-%m-%d %H:%M:%S.000+00:00')" "$1" "$2" >&3 2>/dev/null || true; }
tell_all() { while IFS= read -r line; do tell error "$line"; done; }

# Paths that were written after the stamp; a folder stands for what was removed from it. Tests are in no image.
changed() {
  find chassis/src chassis/migrations proto/shop buf.yaml buf.gen.yaml package-lock.json envoy tools/gateway \
    *-svc/src *-svc/migrations -newer "$1" ! -name '*.test.ts' ! -name '.*' ! -name '*~' 2>/dev/null
}

# The parts whose images hold these paths.
parts_of() {
  for path in $1; do
    case "$path" in
      chassis/*) echo "$services" ;;
      proto/* | buf* | package-lock.json) echo "$services envoy" ;;
      envoy/* | envoy | tools/gateway*) echo envoy ;;
      *) echo "${path%%/*}" ;;
    esac
  done | tr ' ' '\n' | sort -u
}

# Also the copy in the checkout follows the contract.
fill_in_gateway() { docker build --quiet --file envoy/Dockerfile --target filled --output envoy . >/dev/null 2>&1 || true; }

reload() {
  wanted=$(parts_of "$1")
  case "$1" in *proto/* | *buf*) fill_in_gateway ;; esac
  # shellcheck disable=SC2086
  if ! said=$(build_parts $wanted 2>&1); then
    printf '%s\n' "$said" | tell_all
    return
  fi
  for one in $wanted; do
    is_outdated "$one" || continue
    tell info "$one is reloaded: $(printf '%s' "$1" | tr '\n' ' ' | cut -c 1-200)"
    if said=$(replace_part "$one" 2>&1); then tell info "$one is ready"
    else printf '%s\nThe next change tries again.\n' "$said" | tell_all; fi
  done
}

finish() {
  trap '' INT TERM HUP
  exec 3>&-
  kill "$follower" 2>/dev/null || true
  wait "$follower" "$reader" 2>/dev/null || true
  rm -f "$pipe" "$stamp" "$stamp.next"
  if [ "$was_running" = yes ]; then say "What ran before goes on: \`make down\` stops it."
  else
    docker compose down --remove-orphans
    say "Stopped; data stays."
  fi
  exit 0
}

was_running=no
[ -z "$(docker compose ps --quiet --status running)" ] || was_running=yes
mkdir -p "$data/run"
rm -f "$pipe"
mkfifo "$pipe"
touch "$stamp"
up

readable <"$pipe" &
reader=$!
docker compose logs --no-color --follow --tail 10 >"$pipe" 2>/dev/null &
follower=$!
exec 3>"$pipe"
trap finish INT TERM HUP
# Ctrl-C ends the reader too: what is told after that is lost, not fatal.
trap '' PIPE
tell info "Watching the sources of $PWD. Gateway: http://localhost:${GATEWAY_PORT:-8080}. Ctrl-C ends."

while kill -0 "$follower" 2>/dev/null && kill -0 "$reader" 2>/dev/null; do
  sleep "$look_interval_s"
  [ -n "$(changed "$stamp")" ] || continue
  # An editor saves in several steps and Git many files: wait until nothing changes any more.
  while :; do
    touch "$stamp.next"
    sleep "$look_interval_s"
    [ -z "$git_lock" ] || [ ! -e "$git_lock" ] || continue
    [ -n "$(changed "$stamp.next")" ] || break
  done
  found=$(changed "$stamp")
  mv "$stamp.next" "$stamp"
  reload "$found"
done
say "The stack was stopped by somebody else."
finish
