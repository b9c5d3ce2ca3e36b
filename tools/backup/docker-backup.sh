# Backup, restore and replay of the compose system, in a container that has the volumes of all services. Folders go in and out
# of it as tar streams, so that it does not matter who may write where. Read by tools/stack/docker.sh.

case "$command" in
  backup)
    to=${TO:-backups/$(date -u +%Y-%m-%dT%H-%M-%SZ)}
    [ ! -e "$to" ] || fail "$to exists already."
    mkdir -p "$(dirname "$to")"
    (umask 077 && rm -rf "$to.part" && mkdir "$to.part")
    if docker compose run --rm -T --no-deps backup sh -c 'node tools/backup/main.ts backup /data /backup/files && tar -C /backup/files -cf - .' </dev/null |
      tar -C "$to.part" -xf - && [ -f "$to.part/manifest.json" ]; then
      mv "$to.part" "$to"
      say "make restore FROM=$to"
    else
      rm -rf "$to.part"
      fail "The backup failed (see above)."
    fi ;;
  restore)
    [ -n "${FROM:-}" ] || fail "Say which backup with FROM=, as in \`make restore FROM=backups/…\`."
    [ -f "$FROM/manifest.json" ] || fail "$FROM is no backup: it has no manifest.json."
    # A stopped container too keeps the broker's volume, and what was stopped may be started meanwhile.
    [ -z "$(docker compose ps --all --quiet)" ] || fail "Quartet is running, or has containers that are only stopped: stop everything first, with \`make down\`."
    restored=$(tar -C "$FROM" -cf - . |
      docker compose run --rm -T --no-deps backup sh -c 'mkdir /backup/files && tar -C /backup/files -xf - && node tools/backup/main.ts put-back /data /backup/files') ||
      fail "The restore did not get to its end (see above)."
    # What its messages tell of may not have happened any more; what has is in the outboxes. Until they are gone no service
    # starts.
    project=$(docker compose config --format json | sed -n 's/^ *"name": "\([^"]*\)",*$/\1/p' | head -n 1)
    volume="${project}_broker-data"
    docker volume rm --force "$volume" >/dev/null ||
      fail "The broker's messages cannot be removed (see above): remove the volume $volume and repeat the restore. Until then no service starts."
    docker compose run --rm -T --no-deps backup node tools/backup/main.ts allow-start /data </dev/null ||
      fail "The restore did not get to its end (see above): repeat it. Until then no service starts."
    say "$restored" ;;
  replay)
    docker compose run --rm -T --no-deps -e SINCE="${SINCE:-}" backup node tools/backup/main.ts replay /data </dev/null ;;
esac
