#!/bin/sh
# Whether the Helm chart renders what Kubernetes and Sheaf accept, refuses what it should, and is what its README says
# (tests/chart). Asks no cluster. Usage: tests/check_chart.sh [BINARY]      (default: build/release/sheaf)
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
binary=$(realpath -- "${1:-$root/build/release/sheaf}")
cd "$root/tests/chart"
SHEAF_BINARY=$binary PYTHONDONTWRITEBYTECODE=1 exec "$root/build/venv/bin/python" -m pytest -q -p no:cacheprovider .
