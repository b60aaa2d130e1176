#!/bin/sh
# uvicorn's own websocket tests, run directly, with a Sheaf in front of each server that they start, and with a Sheaf that
# shares links and sheaf-asgi around each application: what passes, and which tests differ and why (tests/uvicorn/expected.txt,
# expected_mux.txt). About eight minutes; not part of tests/run.sh.
# Usage: tests/uvicorn_suite.sh    SHEAF_BINARY names another program than build/release/sheaf.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
version=0.54.0
work=$root/build/uvicorn_suite
source=$work/uvicorn-$version
binary=${SHEAF_BINARY:-$root/build/release/sheaf}
[ -x "$binary" ] || { echo "$binary is not built: run cmake --preset release && cmake --build --preset release" >&2; exit 2; }
stamp=$(cat "$root/tests/uvicorn/requirements.txt" "$0" | sha256sum | cut -d' ' -f1)
if [ "$(cat "$work/.stamp" 2>/dev/null)" != "$stamp" ]; then
  mkdir -p "$work"
  [ -x "$work/venv/bin/python" ] || /usr/bin/python3 -m venv "$work/venv"
  "$work/venv/bin/pip" install --quiet --disable-pip-version-check -r "$root/tests/uvicorn/requirements.txt"
  # The source package, since only that has the tests; they import the uvicorn beside them.
  "$work/venv/bin/pip" download --quiet --disable-pip-version-check --no-deps --no-binary uvicorn --dest "$work" \
    "uvicorn==$version"
  rm -rf "$source"
  tar xzf "$work/uvicorn-$version.tar.gz" -C "$work"
  printf '%s\n' "$stamp" >"$work/.stamp"
fi
exec "$work/venv/bin/python" "$root/tests/uvicorn/suite.py" "$source" "$work/venv/bin/python" "$binary" "$work/reports"
