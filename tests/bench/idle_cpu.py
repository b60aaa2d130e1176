#!/usr/bin/env python3
"""Measures the CPU that Sheaf takes to hold idle clients: 9,000 WebSockets that say nothing but answer its pings.

Sheaf has its shipped options. The clients are opened, fall silent for `--settle` seconds, and are then measured for
`--seconds`; in the end each of them echoes a message, so that all are known to be there. For each binary one line: the
user and system time of Sheaf's process a second and client, beside the target of 0.5 microseconds, and the pings a
minute and client. With `--vs` a second binary is measured, turn and turn about.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
SOURCE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "tests/integration"))

import peers  # noqa: E402
import report  # noqa: E402
from harness.sheaf import AS_SHIPPED, Sheaf, merged  # noqa: E402

TARGET = 0.5
PING_BYTES = 7  # all that the clients get meanwhile
SHIPPED = merged(AS_SHIPPED, {"drain": {"delay": "0s", "timeout": "5s"}})
HEADING = ["binary", "µs CPU a second and client", "each round", "pings a minute and client", "target", ""]


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=9000)
    parser.add_argument("--rounds", type=int, default=1, help="the median of so many is reported")
    parser.add_argument("--seconds", type=float, default=75, help="measured; best a multiple of 25")
    parser.add_argument("--settle", type=float, default=30, help="seconds before measuring; longer than ping_interval")
    parser.add_argument("--programs", type=pathlib.Path, default=SOURCE / "build/release/bench")
    parser.add_argument("--sheaf", type=pathlib.Path, default=SOURCE / "build/release/sheaf")
    parser.add_argument("--vs", type=pathlib.Path, help="a second Sheaf to compare the first with")
    parser.add_argument("--json", action="store_true", help="prints one round's figures, and no table")
    return parser.parse_args()


def measure(arguments, binary, folder):
    """One round: CPU in µs a second and client, and pings a minute and client."""
    with peers.start_backend(arguments.programs.resolve() / "bench_backend", folder) as backend:
        proxy = Sheaf(folder, f"http://127.0.0.1:{backend.port}", SHIPPED, binary=binary)
        command = [arguments.programs / "bench_generator", "--kind", "hold", "--address", f"127.0.0.1:{proxy.port}",
                   "--connections", arguments.clients, "--seconds", arguments.seconds, "--settle", arguments.settle,
                   "--pid", proxy.process.pid]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=True)
        proxy.stop()
    figures = json.loads(done.stdout)
    if figures["problems"] or figures["lost"] or figures["connections"] != arguments.clients:
        sys.exit(f"idle_cpu: {figures['problems']} problems, {figures['lost']} messages lost, "
                 f"{figures['connections']} connections; first: {figures['first_problem']}")
    client_seconds = figures["seconds"] * arguments.clients
    return figures["cpu_us"] / client_seconds, figures["bytes"] / PING_BYTES / client_seconds * 60


def main():
    """Measures the binaries in turn and prints the table."""
    arguments = read_arguments()
    if arguments.json:
        with tempfile.TemporaryDirectory() as folder:
            cpu, pings = measure(arguments, arguments.sheaf.resolve(), pathlib.Path(folder))
        print(json.dumps({"cpu_us_a_second": cpu, "pings_a_minute": pings}))
        return 0
    binaries = {name: path.resolve() for name, path in (("sheaf", arguments.sheaf), ("vs", arguments.vs)) if path}
    rounds = {name: [] for name in binaries}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(arguments.rounds):
            for name, binary in binaries.items():
                rounds[name].append(measure(arguments, binary, pathlib.Path(folder)))
    lines = []
    for name, figures in rounds.items():
        cpu = statistics.median(one[0] for one in figures)
        each = ", ".join(f"{one[0]:.3f}" for one in figures)
        pings = statistics.median(one[1] for one in figures)
        lines.append([name, f"{cpu:.3f}", each, f"{pings:.2f}", f"{TARGET}", "met" if cpu <= TARGET else "missed"])
    print(report.markdown([HEADING, *lines]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
