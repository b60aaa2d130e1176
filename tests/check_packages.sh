#!/bin/sh
# Whether Sheaf and its packages have one version, and what a package index would get of them can be installed and used
# (see check_packages.py).
# Usage: tests/check_packages.sh [BINARY]      (default: build/release/sheaf)
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
exec "$root/build/venv/bin/python" "$root/tests/check_packages.py" "${1:-$root/build/release/sheaf}"
