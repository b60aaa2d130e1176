#!/usr/bin/env python3
"""Measures what an open dashboard costs the clients: Sheaf's CPU a message with the page in a browser, shown and hidden.

bench_backend sends to `--clients` clients at `--rate` all the while. The page is shown and hidden in turn, `--pairs` times
for `--seconds` each, in the order shown, hidden, hidden, shown; a hidden page asks nothing. Two figures: the CPU time of
Sheaf's workers a message, which is the data path, and that of its whole process, the admin thread included. Of each the
median change over the pairs, its quartiles, and the range in which the true median lies with 95 %. The browser needs CPU,
too: on a machine that is busy, its share of the caches and of the workers' turns is in the figures. What the admin
thread itself takes for the page is told beside them.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
SOURCE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "tests/integration"))

import peers  # noqa: E402
import report  # noqa: E402
from harness.dashboard import open_dashboard  # noqa: E402
from harness.guarded import TOKEN, GuardedSheaf  # noqa: E402
from harness.sheaf import AS_SHIPPED, merged  # noqa: E402

TARGET = 1.0  # percent
SHIPPED = merged(AS_SHIPPED, {"drain": {"delay": "0s", "timeout": "5s"}})
HEADING = ["CPU a message", "hidden, µs", "shown, µs", "change", "quartiles", "95 % range", "target", ""]


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=400)
    parser.add_argument("--rate", type=int, default=25, help="messages a second for each client")
    parser.add_argument("--pairs", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=10, help="of each half of a pair: two turns of all that the page asks")
    parser.add_argument("--programs", type=pathlib.Path, default=SOURCE / "build/release/bench")
    parser.add_argument("--sheaf", type=pathlib.Path, default=SOURCE / "build/release/sheaf")
    return parser.parse_args()


def thread_times(process):
    """CPU time of each thread of a process in ns, by thread id."""
    tasks = pathlib.Path(f"/proc/{process}/task").glob("*/schedstat")
    return {task.parent.name: int(task.read_text().split()[0]) for task in tasks}


def measure(sheaf, seconds, workers):
    """CPU in µs a message of the `workers` busiest threads and of all, and in µs a second of the others."""
    began = time.monotonic()
    messages, times = sheaf.stats()["sessions"]["messages_to_clients"], thread_times(sheaf.process.pid)
    time.sleep(seconds)
    messages = sheaf.stats()["sessions"]["messages_to_clients"] - messages
    spent = sorted((now - times.get(task, 0) for task, now in thread_times(sheaf.process.pid).items()), reverse=True)
    others = sum(spent[workers:]) / 1000 / (time.monotonic() - began)
    return sum(spent[:workers]) / messages / 1000, sum(spent) / messages / 1000, others


def measure_pairs(sheaf, dashboard, arguments):
    """For each pair what measure() says of the hidden page, and of the one that is shown."""
    workers = sheaf.stats()["workers"]
    pairs = []
    for number in range(arguments.pairs):
        pair = {}
        for hidden in ((False, True), (True, False))[number % 2]:
            dashboard.hide(hidden)
            time.sleep(1)  # what was under way
            pair[hidden] = measure(sheaf, arguments.seconds, workers)
        pairs.append((pair[True], pair[False]))
    return pairs


def median_range(values):
    """Between which of the sorted values the true median lies with 95 % (by the binomial distribution, normal from 10 on)."""
    values = sorted(values)
    half = 0.98 * len(values) ** 0.5
    low, high = max(0, int(len(values) / 2 - half)), min(len(values) - 1, int(len(values) / 2 + half))
    return values[low], values[high]


def row(name, figures):
    """A line of the table; `figures`: µs of the hidden and of the shown page, by pair."""
    changes = [100 * (shown / hidden - 1) for hidden, shown in figures]
    lower, middle, upper = statistics.quantiles(changes, n=4)
    low, high = median_range(changes)
    return [name, f"{statistics.median(one[0] for one in figures):.3f}", f"{statistics.median(one[1] for one in figures):.3f}",
            f"{middle:+.2f} %", f"{lower:+.2f} to {upper:+.2f} %", f"{low:+.2f} to {high:+.2f} %", f"{TARGET:.0f} %",
            "met" if high < TARGET else "missed" if low > TARGET else "open: more pairs, or a machine that does nothing else"]


def main():
    """Runs the load and the page, and prints the table."""
    arguments = read_arguments()
    whole = arguments.pairs * 2 * (arguments.seconds + 3) + 30
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        with peers.start_backend(arguments.programs.resolve() / "bench_backend", folder) as backend:
            sheaf = GuardedSheaf(folder, f"http://127.0.0.1:{backend.port}", SHIPPED, binary=arguments.sheaf.resolve())
            command = [arguments.programs / "bench_generator", "--kind", "tick", "--rate", arguments.rate, "--address",
                       f"127.0.0.1:{sheaf.port}", "--connections", arguments.clients, "--seconds", whole, "--settle", 1]
            load = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, text=True)
            try:
                with open_dashboard(sheaf, folder / "profile", token=TOKEN) as dashboard:
                    dashboard.wait_until_live()
                    dashboard.json("document.getElementById('connections').scrollIntoView()")  # asked for while in sight
                    pairs = measure_pairs(sheaf, dashboard, arguments)
                    asked = len(dashboard.witness("requests"))
                if load.poll() is not None:
                    sys.exit("dashboard: the load ended before its time")
            finally:
                load.terminate()
                load.wait()
                sheaf.stop()
    rows = [row("workers", [(hidden[0], shown[0]) for hidden, shown in pairs]),
            row("whole process", [(hidden[1], shown[1]) for hidden, shown in pairs])]
    print(report.markdown([HEADING, *rows]))
    hidden, shown = (statistics.median(pair[i][2] for pair in pairs) for i in (0, 1))
    print(f"Threads beside the workers: {hidden:.0f} µs a second with the page hidden, {shown:.0f} µs with the page shown.")
    print(f"{arguments.pairs} pairs of {arguments.seconds:.0f} s; the page has asked {asked} times.")
    print(json.dumps({"pairs": pairs}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
