#!/bin/sh
# Autobahn's WebSocket cases through build/release/sheaf: in front of an echo, without and with TLS, with batching and
# compression off and as shipped; and from the suite as the backend, in batches, to an echoing client that unbatches. Takes
# about twenty minutes; not part of tests/run.sh. Reports are left in build/autobahn.
# Usage: tests/autobahn.sh [off|off-tls|shipped|shipped-tls|unbatching ...] [options of kosoku, such as -i '9.*']
# SHEAF_BINARY names another program.
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
# The unbatching echo runs on `websockets`, whose limit of fragments 9.3 and 9.4 exceed.
export WEBSOCKETS_MAX_FRAGMENTS=100000 PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$root/batching/clients/python"
exec "$root/build/venv/bin/python" -m harness.autobahn "$venv/bin/python" "$root/build/autobahn" "$@"
