#!/bin/sh
# Whether the types of the Python decoders are right, by the strictest rules. Needs tests/install.sh.
set -eu
cd "$(dirname "$0")/../batching/clients/python"
exec ../../../build/venv/bin/mypy --cache-dir=/dev/null
