#!/bin/sh
# Builds the release preset and measures Sheaf. The arguments go to tests/bench/bench.py, which measures it beside the
# installed peers; after "adaptive" to tests/bench/adaptive.py, which measures latency over the message rate; after
# "slow-clients" to tests/bench/slow_clients.py, which measures what the others notice of clients that stall; after
# "syscalls" to tests/bench/syscalls.py, which counts the system calls of short connections; after "bursts" to
# tests/bench/bursts.py, which lets in thousands of clients at once; after "idle-cpu" to tests/bench/idle_cpu.py, which
# measures the CPU that holding idle clients takes; after "answers" to tests/bench/answers.py, which measures how long
# answers wait amid a stream, and the bytes that a client's own messages take; after "instructions" to
# tests/bench/instructions.py, which counts the instructions that a message takes in each way of delivery; after "fresh"
# to tests/bench/fresh.py, which measures how old quotes are when a client on a slow link gets them; after "bytes" to
# tests/bench/bytes.py, which counts the bytes of a message that a stock client gets, beside uvicorn alone; after "push"
# to tests/bench/push.py, which measures what POST /api/messages takes for thousands of clients; after "dashboard" to
# tests/bench/dashboard.py, which measures what an open dashboard costs the clients. After "mux" bench.py
# measures clients that share links, and then tests/bench/mux_floor.py the application's end alone.
set -eu
cd "$(dirname "$0")/.."
cmake --preset release
cmake --build --preset release --target sheaf bench_generator bench_backend
python=python3
case ${1:-} in
  adaptive) script=adaptive.py; shift ;;
  slow-clients) script=slow_clients.py; shift ;;
  syscalls) script=syscalls.py; shift ;;
  bursts) script=bursts.py; python=build/venv/bin/python; shift ;;  # it runs uvicorn
  bytes) script=bytes.py; python=build/venv/bin/python; shift ;;
  answers) script=answers.py; python=build/venv/bin/python; shift ;;
  idle-cpu) script=idle_cpu.py; shift ;;
  instructions) script=instructions.py; shift ;;
  dashboard) script=dashboard.py; python=build/venv/bin/python; shift ;;  # it drives a browser
  push) script=push.py; shift ;;
  fresh) script=fresh.py; python=build/venv/bin/python; shift ;;
  mux)
    shift
    python3 tests/bench/bench.py --table mux,mux-proxy --proxy direct,floor,nginx,sheaf "$@"
    exec build/venv/bin/python tests/bench/mux_floor.py ;;
  *) script=bench.py ;;
esac
exec "$python" "tests/bench/$script" "$@"
