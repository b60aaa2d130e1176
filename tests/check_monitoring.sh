#!/bin/sh
# Whether the rules and the dashboard in docker/monitoring are sound (see check_monitoring.py). That they fit a running Sheaf,
# tests/integration/test_monitoring.py shows.
# Usage: tests/check_monitoring.sh
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
exec "$root/build/venv/bin/python" "$root/tests/check_monitoring.py"
