"""A chat UI with answers that grow token by token: stock Socket.IO clients, directly and through Sheaf, several times in turn.
See README.md beside this file.

Writes FOLDER/chat.json (every run) and FOLDER/chat.md (the table). Exit status 1 where a token is missing, repeated or out of
order; nothing is asserted on time.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/integration"))

from measuring import MIB, Meter, machine  # noqa: E402
from reporting import about_lines, table_lines  # noqa: E402
from ways import Way  # noqa: E402

WAYS = {"direct": "direct", "shipped": "tunnel", "mux": "mux"}
TITLES = {"direct": "direct", "shipped": "through Sheaf as shipped", "mux": "through Sheaf, mux"}

Run = dict[str, Any]


def read_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="tests/load.sh chat", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=30, help="of each run, after all users have come")
    parser.add_argument("--settle", type=float, default=4, help="seconds until users who came together do different things")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each way, turn and turn about")
    parser.add_argument("--ways", default=",".join(WAYS), help=f"some of {', '.join(WAYS)}")
    parser.add_argument("--sheaf", type=Path, default=ROOT / "build/release/sheaf")
    parser.add_argument("--output", type=Path, default=ROOT / "build/load-results")
    return parser.parse_args()


def run_once(name: str, arguments: argparse.Namespace) -> Run:
    """One run of one way, with a backend and a Sheaf of its own."""
    with tempfile.TemporaryDirectory() as folder, Way(WAYS[name], "chat_app:app", Path(folder), arguments.sheaf, {}) as way:
        settings = {"url": way.url, "users": arguments.users, "seconds": arguments.seconds, "settle": arguments.settle}
        command = ["node", str(Path(__file__).with_name("chat_clients.cjs")), json.dumps(settings)]
        environment = {**os.environ, "NODE_PATH": str(ROOT / "build/clients/node_modules")}
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as clients:
            run: Run = {"way": name, "steady": stage(clients, "steady")}
            meter = Meter({**way.pids, "clients": clients.pid})
            meter.start()
            run["clients"] = stage(clients, "leaving")
            run["taken"] = meter.stop()
            run["problems"] = stage(clients, "gone")["problems"]
    return run


def stage(clients: subprocess.Popen[str], name: str) -> dict[str, Any]:
    """The clients' line of this stage. Raises AssertionError if they end without it."""
    assert clients.stdout
    line = clients.stdout.readline()
    assert line, f"the clients ended with {clients.wait()} before the stage {name}"
    said = json.loads(line)
    assert said["stage"] == name, said
    return said


def cpu_a_message(run: Run, *names: str) -> float:
    """Microseconds of these processes for each message that clients got."""
    return 1e6 * sum(run["taken"][name]["cpu_seconds"] for name in names if name in run["taken"]) / run["clients"]["received"]


ROWS: tuple[tuple[str, Callable[[Run], float], int], ...] = (
    ("messages that clients got, a second", lambda run: run["clients"]["received"] / run["clients"]["seconds"], 0),
    ("of these tokens", lambda run: run["clients"]["tokens"] / run["clients"]["seconds"], 0),
    ("clients with permessage-deflate", lambda run: run["steady"]["deflate"], 0),
    ("bytes a message, on the clients' wires", lambda run: run["clients"]["bytes"] / run["clients"]["received"], 1),
    ("CPU a message, backend, µs", lambda run: cpu_a_message(run, "backend"), 1),
    ("CPU a message, Sheaf, µs", lambda run: cpu_a_message(run, "sheaf"), 1),
    ("CPU a message, pod, µs", lambda run: cpu_a_message(run, "backend", "sheaf"), 1),
    ("memory, pod, peak, MiB", lambda run: sum(run["taken"][name]["peak_bytes"] for name in ("backend", "sheaf") if name in run["taken"]) / MIB, 1),
    ("delay of a token, p50, ms", lambda run: run["clients"]["token_ms"]["p50"], 2),
    ("delay of a token, p99, ms", lambda run: run["clients"]["token_ms"]["p99"], 2),
    ("delay of a post to the room, p50, ms", lambda run: run["clients"]["post_ms"]["p50"], 2),
    ("delay of a post to the room, p99, ms", lambda run: run["clients"]["post_ms"]["p99"], 2),
    ("acknowledgement, p50, ms", lambda run: run["clients"]["ack_ms"]["p50"], 2),
    ("acknowledgement, p99, ms", lambda run: run["clients"]["ack_ms"]["p99"], 2),
    ("the clients' own loop is late by, p99, ms", lambda run: run["clients"]["late_ms"]["p99"], 2),
    ("CPU of all that ran on the machine, % of one core", lambda run: 100 * run["taken"]["machine"]["cpu_seconds"] / run["clients"]["seconds"], 0),
)


def cells(value: Callable[[Run], float], digits: int, by_way: dict[str, list[Run]]) -> list[str]:
    """Of each way the median, with the least and the most of its runs."""
    found = []
    for runs in by_way.values():
        values = sorted(map(value, runs))
        found.append(f"{statistics.median(values):,.{digits}f} ({values[0]:,.{digits}f}-{values[-1]:,.{digits}f})")
    return found


def ratios(value: Callable[[Run], float], by_way: dict[str, list[Run]]) -> list[str]:
    """Of each way beside direct, run by run: the median, and the least and the most."""
    found = []
    for name, runs in by_way.items():
        pairs = [value(one) / value(direct) for one, direct in zip(runs, by_way.get("direct", [])) if value(direct)]
        if name != "direct":
            found.append(f"{statistics.median(pairs):.2f} ({min(pairs):.2f}-{max(pairs):.2f})" if pairs else "-")
    return found


def markdown(report: dict[str, Any]) -> str:
    """The table, and under it machine and versions."""
    by_way: dict[str, list[Run]] = {}
    for run in report["runs"]:
        by_way.setdefault(run["way"], []).append(run)
    head = ["", *(TITLES[name] for name in by_way), *(f"{TITLES[name]} / direct" for name in by_way if name != "direct")]
    rows = [[title, *cells(value, digits, by_way), *ratios(value, by_way)] for title, value, digits in ROWS]
    settings = report["settings"]
    lines = [f"{settings['users']} users in rooms of ten, {settings['rounds']} runs of {settings['seconds']:g} s: median (least-most)", ""]
    problems = [f"{run['way']}: {problem}" for run in report["runs"] for problem in run["problems"]]
    return "\n".join([*lines, *table_lines([head, *rows]), "", *problems, *about_lines(report["about"])]) + "\n"


def main() -> int:
    """All runs, the ways in turn."""
    arguments = read_arguments()
    arguments.output.mkdir(parents=True, exist_ok=True)
    settings = {name: getattr(arguments, name) for name in ("users", "seconds", "rounds")}
    report: dict[str, Any] = {"about": machine(arguments.sheaf, ROOT), "settings": settings, "runs": []}
    for number in range(arguments.rounds):
        for name in arguments.ways.split(","):
            report["runs"].append(run_once(name, arguments))
            (arguments.output / "chat.json").write_text(json.dumps(report, indent=1))
            print(f"round {number + 1} of {arguments.rounds}: {name}", file=sys.stderr, flush=True)
    table = markdown(report)
    (arguments.output / "chat.md").write_text(table)
    print(table)
    return 1 if any(run["problems"] for run in report["runs"]) else 0


if __name__ == "__main__":
    sys.exit(main())
