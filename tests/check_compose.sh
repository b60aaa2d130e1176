#!/bin/sh
# Whether docker/compose.yaml is sound, and what it mounts (see check_compose.py).
# Usage: tests/check_compose.sh [BINARY]      (default: build/release/sheaf)
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
exec "$root/build/venv/bin/python" "$root/tests/check_compose.py" "${1:-$root/build/release/sheaf}"
