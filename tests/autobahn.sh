#!/bin/sh
# Autobahn's WebSocket cases against build/release/sheaf in front of an echo backend: with batching and compression off, then as
# shipped. Takes about eight minutes; not part of tests/run.sh. Reports are left in build/autobahn.
# Usage: tests/autobahn.sh [options of kosoku, such as -i '9.*']    SHEAF_BINARY names another program.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
"$root/tests/install.sh" all
venv=$root/build/autobahn/venv
if [ ! -x "$venv/bin/kosoku" ]; then
  # A place of its own: nothing else needs the package.
  mkdir -p "$root/build/autobahn"
  /usr/bin/python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check kosoku==0.1.0
fi
cd "$root/tests/integration"
exec env PYTHONDONTWRITEBYTECODE=1 "$root/build/venv/bin/python" -m harness.autobahn "$venv/bin/kosoku" "$root/build/autobahn" "$@"
