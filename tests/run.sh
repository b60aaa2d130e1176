#!/bin/sh
# Builds Sheaf and runs every test: unit tests, checks, and the integration tests in front of real backends.
# Usage: tests/run.sh [--preset release|debug|asan|tsan] [ctest options, such as -R websocket or -L integration]
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
preset=release
if [ "${1:-}" = --preset ]; then
  preset=${2:?--preset needs a name}
  shift 2
fi
case $preset in
  release | debug | asan | tsan) ;;
  *) echo "unknown preset '$preset': release, debug, asan or tsan" >&2; exit 2 ;;
esac

say() { printf '== %s\n' "$*"; }

"$root/tests/install.sh" all
cd "$root"
say "building the $preset preset"
cmake --preset "$preset" >"$root/build/configure-$preset.log" 2>&1 || { cat "$root/build/configure-$preset.log" >&2; exit 1; }
cmake --build --preset "$preset"
say "testing the $preset preset"
# Three slots a core, since most of the tests wait most of the time; those that compute take three (tests/CMakeLists.txt).
# Under a sanitizer more of them compute.
slots=$(($(nproc) * 3))
case $preset in asan | tsan) slots=$(nproc) ;; esac
exec ctest --test-dir "build/$preset" --output-on-failure --no-tests=error --parallel "$slots" "$@"
