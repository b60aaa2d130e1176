#!/bin/sh
# Stock WebSocket clients (gorilla and coder for Go, tungstenite for Rust, Java's HttpClient, ws for Node, websockets for
# Python, Chromium), each directly at a FastAPI backend and through Sheaf with its shipped options: one table. Builds those
# whose toolchains are there, and fails where one is missing. A few minutes; not part of tests/run.sh.
# Usage: tests/stock_clients.sh [--build | --mux] [CLIENT...]    --build: that alone, into build/stock_clients. --mux: over
# links that clients share, and sheaf-asgi. SHEAF_BINARY names another program than build/release/sheaf.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
sources=$root/tests/clients/stock
work=$root/build/stock_clients
PATH=$PATH:/usr/local/go/bin:$HOME/.cargo/bin
only_build=no
mode=tunnel
case ${1:-} in
  --build) only_build=yes; shift ;;
  --mux) mode=mux; shift ;;
esac
[ $# -gt 0 ] || set -- gorilla coder tungstenite java ws websockets chromium
[ "$only_build" = yes ] || "$root/tests/install.sh" all
mkdir -p "$work"

# A client, and the programs that it needs.
needs() {
  case $1 in
    gorilla | coder) echo go ;;
    tungstenite) echo cargo ;;
    java) echo javac ;;
    ws) echo node ;;
    chromium) echo chromium ;;
    *) echo sh ;;
  esac
}

build() {
  case $1 in
    gorilla | coder) (cd "$sources/go" && go build -mod=readonly -o "$work/stock_go" .) ;;
    tungstenite) cargo build --quiet --locked --release --manifest-path "$sources/rust/Cargo.toml" --target-dir "$work/cargo" ;;
    java) javac -d "$work/java" "$sources/java/Stock.java" "$sources/java/Soak.java" ;;
  esac
}

missing=""
present=""
for client in "$@"; do
  if command -v "$(needs "$client")" >/dev/null; then
    build "$client"
    present="$present $client"
  else
    missing="$missing $client (needs $(needs "$client"))"
  fi
done

status=0
# shellcheck disable=SC2086  # the clients are words
[ "$only_build" = yes ] || SHEAF_BINARY=${SHEAF_BINARY:-$root/build/release/sheaf} PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$root/tests/integration \
  "$root/build/venv/bin/python" "$sources/table.py" "$work" $mode $present || status=$?
[ -z "$missing" ] || { echo "LEFT OUT, since their toolchains are not installed:$missing" >&2; status=1; }
exit "$status"
