#!/bin/sh
# Builds Sheaf, starts the demo backend (quotes over REST, WebSocket, Socket.IO and server-sent events) and Sheaf in front of
# it; the page compares the two. Ctrl-C ends both.
# Usage: docker/demo.sh [--workers N] [--mux]
# --workers N: as many processes of the backend, behind one Sheaf (1); the page says which serves
# --mux: clients share WebSockets to the backend, which runs under sheaf_asgi (upstream.mode = "mux")
# Environment: SHEAF_HOST (127.0.0.1) and SHEAF_PORT (8080): where Sheaf listens; BACKEND_PORT: where the backend does, on the
# same host (8000, or any free port where that one is taken; further processes take free ones); ADMIN_PORT (9901);
# SHEAF_BINARY: this one is run, and nothing is installed or built.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
host=${SHEAF_HOST:-127.0.0.1}
port=${SHEAF_PORT:-8080}
backend_port=${BACKEND_PORT:-}
admin_port=${ADMIN_PORT:-9901}
binary=${SHEAF_BINARY:-$root/build/release/sheaf}
python=$root/build/venv/bin/python

say() { printf '== %s\n' "$*"; }
usage() { echo "usage: $0 [--workers N] [--mux], N from 1 to 64" >&2; exit 2; }

workers=1
mux=""
while [ $# -gt 0 ]; do
  case $1 in
    --workers) [ $# -gt 1 ] || usage; workers=$2; shift 2 ;;
    --mux) mux=1; shift ;;
    *) usage ;;
  esac
done
case $workers in [1-9] | [1-5][0-9] | 6[0-4]) ;; *) usage ;; esac

[ -n "${SHEAF_BINARY:-}" ] || "$root/tests/install.sh" demo

# port_is_free ADDRESS PORT VARIABLE: says which variable to set where another program has the port.
port_is_free() {
  "$python" - "$@" <<'PYTHON'
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
any_free_port() { "$python" -c 'import socket, sys; s = socket.socket(); s.bind((sys.argv[1], 0)); print(s.getsockname()[1])' "$host"; }

port_is_free "$host" "$port" SHEAF_PORT
port_is_free 127.0.0.1 "$admin_port" ADMIN_PORT
if [ -n "$backend_port" ]; then
  port_is_free "$host" "$backend_port" BACKEND_PORT
elif port_is_free "$host" 8000 BACKEND_PORT 2>/dev/null; then
  backend_port=8000
else
  backend_port=$(any_free_port)
fi

cd "$root"
if [ -z "${SHEAF_BINARY:-}" ]; then
  say "building Sheaf (release preset; the first time takes a few minutes)"
  mkdir -p build
  cmake --preset release >build/configure-release.log 2>&1 || { cat build/configure-release.log >&2; exit 1; }
  cmake --build --preset release --target sheaf
fi

backends=""
sheaf=""
conf=$(mktemp)
# shellcheck disable=SC2317,SC2329  # called by the traps
stop() {
  trap - EXIT INT TERM
  # Sheaf first, so that its clients are told before the backend goes away.
  for process in $sheaf $backends; do
    kill "$process" 2>/dev/null || true
    wait "$process" 2>/dev/null || true
  done
  rm -f "$conf"
  say "both are stopped"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

answers() { "$python" -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=1)' "$1" 2>/dev/null; }

wait_for() { # wait_for URL PROCESS NAME
  tries=0
  until answers "$1"; do
    kill -0 "$2" 2>/dev/null || { echo "$3 ended before it was ready" >&2; exit 1; }
    tries=$((tries + 1))
    [ "$tries" -lt 60 ] || { echo "$3 is not ready after 60 tries: $1" >&2; exit 1; }
    sleep 0.25
  done
}

# Who listens everywhere is reached at loopback from here.
case $host in 0.0.0.0) here=127.0.0.1 ;; *) here=$host ;; esac

application=demo.app:app
if [ -n "$mux" ]; then
  # The secret that both have: who knows it can be any client to the backend.
  SHEAF_TOKEN=$("$python" -c 'import secrets; print(secrets.token_hex(32))')
  export SHEAF_TOKEN SHEAF_UPSTREAM_TOKEN="$SHEAF_TOKEN" SHEAF_UPSTREAM_MODE=mux
  export SHEAF_APP=$application SHEAF_DEMO_MUX=1 PYTHONPATH="$root/pool/asgi${PYTHONPATH:+:$PYTHONPATH}"
  application=sheaf_asgi:app
fi

start_backend() { # start_backend PORT
  SHEAF_DEMO_PROXY=http://$here:$port SHEAF_DEMO_ADMIN=http://127.0.0.1:$admin_port SHEAF_DEMO_PROCESSES=$workers \
    "$python" -m uvicorn "$application" --app-dir docker \
    --host "$host" --port "$1" --forwarded-allow-ips "127.0.0.1,$here" --log-level warning --timeout-graceful-shutdown 3 &
  backends="$backends $!"
  urls="${urls:+$urls,}http://$here:$1"
}

# A page's feed is made by one process. What asks about it comes there by its name; all else goes to the one with the fewest
# sessions, and what Socket.IO clients ask where their sessions are.
write_conf() {
  if [ "$workers" -eq 1 ]; then cat docker/demo/sheaf.conf; return; fi
  sed '/^path = "\/ws\/feed\/conflated"$/a backend = "feeds"' docker/demo/sheaf.conf
  cat <<TOML

[[backend]]
name = "feeds"
urls = ["$(printf '%s' "$urls" | sed 's/,/", "/g')"]
balance = "hash"
balance_key = "query:feed"

[[route]]
path = "/ws/feed"
backend = "feeds"

[[route]]
path = "/api/feed"
backend = "feeds"
TOML
}

urls=""
if [ "$workers" -eq 1 ]; then say "starting the demo backend on $host:$backend_port"
else say "starting the demo backend on $host:$backend_port, and $((workers - 1)) more processes of it"
fi
start_backend "$backend_port"
while [ "$(printf '%s' "$backends" | wc -w)" -lt "$workers" ]; do start_backend "$(any_free_port)"; done
for process in $backends; do
  left=${left:-$urls}
  wait_for "${left%%,*}/api/quotes" "$process" "the demo backend"
  left=${left#*,}
done

say "starting Sheaf on $host:$port"
write_conf >"$conf"
"$binary" -c "$conf" --set "listen.address=$host:$port" --set "upstream.urls=$urls" \
  --set "admin.address=127.0.0.1:$admin_port" --set drain.delay=0s --set drain.timeout=3s --set log.level=warning &
sheaf=$!
wait_for "http://127.0.0.1:$admin_port/readyz" "$sheaf" "Sheaf"

cat <<TEXT

  the page: with and without Sheaf   http://$here:$port/
  the backend, without Sheaf         ${urls%%,*}/
  Sheaf's dashboard                  http://127.0.0.1:$admin_port/
  Sheaf's figures                    http://127.0.0.1:$admin_port/api/performance/websocket/stats
  Sheaf's metrics (Prometheus)       http://127.0.0.1:$admin_port/metrics

  Open the page in a browser, or try:  curl http://$here:$port/api/quotes
  Ctrl-C ends both.

TEXT
wait "$sheaf"
