#!/bin/sh
# Whether the files for several processes behind one Sheaf agree: conf/backends.conf, conf/systemd, docker/compose.yaml (see
# check_processes.py).
# Usage: tests/check_processes.sh [BINARY]      (default: build/release/sheaf)
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
exec "$root/build/venv/bin/python" "$root/tests/check_processes.py" "${1:-$root/build/release/sheaf}"
