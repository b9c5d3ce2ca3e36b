# The machine itself. Read by doctor.sh.

memory_needed_mb=1500
disk_needed_mb=500
disk_wanted_mb=3000
files_needed=512
files_wanted=1024
clock_skew_max_s=2

is_musl() { ls /lib/ld-musl-* >/dev/null 2>&1; }
is_wsl() { grep -qi microsoft /proc/version 2>/dev/null; }
is_container() { [ -e /.dockerenv ] || [ -e /run/.containerenv ] || [ -n "${KUBERNETES_SERVICE_HOST:-}" ]; }
is_fetchable_machine() {
  [ "$system" = Linux ] || return 1
  case "$machine" in x86_64 | amd64 | aarch64 | arm64) ;; *) return 1 ;; esac
}

check_system() {
  where=''
  if is_container; then where=', in a container'; fi
  if is_wsl; then where=', in WSL'; fi
  if [ "$system" != Linux ]; then
    if [ "$mode" = native ]; then bad system "$system $machine: native processes run on Linux only, so install and start Docker."
    else ok system "$system $machine"; fi
  elif ! is_fetchable_machine && [ "$mode" = native ]; then
    warn system "Linux $machine$where: Quartet fetches programs for x64 and arm64 only, so install Node 24 and Envoy yourself (ENVOY_BIN=)."
  elif is_musl && [ "$mode" = native ]; then
    warn system "Linux $machine with musl$where: there is no Envoy to fetch for musl, so set ENVOY_BIN= or use Docker."
  else ok system "Linux $machine$where"; fi
}

# What is free, or what the control group leaves where that is less.
available_mb() {
  if [ -r /proc/meminfo ]; then
    free_mb=$(awk '/^MemAvailable:/ { print int($2 / 1024) }' /proc/meminfo)
    limit=$(cat /sys/fs/cgroup/memory.max 2>/dev/null || echo max)
    used=$(cat /sys/fs/cgroup/memory.current 2>/dev/null || echo 0)
    case "$limit" in
      *[!0-9]* | '') ;;
      *)
        left=$(((limit - used) / 1048576))
        [ "$left" -ge "$free_mb" ] || free_mb=$left ;;
    esac
    echo "$free_mb"
  elif has sysctl; then echo $(($(sysctl -n hw.memsize 2>/dev/null || echo 0) / 1048576))
  fi
}

check_memory() {
  found=$(available_mb)
  if [ -z "$found" ] || [ "$found" = 0 ]; then warn memory "unknown: Quartet needs about $memory_needed_mb MB."
  elif is_running; then ok memory "$found MB free beside what runs"
  elif [ "$found" -lt "$memory_needed_mb" ]; then warn memory "$found MB free of the $memory_needed_mb MB that Quartet needs: end other programs first."
  else ok memory "$found MB free"; fi
}

check_disk() {
  found=$(df -Pk "$root" 2>/dev/null | awk 'NR == 2 { print int($4 / 1024) }')
  if [ -z "$found" ]; then warn disk "unknown: Quartet needs about $disk_wanted_mb MB."
  elif [ "$found" -lt "$disk_needed_mb" ]; then bad disk "$found MB free: make room for $disk_wanted_mb MB."
  elif [ "$found" -lt "$disk_wanted_mb" ]; then warn disk "$found MB free: packages, images and logs want $disk_wanted_mb MB, so make room."
  else ok disk "$found MB free"; fi
}

check_file_limit() {
  found=$(ulimit -n)
  if [ "$found" = unlimited ] || [ "$found" -ge "$files_wanted" ]; then ok 'open files' "$found"
  elif [ "$mode" = docker ]; then ok 'open files' "$found (containers have their own limit)"
  elif [ "$found" -lt "$files_needed" ]; then bad 'open files' "limited to $found, and the broker and Envoy need more: run \`ulimit -n 4096\` first."
  else warn 'open files' "limited to $found: under load that is few, so run \`ulimit -n 4096\` first."; fi
}

milliseconds() {
  found=$(date +%s%N)
  case "$found" in *[!0-9]*) return 1 ;; *) echo $((found / 1000000)) ;; esac
}

# Wall and monotonic clock side by side for a second, and the clock of the file system.
check_clock() {
  probe=$(mktemp "$root/.doctor.XXXXXX" 2>/dev/null) || probe=''
  skew=0
  if [ -n "$probe" ]; then
    written=$(stat -c %Y "$probe" 2>/dev/null || stat -f %m "$probe" 2>/dev/null || date +%s)
    skew=$(($(date +%s) - written))
    rm -f "$probe"
  fi
  jump=0
  if [ -r /proc/uptime ] && start=$(milliseconds); then
    up=$(awk '{ print int($1 * 1000) }' /proc/uptime)
    sleep 1
    jump=$((($(milliseconds) - start - $(awk '{ print int($1 * 1000) }' /proc/uptime) + up) / 500))
  fi
  if [ "${skew#-}" -gt "$clock_skew_max_s" ]; then warn clock "the file system's clock is $skew s away from this machine's, and make decides by times: set both by NTP."
  elif [ "$jump" != 0 ]; then warn clock "it jumps (by half a second or more within one): tokens and deadlines go by it, so look at NTP or the virtual machine."
  elif [ -n "$(find package.json -newermt "$(date '+%Y-%m-%d %H:%M:%S')" 2>/dev/null)" ]; then warn clock "$(date -u '+%Y-%m-%d') is before the checkout was made: set the clock, for TLS and tokens go by it."
  else ok clock "steady, $(date -u '+%Y-%m-%dT%H:%M:%SZ')"; fi
}

check_umask() {
  found=$(umask)
  case "$found" in
    *[2-7]??) bad umask "$found takes your own rights from new files: run \`umask 022\` first." ;;
    *[0145]) warn umask "$found lets everybody write new files: run \`umask 022\` first." ;;
    *) ok umask "$found" ;;
  esac
}
