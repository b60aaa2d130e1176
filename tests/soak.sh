#!/bin/sh
# Builds the release preset and soaks Sheaf: millions of short connections, after which nothing may be left of them.
# The arguments go to tests/bench/soak.py: --connections N (2,000,000), --minutes M (20, the longest), --preset NAME.
set -eu
cd "$(dirname "$0")/.."
preset=release
if [ "${1:-}" = --preset ]; then
  preset=${2:?--preset needs a name}
  shift 2
fi
cmake --preset "$preset"
cmake --build --preset "$preset" --target sheaf bench_generator bench_backend
exec python3 tests/bench/soak.py --sheaf "build/$preset/sheaf" --programs "build/$preset/bench" "$@"
