#!/bin/sh
# The Docker side of make up, down, status, logs, redeploy, reset, seed and admin. Needs no Node on the host.
set -eu

command=$1
part=${2:-}
data=${QUARTET_DATA_DIR:-.data}
admin_email=admin@quartet.example
admin_file="$data/admin.json"
refused=3 # exit code of the seed when the administrator cannot log in

say() { printf '%s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

docker compose version >/dev/null 2>&1 || fail "Docker has no compose plugin here: install docker-compose-plugin (version 2.20 or later)."

# Gives the administrator a new random password, which user-svc makes and prints as its last line.
reset_admin() {
  password=$(docker compose exec -T user-svc node --conditions=source src/set-admin.ts "$admin_email" </dev/null | tail -n 1)
  [ -n "$password" ] || fail "user-svc could not set the administrator's password: make logs SVC=user-svc"
  mkdir -p "$data"
  (umask 077 && printf '{"email":"%s","password":"%s"}\n' "$admin_email" "$password" >"$admin_file.part")
  mv "$admin_file.part" "$admin_file"
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

case "$command" in
  up)
    docker compose up --build --detach --wait || {
      docker compose ps --all >&2
      fail "Not everything became ready (see above): docker compose logs SERVICE shows why."
    }
    seed
    what_to_try ;;
  down) docker compose down --remove-orphans ;;
  status) docker compose ps ;;
  logs) docker compose logs --follow --tail 100 ${part:+"$part"} ;;
  redeploy)
    [ -n "$part" ] || fail "Say which part with SVC=: $(docker compose config --services | sort | tr '\n' ' ')"
    docker compose up --build --detach --wait --no-deps "$part" ;;
  reset)
    docker compose down --volumes --remove-orphans
    rm -rf "$data"
    say "All data is gone: \`make up\` starts afresh." ;;
  seed) seed ;;
  admin)
    reset_admin
    printf 'email:    %s\npassword: %s\n(kept in %s)\n' "$admin_email" "$password" "$admin_file" ;;
  *) fail "unknown command $command" ;;
esac
