#!/bin/sh
# Whether Sheaf and its packages have one version, and the packages' READMEs stand on a package index as well as here
# (see check_packages.py).
# Usage: tests/check_packages.sh [BINARY]      (default: build/release/sheaf)
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
exec "$root/build/venv/bin/python" "$root/tests/check_packages.py" "${1:-$root/build/release/sheaf}"
