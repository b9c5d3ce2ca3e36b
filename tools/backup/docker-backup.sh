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
    [ -z "$(docker compose ps --quiet)" ] || fail "Quartet is running: stop everything first, with \`make down\`."
    tar -C "$FROM" -cf - . |
      docker compose run --rm -T --no-deps backup sh -c 'mkdir /backup/files && tar -C /backup/files -xf - && node tools/backup/main.ts restore /data /backup/files' ||
      fail "The restore did not get to its end (see above)."
    # What its messages tell of may not have happened any more; what has is in the outboxes.
    project=$(docker compose config --format json | sed -n 's/^ *"name": "\([^"]*\)",*$/\1/p' | head -n 1)
    docker volume rm --force "${project}_broker-data" >/dev/null ;;
  replay)
    docker compose run --rm -T --no-deps -e SINCE="${SINCE:-}" backup node tools/backup/main.ts replay /data </dev/null ;;
esac
