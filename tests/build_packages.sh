#!/bin/sh
# Builds what a package index gets: wheel and source distribution of sheaf-asgi and sheaf-batch, and npm's sheaf-batch.
# Usage: tests/build_packages.sh [FOLDER]      (default: build/packages)      Needs tests/install.sh.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
exec "$root/build/venv/bin/python" "$root/tests/packages/building.py" "${1:-$root/build/packages}"
