#!/bin/sh
# Whether the image's Dockerfiles, files and SBOM are sound, without building it (see check_image.py).
# Usage: tests/check_image.sh [BINARY]      (default: build/release/sheaf)
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
exec "$root/build/venv/bin/python" "$root/tests/check_image.py" "${1:-$root/build/release/sheaf}"
