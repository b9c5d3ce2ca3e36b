# Audits the compose system: each service reads its own file, in the order that the plan says, and a container without any
# package judges. Read by tools/stack/docker.sh.

damaged=3 # exit code of answer-queries when the file is damaged or gone; its last line says why

# A line of the plan: which service to ask, for which of its files, and what, in one transaction. One that does not run, or not
# for long, as its file may be damaged, is asked in a container like its own.
take_look() {
  how=exec
  if [ -z "$(docker compose ps --quiet --status running "$1")" ] && [ -n "$(docker compose ps --all --quiet "$1")" ]; then
    how='run --rm --no-deps'
  fi
  # shellcheck disable=SC2086
  if answer=$(printf '%s' "$3" | docker compose $how -T "$1" node ../chassis/src/answer-queries.ts "/data/$2" 2>/dev/null); then
    printf 'rows %s\n' "$answer"
  elif [ $? = "$damaged" ]; then
    printf 'damaged %s\n' "$(printf '%s\n' "$answer" | tail -n 1)"
  else
    printf 'unseen %s: its container does not answer\n' "$1"
  fi
}

# How many messages are in each queue. Returns 1 when the broker does not answer.
look_at_queues() {
  depths=$(docker compose exec -T rabbitmq rabbitmqctl --quiet --no-table-headers list_queues name messages 2>/dev/null </dev/null) || return 1
  echo queues
  printf '%s\n' "$depths" | sed -n 's/^\([a-z.-]*\)[[:space:]]\{1,\}\([0-9]\{1,\}\)$/queue \1 \2/p'
}

read_everything() {
  healthy=$(docker compose ps --format '{{.Service}} {{.Health}}' | sed -n 's/ healthy$//p')
  for name in user-svc product-svc order-svc payment-svc rabbitmq; do
    printf '%s\n' "$healthy" | grep -qx "$name" || echo "down $name"
  done
  queues=$(look_at_queues) || queues=
  [ -z "$queues" ] || printf '%s\n' "$queues"
  docker compose run --rm -T --no-deps seed node tools/audit/print-plan.ts 2>/dev/null </dev/null |
    while read -r service file queries; do take_look "$service" "$file" "$queries"; done
  # A service takes its dead letters out at once: is it stuck?
  if printf '%s\n' "$queues" | grep -q '\.dead [1-9]'; then look_at_queues || :; fi
}

read_everything |
  docker compose run --rm -T --no-deps -e WAIT_S="${WAIT_S:-}" seed node tools/audit/judge-reading.ts
