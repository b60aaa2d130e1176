#!/bin/sh
# Whether the manifests in docker/k8s are sound and their conf files valid (see check_sidecar.py).
# Usage: tests/check_sidecar.sh [BINARY]      (default: build/release/sheaf)
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
exec "$root/build/venv/bin/python" "$root/tests/check_sidecar.py" "${1:-$root/build/release/sheaf}"
