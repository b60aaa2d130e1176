#!/bin/sh
# Builds the release preset and measures Sheaf. The arguments go to tests/bench/bench.py, which measures it beside the
# installed peers; after "adaptive" they go to tests/bench/adaptive.py, which measures latency over the message rate.
set -eu
cd "$(dirname "$0")/.."
cmake --preset release
cmake --build --preset release --target sheaf bench_generator bench_backend
script=bench.py
if [ "${1:-}" = adaptive ]; then
  script=adaptive.py
  shift
fi
exec python3 "tests/bench/$script" "$@"
