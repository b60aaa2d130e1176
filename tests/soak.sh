#!/bin/sh
# Builds the release preset and soaks Sheaf: millions of short connections, after which nothing may be left of them.
# The arguments go to tests/bench/soak.py: --connections N (2,000,000), --minutes M (20, the longest), --preset NAME.
# After "reload" they go to tests/bench/reload.py, which reloads a thousand times under 9,000 WebSockets and 2,000
# connections a second: --reloads N, --clients N, --at-once N. After "backends" they go to tests/bench/backends.py, which
# kills, restarts and changes the processes under 10,000 Socket.IO sessions: --sessions N, --reloads N.
set -eu
cd "$(dirname "$0")/.."
script=soak.py
python=python3
if [ "${1:-}" = reload ] || [ "${1:-}" = backends ]; then
  script=$1.py
  python=build/venv/bin/python
  shift
fi
preset=release
if [ "${1:-}" = --preset ]; then
  preset=${2:?--preset needs a name}
  shift 2
fi
cmake --preset "$preset"
cmake --build --preset "$preset" --target sheaf bench_generator bench_backend
exec "$python" "tests/bench/$script" --sheaf "build/$preset/sheaf" --programs "build/$preset/bench" "$@"
