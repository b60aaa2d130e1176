#!/bin/sh
# Whether the Kubernetes manifests are sound, and whether the rules that say so catch what they are for (tests/kubernetes).
# Asks no cluster. Usage: tests/check_kubernetes.sh [BINARY]      (default: build/release/sheaf)
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
binary=$(realpath -- "${1:-$root/build/release/sheaf}")
cd "$root/tests/kubernetes"
SHEAF_BINARY=$binary PYTHONDONTWRITEBYTECODE=1 exec "$root/build/venv/bin/python" -m pytest -q -p no:cacheprovider .
