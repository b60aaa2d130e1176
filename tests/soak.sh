#!/bin/sh
# Builds the release preset and soaks Sheaf: millions of short connections, after which nothing may be left of them.
# The arguments go to tests/bench/soak.py: --connections N (2,000,000), --minutes M (20, the longest), --preset NAME.
# After "reload" they go to tests/bench/reload.py, which reloads a thousand times under 9,000 WebSockets and 2,000
# connections a second: --reloads N, --clients N, --at-once N. After "backends" they go to tests/bench/backends.py, which
# kills, restarts and changes the processes under 10,000 Socket.IO sessions: --sessions N, --reloads N. After "deflate" to
# tests/bench/deflate.py, which has a million messages inflated by stock clients: --deliveries N, --each N, --client NAME.
set -eu
cd "$(dirname "$0")/.."
script=soak.py
python=python3
targets="sheaf bench_generator bench_backend"
case ${1:-} in
  reload | backends | deflate)
    script=$1.py
    python=build/venv/bin/python
    shift
    ;;
esac
if [ "$script" = deflate.py ]; then
  targets=tests/sheaf_ballast
  tests/stock_clients.sh --build gorilla coder java || true  # what is missing is told here and in the report
fi
preset=release
if [ "${1:-}" = --preset ]; then
  preset=${2:?--preset needs a name}
  shift 2
fi
cmake --preset "$preset"
# shellcheck disable=SC2086  # the targets are words
cmake --build --preset "$preset" --target $targets
if [ "$script" = deflate.py ]; then
  exec "$python" tests/bench/deflate.py --sheaf "build/$preset/tests/sheaf_ballast" "$@"
fi
exec "$python" "tests/bench/$script" --sheaf "build/$preset/sheaf" --programs "build/$preset/bench" "$@"
