#!/bin/sh
# The Docker side of make up, dev, down, status, logs, redeploy, debug, reset, seed, admin, audit, backup, restore, replay and parked. Needs no Node on the host.
set -eu

command=$1
part=${2:-}
data=${QUARTET_DATA_DIR:-.data}
admin_email=admin@quartet.example
admin_file="$data/admin.json"
refused=3 # exit code of the seed when the administrator cannot log in

say() { printf '%s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

docker compose version >/dev/null 2>&1 || fail "Docker has no compose plugin here: install docker-compose-plugin (version 2.20 or later), or use MODE=native on Linux."

. tools/stack/docker-parts.sh

# One project has one checkout: another folder's containers are not ours to stop or to replace.
only_ours() {
  for container in $(docker compose ps --all --quiet); do
    folder=$(docker inspect --format '{{index .Config.Labels "com.docker.compose.project.working_dir"}}' "$container")
    [ "$folder" = "$PWD" ] || [ "$folder" = "$(pwd -P)" ] ||
      fail "The compose project of this name was started from $folder: use that folder, or another name with COMPOSE_PROJECT_NAME=."
  done
}

need_running() {
  [ -n "$(docker compose ps --quiet --status running)" ] || fail "Quartet is not running: make up"
}

# Gives the administrator a new random password, which user-svc makes and prints as its last line.
reset_admin() {
  password=$(docker compose exec -T user-svc node --conditions=source src/set-admin.ts "$admin_email" </dev/null | tail -n 1)
  [ -n "$password" ] || fail "user-svc could not set the administrator's password: make logs SVC=user-svc"
  mkdir -p "$data"
  (umask 077 && printf '{"email":"%s","password":"%s"}\n' "$admin_email" "$password" >"$admin_file.part")
  mv "$admin_file.part" "$admin_file"
}

# What a service has parked, or what all have: in its container or, when it does not run, in one like it.
show_parked() {
  action=show
  [ -z "${REPLAY:-}" ] || action=replay
  [ -z "${ID:-}" ] || [ -z "${ALL:-}" ] || fail "Say either ID= or ALL=1."
  [ -z "${REPLAY:-}" ] || [ -n "${ID:-}${ALL:-}" ] || fail "Say which to try again: ID=, or ALL=1 for all."
  [ -z "${ID:-}" ] || [ -n "$1" ] || fail "Say whose message that is: SVC=order-svc, for instance."
  worst=0
  for service in ${1:-$(parts | grep -e '-svc$')}; do
    case "$service" in *-svc) need_part "$service" ;; *) fail "SVC= takes a service: order-svc, for instance." ;; esac
    set -- run --rm --no-deps
    [ -z "$(docker compose ps --quiet --status running "$service")" ] || set -- exec
    # shellcheck disable=SC2016
    set -- "$@" -T "$service" sh -c 'exec node --conditions=source ../chassis/src/parked/main.ts "$DATA_DIR/$0.sqlite" "$@"'
    docker compose "$@" "$service" "${ID:-all}" "$action" </dev/null || worst=1
  done
  return $worst
}

run_seed() { docker compose run --rm -T --no-deps seed <"$admin_file"; }

seed() {
  docker compose build --quiet seed
  if [ ! -f "$admin_file" ]; then reset_admin; fi
  code=0
  run_seed || code=$?
  if [ "$code" = "$refused" ]; then
    reset_admin
    code=0
    run_seed || code=$?
  fi
  [ "$code" = 0 ] || fail "The seed failed (see above)."
  say "Administrator $admin_email: for the password see \`make admin\`"
}

what_to_try() {
  base="localhost:${GATEWAY_PORT:-8080}"
  cat <<TEXT

Quartet is up (docker).

  gateway   http://$base   HTTP/JSON, gRPC, gRPC-Web and Connect
  RabbitMQ  http://localhost:${RABBITMQ_MANAGEMENT_PORT:-15672}   user quartet, password: docker compose exec rabbitmq cat /secret/password

Try:
  curl 'http://$base/v1/products?pageSize=3'
  grpcurl -plaintext $base list
  curl -X POST http://$base/v1/users -H 'content-type: application/json' \\
    -d '{"email": "ada@example.com", "password": "a long enough password", "displayName": "Ada"}'

  make admin    the administrator's password        make logs SVC=order-svc    follow a service
  make status   what runs                           make down                  stop; data stays
TEXT
}

up() {
  only_ours
  mkdir -p "$data/run"
  : >"$data/run/docker"
  docker compose up --build --detach --wait || {
    docker compose ps --all >&2
    fail "Not everything became ready (see above): make logs SVC= shows why."
  }
  seed
}

case "$command" in
  up)
    trap 'say "Interrupted. What has started goes on in the background: \`make down\` stops it."; exit 130' INT
    up
    what_to_try ;;
  dev) . tools/dev/docker-dev.sh ;;
  down)
    only_ours
    docker compose down --remove-orphans ;;
  status) show_status ;;
  logs)
    [ -z "$part" ] || need_part "$part"
    if [ "${FOLLOW:-}" = 0 ]; then follow='' tail=${LINES:-all}
    else follow=--follow tail=${LINES:-100}; fi
    docker compose logs --no-color $follow --tail "$tail" ${part:+"$part"} | readable ;;
  redeploy)
    need_part "$part"
    only_ours
    need_running
    build_parts "$part" && replace_part "$part" || exit 1
    say "$part runs the current code" ;;
  debug)
    need_part "$part"
    case "$part" in *-svc) ;; *) fail "Only a service runs under Node's inspector: SVC=order-svc, for instance." ;; esac
    need_running
    inspect=--inspect
    [ "${BREAK:-}" != 1 ] || inspect=--inspect-brk
    build_parts "$part" || exit 1
    docker compose stop "$part"
    trap 'docker compose start "$part"' EXIT
    trap : INT TERM
    say "$part runs here under the inspector, at 127.0.0.1:${DEBUG_PORT:-9229}; Ctrl-C gives its place back."
    docker compose run --rm --no-deps --use-aliases --publish "127.0.0.1:${DEBUG_PORT:-9229}:9229" "$part" \
      node "$inspect=0.0.0.0:9229" --conditions=source src/main.ts ;;
  reset)
    only_ours
    docker compose down --volumes --remove-orphans
    rm -f "$data/run/docker" ;;
  seed)
    need_running
    seed ;;
  backup | restore | replay)
    only_ours
    docker compose build --quiet backup
    . tools/backup/docker-backup.sh ;;
  parked)
    only_ours
    show_parked "$part" ;;
  audit)
    need_running
    docker compose build --quiet seed
    . tools/audit/docker-audit.sh ;;
  admin)
    need_running
    reset_admin
    printf 'email:    %s\npassword: %s\n(kept in %s)\n' "$admin_email" "$password" "$admin_file" ;;
  *) fail "unknown command $command" ;;
esac
