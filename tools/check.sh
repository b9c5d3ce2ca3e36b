#!/bin/sh
# Runs every check that starts nothing, reports all that fail, and exits with 1 if any does. Part of `make check`.
set -u
cd "$(dirname -- "$0")/.." || exit 1
failed=''

check() {
  name=$1
  shift
  if output=$("$@" 2>&1); then echo "ok      $name"
  else
    printf '%s\n' "$output"
    echo "FAILED  $name"
    failed="$failed, $name"
  fi
}

check 'format and lint' biome ci --colors=off --error-on-warnings .
check 'types' tsc -p tsconfig.json --noEmit
check 'contract lint' buf lint
check 'contract policy' node tools/contract/check-policy.ts
check 'contract compatible with the released one' node tools/contract/check-breaking.ts
check 'gateway follows the contract' node tools/gateway/generate.ts --check

[ -z "$failed" ] || { echo "Checks failed: ${failed#, }"; exit 1; }
