#!/usr/bin/env python3
"""Measures a burst: thousands of clients that come at one instant, directly to uvicorn and through Sheaf as shipped.

For each round and kind (WebSockets that stay open, GETs) one line: how many got in, how many did not, and how long it
took from the first SYN to the answer: median, 99th percentile, longest. Both ends are Python processes, so the times are
theirs as much as Sheaf's, and compare only within one run. Run it with the tests' Python (build/venv/bin/python).
"""

import argparse
import pathlib
import statistics
import sys
import tempfile

sys.dont_write_bytecode = True
SOURCE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "tests/integration"))

import report  # noqa: E402
from harness.backend import Backend  # noqa: E402
from harness.helpers import Helper  # noqa: E402
from harness.sheaf import AS_SHIPPED, Sheaf, merged  # noqa: E402

CONF = merged(AS_SHIPPED, {"log": {"access": False}})
KINDS = {"ws": ("/ws/echo", "101"), "http": ("/page", "200")}
HEADING = ["clients", "kind", "backlog", "through", "in", "not in", "p50 ms", "p99 ms", "longest ms"]


def measure(arguments, kind, through, folder):
    """One burst: what harness.burst tells of it."""
    backend = Backend(folder, options=("--backlog", str(arguments.backlog)))
    proxy = Sheaf(folder, backend.url, CONF, binary=arguments.sheaf) if through == "sheaf" else None
    try:
        path, _ = KINDS[kind]
        port = proxy.port if proxy else backend.port
        with Helper("burst", port=port, clients=arguments.clients, kind=kind, path=path) as burst:
            return burst.latest
    finally:
        if proxy:
            proxy.stop()
        backend.stop()


def line(arguments, kind, through, bursts):
    """The cells of one line: the worst count of the rounds, the medians of their times."""
    let_in = min(burst["statuses"].get(KINDS[kind][1], 0) for burst in bursts)
    times = [f"{statistics.median(burst[key] for burst in bursts):,.0f}" for key in ("p50_ms", "p99_ms", "most_ms")]
    return [str(arguments.clients), kind, str(arguments.backlog), through, str(let_in),
            str(arguments.clients - let_in), *times]


def main():
    """Measures each kind, the two ways in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sheaf", type=pathlib.Path, default=SOURCE / "build/release/sheaf")
    parser.add_argument("--clients", type=int, default=2500)
    parser.add_argument("--backlog", type=int, default=2048, help="uvicorn's")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kind", default=",".join(KINDS), help="only these, separated by commas")
    arguments = parser.parse_args()
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        for kind in arguments.kind.split(","):
            bursts = {"direct": [], "sheaf": []}
            for _ in range(arguments.rounds):
                for through, its in bursts.items():
                    its.append(measure(arguments, kind, through, pathlib.Path(folder)))
            lines += [line(arguments, kind, through, its) for through, its in bursts.items()]
    print(report.markdown([HEADING, *lines]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
