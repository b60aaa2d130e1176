#!/bin/sh
# Whether the types of the Python packages are right, by the strictest rules. Needs tests/install.sh.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
for folder in batching/clients/python pool/asgi; do
  (cd "$root/$folder" && "$root/build/venv/bin/mypy" --cache-dir=/dev/null)
done
