#!/bin/sh
# Builds the release preset and measures Sheaf beside the installed peers; the arguments go to tests/bench/bench.py.
set -eu
cd "$(dirname "$0")/.."
cmake --preset release
cmake --build --preset release --target sheaf bench_generator bench_backend
exec python3 tests/bench/bench.py "$@"
