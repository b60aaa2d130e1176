#!/usr/bin/env python3
"""Measures what the application's end of mux (pool/asgi) costs over its floor: the unchanged application under a server
that does nothing, at the same pace.

For each load one line: both are in one process, --clients sessions of the floor and as many on one link of a real
uvicorn, and take turns second by second; the figures are medians over --seconds such pairs, the ratio is the median of
the pairs' ratios. With --no-gc Python collects no garbage: its full collections fall into a second of either, and with
python-socketio, which makes a task a delivery, they are half of the time and most of the scatter.

A process of its own plays the proxy: it takes the frames, and gives credit. "memory" is the resident memory a client of a
fresh process for each. (Run it with the tests' Python, build/venv/bin/python.)
"""

import argparse
import asyncio
import contextlib
import gc
import pathlib
import subprocess
import sys

sys.dont_write_bytecode = True
SOURCE = pathlib.Path(__file__).resolve().parents[2]
for folder in ("tests/integration", "pool/asgi"):
    sys.path.insert(0, str(SOURCE / folder))

import mux_loads  # noqa: E402
import report  # noqa: E402
from harness.ports import free_port  # noqa: E402
from mux_servers import Floor, LinkServer, driver, resident_bytes, settle  # noqa: E402

HEADING = ["load", "clients", "a second", "floor µs", "mux µs", "mux / floor", "pairs from", "to", "of the sums"]


async def pairs(arguments, load, rate):
    """CPU µs a delivered message of (floor, mux), for each pair of seconds."""
    port = free_port()
    load = mux_loads.LOADS[load]()
    async with contextlib.AsyncExitStack() as running:
        floor = await running.enter_async_context(Floor(load, arguments.clients))
        link = await running.enter_async_context(LinkServer(load, port, arguments.implementation, arguments.loop))
        running.enter_context(driver(port, arguments.clients, load.name))
        await link.until_there_are(arguments.clients)
        found = []
        for turn in range(arguments.seconds + 1):
            costs = {}
            for kind in ((floor, link), (link, floor))[turn % 2]:
                costs[kind] = await load.cost(kind.clients, rate)
            found.append((costs[floor], costs[link]))
        return found[1:]  # in the first pair both are cold


def median(values):
    return sorted(values)[len(values) // 2]


def cpu_line(arguments, load, rate):
    found = mux_loads.run(pairs(arguments, load, rate), arguments.loop)
    ratios = [mux / floor for floor, mux in found]
    return [load, f"{arguments.clients:,}", str(rate), f"{median([floor for floor, _ in found]):.2f}",
            f"{median([mux for _, mux in found]):.2f}", f"{median(ratios):.2f}", f"{min(ratios):.2f}", f"{max(ratios):.2f}",
            f"{sum(mux for _, mux in found) / sum(floor for floor, _ in found):.2f}"]


async def memory(arguments, load, kind):
    """Bytes a client of this process, which has done nothing else."""
    load = mux_loads.LOADS[load]()
    port = free_port()
    async with contextlib.AsyncExitStack() as running:
        first = LinkServer(load, port, arguments.implementation, arguments.loop)
        link = await running.enter_async_context(first)
        async with Floor(load, 50):  # what is made once is made
            pass
        settle()
        before = resident_bytes()
        if kind == "floor":
            await running.enter_async_context(Floor(load, arguments.clients))
        else:
            running.enter_context(driver(port, arguments.clients, load.name))
            await link.until_there_are(arguments.clients)
        await asyncio.sleep(1)
        settle()
        return (resident_bytes() - before) / arguments.clients


def memory_line(arguments, load):
    found = {}
    for kind in ("floor", "mux"):
        command = [sys.executable, __file__, "--memory-of", load, "--kind", kind, "--clients", str(arguments.clients),
                   "--implementation", arguments.implementation, "--loop", arguments.loop]
        found[kind] = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return [load, f"{arguments.clients:,}", *(f"{found[kind] / 1000:.1f}" for kind in ("floor", "mux")),
            f"{(found['mux'] - found['floor']) / 1000:+.1f}"]


def main():
    """Measures each load, then memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=20, help="pairs of seconds for each load")
    parser.add_argument("--loop", choices=("uvloop", "asyncio"), default="uvloop")
    parser.add_argument("--implementation", default="websockets-sansio", help="uvicorn's --ws")
    parser.add_argument("--no-gc", action="store_true", help="without Python's collector of cycles")
    parser.add_argument("--only", default="broadcast:50,broadcast:10,send_json:10,own:20,socketio:10,socketio_lean:10,memory",
                        help="load:rate, or memory")
    parser.add_argument("--memory-of", help=argparse.SUPPRESS)
    parser.add_argument("--kind", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.memory_of:
        print(mux_loads.run(memory(arguments, arguments.memory_of, arguments.kind), arguments.loop))
        return
    if arguments.no_gc:
        gc.disable()
    wanted = [word.partition(":") for word in arguments.only.split(",")]
    print(f"Python {sys.version.split()[0]}, {arguments.implementation}, {arguments.loop}, both paced alike\n")
    lines = [cpu_line(arguments, load, int(rate)) for load, _, rate in wanted if rate]
    if lines:
        print(report.markdown([HEADING, *lines]))
    if any(load == "memory" for load, _, _ in wanted):
        rows = [memory_line(arguments, load) for load in ("broadcast", "socketio")]
        print(report.markdown([["memory", "clients", "floor KB", "mux KB", "difference"], *rows]))


if __name__ == "__main__":
    main()
