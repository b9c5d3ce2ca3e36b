# Every port that the stack will use. Read by doctor.sh. The same as in tools/stack/stack-config.ts: a test compares them.

port_settings() {
  echo 'GATEWAY_PORT 8080'
  sed -n 's/^  "\([a-z0-9-]*\)-svc": { rpc: \([0-9]*\), http: \([0-9]*\) },$/\1 \2 \3/p' tools/stack/stack-config.ts |
    while read -r name rpc http; do
      prefix=$(echo "$name" | tr 'a-z-' 'A-Z_')
      printf '%s\n' "${prefix}_RPC_PORT $rpc" "${prefix}_HTTP_PORT $http"
    done
  if [ "$mode" = docker ]; then echo 'RABBITMQ_MANAGEMENT_PORT 15672'
  else
    printf '%s\n' 'GATEWAY_ADMIN_PORT 9901' 'GATEWAY_METRICS_PORT 9902'
    [ -n "${AMQP_URL:-}" ] || printf '%s\n' 'AMQP_PORT 5673' 'AMQP_DISTRIBUTION_PORT 25673' 'EPMD_PORT 24369'
  fi
}

# The sockets that listen on a port, on any address that a loopback port collides with.
listening_inodes() {
  hex=$(printf '%04X' "$1")
  cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk -v port="$hex" '$4 == "0A" { split($2, local, ":"); if (local[2] == port) print $10 }'
}

# Who listens on a port: "PID NAME", "? another user's program", or nothing when it is free.
holder() {
  if [ -r /proc/net/tcp ]; then
    inodes=$(listening_inodes "$1")
    [ -n "$inodes" ] || return 0
    for inode in $inodes; do
      file=$(ls -l /proc/[0-9]*/fd 2>/dev/null | awk -v socket="socket:[$inode]" '
        /^\/proc\// { split($1, part, "/"); pid = part[3] } $NF == socket { print pid; exit }')
      [ -n "$file" ] || continue
      echo "$file $(cat "/proc/$file/comm" 2>/dev/null)"
      return 0
    done
    echo "? a program of another user"
  elif has lsof; then
    lsof -nP -iTCP:"$1" -sTCP:LISTEN 2>/dev/null | awk 'NR == 2 { print $2, $1 }'
  fi
}

# Whether a process belongs to the running stack of this checkout.
is_ours() {
  if [ "$mode" = native ]; then
    is_supervised && recorded_processes | awk -v pid="$1" '$2 == pid { found = 1 } END { exit !found }'
  else
    project=$(docker compose config 2>/dev/null | sed -n 's/^name: //p')
    [ -n "$(docker ps --quiet --filter "label=com.docker.compose.project=$project" --filter "publish=$2" 2>/dev/null)" ]
  fi
}

check_ports() {
  free=0
  ours=0
  seen=' '
  while read -r setting fallback; do
    eval "port=\${$setting:-$fallback}"
    case "$port" in
      *[!0-9]* | '' | ??????*) bad "$setting" "\"$port\" is no port: choose one from 1 to 65535."; continue ;;
    esac
    case "$seen" in *" $port "*) bad "$setting" "$port is used for something else of ours too: choose another."; continue ;; esac
    seen="$seen$port "
    found=$(holder "$port")
    if [ -z "$found" ]; then free=$((free + 1))
    elif is_ours "${found%% *}" "$port"; then ours=$((ours + 1))
    else bad "port $port" "is held by ${found#* }$(process_number "${found%% *}"): end that program, or choose another port with $setting=."; fi
  done <<TABLE
$(port_settings)
TABLE
  ok ports "$free free, $ours ours"
}

process_number() { [ "$1" = '?' ] || printf ' (process %s)' "$1"; }
