#!/bin/sh
# Whether the files for several processes behind one Sheaf agree: conf/backends.conf and conf/systemd (see check_processes.py);
# tests/check_compose.sh looks at docker/compose.yaml.
# Usage: tests/check_processes.sh
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
exec "$root/build/venv/bin/python" "$root/tests/check_processes.py"
