#!/bin/sh
# Builds the release preset and measures Sheaf. The arguments go to tests/bench/bench.py, which measures it beside the
# installed peers; after "adaptive" to tests/bench/adaptive.py, which measures latency over the message rate; after
# "slow-clients" to tests/bench/slow_clients.py, which measures what the others notice of clients that stall.
set -eu
cd "$(dirname "$0")/.."
cmake --preset release
cmake --build --preset release --target sheaf bench_generator bench_backend
case ${1:-} in
  adaptive) script=adaptive.py; shift ;;
  slow-clients) script=slow_clients.py; shift ;;
  *) script=bench.py ;;
esac
exec python3 "tests/bench/$script" "$@"
