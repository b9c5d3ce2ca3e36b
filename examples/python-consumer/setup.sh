#!/bin/sh
# Makes a virtual environment with the packages of requirements.txt and the code of the contract:
#   sh examples/python-consumer/setup.sh [FOLDER]        default: .build/python-consumer
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
root=$(CDPATH='' cd -- "$here/../.." && pwd)
venv=${1:-$root/.build/python-consumer}
python=${PYTHON:-python3}

fail() { printf '%s\n' "$*" >&2; exit 1; }

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "Python 3.11 or later is needed: give it by PYTHON=."
[ -d "$root/.build/third-party" ] || fail "The contracts that ours import are missing: run make generate first, which needs npm."

"$python" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --require-hashes -r "$here/requirements.txt"

# The generated modules (shop, buf) are installed like a package. google.api and google.rpc come as one from PyPI.
site=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
cd "$root/proto"
"$venv/bin/python" -m grpc_tools.protoc -I . -I ../.build/third-party \
  "--python_out=$site" "--pyi_out=$site" "--grpc_python_out=$site" \
  $(find shop -name '*.proto') buf/validate/validate.proto
