#!/bin/sh
# Builds Sheaf, starts the demo backend (a quote ticker: REST, WebSocket, Socket.IO) and Sheaf in front of it; Ctrl-C ends
# both. Environment: SHEAF_PORT (8080), ADMIN_PORT (9901), SHEAF_HOST (127.0.0.1); BACKEND_PORT: the backend listens there on
# 127.0.0.1, where it can be asked without Sheaf, too, instead of on a Unix socket.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
host=${SHEAF_HOST:-127.0.0.1}
port=${SHEAF_PORT:-8080}
backend_port=${BACKEND_PORT:-}
admin_port=${ADMIN_PORT:-9901}

say() { printf '== %s\n' "$*"; }

"$root/tests/install.sh" demo

# port_is_free ADDRESS PORT VARIABLE: says which variable to set where another program has the port.
port_is_free() {
  "$root/build/venv/bin/python" - "$@" <<'PYTHON'
import socket, sys
address, port, variable = sys.argv[1], sys.argv[2], sys.argv[3]
try:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((address, int(port)))
except (OSError, ValueError, OverflowError) as error:
    sys.exit(f"port {port} on {address} cannot be used ({error}): set {variable} to a free one, as in\n"
             f"  {variable}={int(port) + 1000 if port.isdigit() else 8080} docker/demo.sh")
PYTHON
}
port_is_free "$host" "$port" SHEAF_PORT
[ -z "$backend_port" ] || port_is_free 127.0.0.1 "$backend_port" BACKEND_PORT
port_is_free 127.0.0.1 "$admin_port" ADMIN_PORT

say "building Sheaf (release preset; the first time takes a few minutes)"
cd "$root"
cmake --preset release >build/configure-release.log 2>&1 || { cat build/configure-release.log >&2; exit 1; }
cmake --build --preset release --target sheaf

backend=""
sheaf=""
sockets=$(mktemp -d)
# shellcheck disable=SC2317,SC2329  # called by the traps
stop() {
  trap - EXIT INT TERM
  # Sheaf first, so that its clients are told before the backend goes away.
  for process in $sheaf $backend; do
    kill "$process" 2>/dev/null || true
    wait "$process" 2>/dev/null || true
  done
  rm -rf "$sockets"
  say "both are stopped"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

answers() { # answers URL, or answers unix:PATH
  "$root/build/venv/bin/python" - "$1" 2>/dev/null <<'PYTHON'
import socket, sys, urllib.request
place = sys.argv[1]
if place.startswith("unix:"):
    socket.socket(socket.AF_UNIX).connect(place[5:])
else:
    urllib.request.urlopen(place, timeout=1)
PYTHON
}

wait_for() { # wait_for PLACE PROCESS NAME
  tries=0
  until answers "$1"; do
    kill -0 "$2" 2>/dev/null || { echo "$3 ended before it was ready" >&2; exit 1; }
    tries=$((tries + 1))
    [ "$tries" -lt 60 ] || { echo "$3 is not ready after 60 tries: $1" >&2; exit 1; }
    sleep 0.25
  done
}

if [ -n "$backend_port" ]; then
  upstream=http://127.0.0.1:$backend_port
  direct="  the same without Sheaf             $upstream/"
  set -- --host 127.0.0.1 --port "$backend_port"
else
  upstream=unix:$sockets/app.sock
  direct="  the same without Sheaf             BACKEND_PORT=8000 docker/demo.sh has the backend listen there"
  # uvicorn believes X-Forwarded-* from 127.0.0.1 by itself, but of no Unix socket.
  set -- --uds "$sockets/app.sock" --forwarded-allow-ips='*'
fi

say "starting the demo backend on $upstream"
"$root/build/venv/bin/python" -m uvicorn demo.app:app --app-dir docker "$@" \
  --log-level warning --timeout-graceful-shutdown 3 &
backend=$!
wait_for "$upstream" "$backend" "the demo backend"

say "starting Sheaf on $host:$port"
build/release/sheaf --set "listen.address=$host:$port" --set "upstream.url=$upstream" \
  --set "admin.address=127.0.0.1:$admin_port" --set drain.delay=0s --set drain.timeout=3s --set log.level=warning &
sheaf=$!
wait_for "http://127.0.0.1:$admin_port/readyz" "$sheaf" "Sheaf"

cat <<TEXT

  the page, live through Sheaf       http://$host:$port/
$direct
  Sheaf's figures                    http://127.0.0.1:$admin_port/api/performance/websocket/stats
  Sheaf's metrics (Prometheus)       http://127.0.0.1:$admin_port/metrics

  Open the page in a browser, or try:  curl http://$host:$port/api/quotes
  Ctrl-C ends both.

TEXT
wait "$sheaf"
