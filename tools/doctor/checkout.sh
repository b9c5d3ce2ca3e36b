# The checkout, its data and what runs of it. Read by doctor.sh.

# Where SQLite's write-ahead log is not safe, because the file system shares no memory between processes or loses locks.
is_unsafe_file_system() {
  case "$1" in nfs* | cifs | smb* | smbfs | 9p | v9fs | fuse.sshfs | sshfs | vboxsf | prl_fs | afpfs | webdav | drvfs) return 0 ;; esac
  return 1
}

# The kind of file system that a folder is on.
file_system_of() {
  if [ -r /proc/mounts ]; then
    device_path=$(df -P "$1" 2>/dev/null | awk 'NR == 2 { print $6 }')
    awk -v path="$device_path" '$2 == path { kind = $3 } END { print kind }' /proc/mounts
  else
    mount_point=$(df -P "$1" 2>/dev/null | awk 'NR == 2 { print $6 }')
    mount | sed -n "s|.* on $mount_point (\([^,)]*\).*|\1|p" | head -n 1
  fi
}

check_checkout() {
  for folder in . "$data" node_modules proto .build .tools; do
    [ -e "$folder" ] || continue
    [ -w "$folder" ] || bad checkout "$folder is not yours to write: give it to your user (chown), or clone anew."
  done
  # A link or a missing folder counts as the nearest folder that is there.
  folder=$data
  while [ ! -d "$folder" ] && [ "$folder" != . ] && [ "$folder" != / ]; do folder=$(dirname "$folder"); done
  kind=$(file_system_of "$folder")
  if [ "$mode" = native ] && is_unsafe_file_system "$kind"; then
    warn 'file system' "$data is on $kind, where SQLite's write-ahead log is not safe: set QUARTET_DATA_DIR= to a folder on a local disk."
  elif is_unsafe_file_system "$(file_system_of .)"; then
    warn 'file system' "the checkout is on $(file_system_of .), which is slow and tells no changes: clone it to a local disk."
  else ok 'file system' "${kind:-unknown}"; fi
}

# Status of a recorded process: "name pid startTicks startTime", one a line.
recorded_processes() {
  [ -f "$data/run/stack.json" ] || return 0
  awk -F '"' '
    /"name":/ { name = $4 } /"pid":/ { gsub(/[^0-9]/, ""); pid = $0 } /"startTicks":/ { ticks = $4 }
    /"startTime":/ { gsub(/[^0-9]/, ""); print name, pid, ticks, $0 }' "$data/run/stack.json"
}

# Whether the process of this number is the one that was started then.
is_same() { [ "$(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20)" = "$2" ]; }

check_leftovers() {
  [ "$mode" = native ] || return 0
  if is_supervised || [ ! -f "$data/run/stack.json" ]; then
    ok 'earlier run' 'nothing left over'
    return
  fi
  left=$(recorded_processes | while read -r name pid ticks _; do is_same "$pid" "$ticks" && printf '%s (%s) ' "$name" "$pid"; done)
  if [ -n "$left" ]; then warn 'earlier run' "its supervisor is dead and ${left}still run: \`make down\` ends them, and so does \`make up\`."
  else warn 'earlier run' 'its supervisor was killed and left its record: `make up` cleans up.'; fi
}

# Sources of a service that were written after a time (seconds since the epoch).
newer_sources() {
  reference=$(mktemp 2>/dev/null) || return 0
  if touch -d "@$2" "$reference" 2>/dev/null; then
    find "$1/src" "$1/migrations" chassis/src chassis/migrations proto/gen -type f ! -name '*.test.ts' -newer "$reference" 2>/dev/null | wc -l | tr -d ' '
  fi
  rm -f "$reference"
}

check_age() {
  is_running || return 0
  old=''
  if [ "$mode" = native ]; then
    old=$(recorded_processes | while read -r name _ _ time; do
      case "$name" in *-svc) count=$(newer_sources "$name" $((time / 1000 + 1))) ;; *) count=0 ;; esac
      [ "${count:-0}" = 0 ] || printf '%s (%s files) ' "$name" "$count"
    done)
  else
    for name in *-svc; do
      container=$(docker compose ps --quiet "$name" 2>/dev/null)
      [ -n "$container" ] || continue
      created=$(docker inspect --format '{{.Created}}' "$container" 2>/dev/null)
      created=$(date -d "$created" +%s 2>/dev/null) || continue
      count=$(newer_sources "$name" "$created")
      [ "${count:-0}" = 0 ] || old="$old$name ($count files) "
    done
  fi
  if [ -n "$old" ]; then warn 'what runs' "is older than the checkout: ${old}- make redeploy SVC= takes in what changed, make dev does it by itself."
  else ok 'what runs' 'is what is checked out'; fi
}
