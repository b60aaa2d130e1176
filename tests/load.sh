#!/bin/sh
# Loads as a team has them: "original" runs the original's own table with Locust (tests/load/original.py), "chat" a chat UI whose
# answers grow token by token (tests/load/chat.py). --help after either tells its options.
# Usage: tests/load.sh original|chat [OPTIONS]      Needs a release build, or --sheaf BINARY, and tests/install.sh.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
what=${1:-}
case $what in
  original | chat) shift ;;
  *) sed -n '2,4s/^# //p' "$0" >&2; [ "$what" = --help ] && exit 0; exit 2 ;;
esac
ulimit -n "$(ulimit -Hn)"
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$root/build/load"
exec "$root/build/venv/bin/python" "$root/tests/load/$what.py" "$@"
