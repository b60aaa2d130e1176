"""The original's table: 1,000 users for 600 s, with Locust, directly and through Sheaf. See README.md beside this file.

Writes FOLDER/original.json (every figure) and FOLDER/original.md (the table). Exit status 1 where an answer, a quote or a
connection is missing; nothing is asserted on time.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/integration"))

import original_table  # noqa: E402
from harness.ports import wait_until  # noqa: E402
from measuring import Meter, machine, pss_bytes  # noqa: E402
from silent import SilentClients  # noqa: E402
from ways import Way  # noqa: E402

WAYS = {"direct": "direct", "shipped": "tunnel", "batching": "tunnel", "mux": "mux"}
"""The columns, and what stands before the backend."""
KINDS = ("plain", "socketio", "silent")
"""Connections, as the backend counts them."""
SILENT = 20
GRACE = 90  # seconds in which everything is to be gone after the users have left


def read_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="tests/load.sh original", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=600, help="of steady load, after all users have come")
    parser.add_argument("--spawn-rate", type=float, default=50, help="users that come a second")
    parser.add_argument("--ways", default="direct,shipped,batching", help=f"some of {', '.join(WAYS)}")
    parser.add_argument("--ping", type=int, default=0, metavar="SECONDS",
                        help="pings and their time-out, of uvicorn and Sheaf, so that a short run sees silent clients closed")
    parser.add_argument("--sheaf", type=Path, default=ROOT / "build/release/sheaf")
    parser.add_argument("--output", type=Path, default=ROOT / "build/load-results")
    return parser.parse_args()


class Generator:
    """Locust in a process of its own; `stage` waits for what it says."""

    def __init__(self, way: Way, column: str, users: int, rate: float, seconds: float) -> None:
        python_path = f"{ROOT / 'build/load'}:{ROOT / 'batching/clients/python'}"
        environment = {**os.environ, "PYTHONPATH": python_path, "LOAD_BATCHING": "1" if column == "batching" else ""}
        words = [sys.executable, str(Path(__file__).with_name("generator.py")), way.url, str(users), str(rate), str(seconds)]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment)

    def stage(self, name: str) -> dict[str, Any]:
        """The line of this stage. Raises AssertionError if Locust ends without it."""
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line, f"Locust ended with {self.process.wait()} before the stage {name}"
        said = json.loads(line)
        assert said["stage"] == name, said
        return said

    def __enter__(self) -> Generator:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Waits for its end, unless something went wrong."""
        if error:
            self.process.kill()
        self.process.communicate(timeout=60)


def holdings(way: Way) -> dict[str, Any]:
    """What the pod holds while nobody is there."""
    present = way.ask_backend("/present")
    held = {"present": present, "pss_bytes": {name: pss_bytes(pid) for name, pid in way.pids.items()}}
    if way.sheaf:
        held["sheaf_descriptors"] = way.sheaf.descriptors()
        held["pool"] = way.sheaf.stats()["connection_pool"]
        held["sessions"] = way.sheaf.metric("sheaf_websocket_sessions")
    return held


def is_empty(way: Way) -> bool:
    """Whether nobody is left, at the backend and in Sheaf, nor a connection between them that nobody uses."""
    present = way.ask_backend("/present")
    if any(present[kind] for kind in KINDS):
        return False
    return not way.sheaf or not (way.sheaf.metric("sheaf_websocket_sessions") or unused_links(way))


def unused_links(way: Way) -> float:
    """Connections to the backend that stand idle; links of mux are always in use."""
    return way.sheaf.metric("sheaf_pool_links", state="idle") if way.sheaf else 0


def settle(way: Way) -> float:
    """Seconds until nobody and nothing was left; after GRACE it is counted as it is."""
    began = time.monotonic()
    try:
        wait_until(lambda: is_empty(way), GRACE, "everybody has gone", every=0.25)
    except AssertionError:
        print("something is left: see the figures", file=sys.stderr)
    return time.monotonic() - began


def scrape(way: Way) -> str:
    """All of Sheaf's counters, in Prometheus' text format."""
    return way.sheaf.admin("/metrics")[1] if way.sheaf else ""


def wave(way: Way, column: str, users: int, rate: float) -> dict[str, Any]:
    """Users who come, stay for two seconds and go; then what is held."""
    with Generator(way, column, users, rate, 2) as generator:
        said = {stage: generator.stage(stage) for stage in ("steady", "leaving", "gone")}
    settle(way)
    return {**holdings(way), "came": said["steady"]["connected"], "failed": said["gone"]["failed"]}


def measure(way: Way, column: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Everything of one column."""
    before = wave(way, column, 20, 20)  # what is loaded on first use is no leak
    counters = scrape(way)
    result: dict[str, Any] = {"column": column}
    with SilentClients(way.port, SILENT) as silent, Generator(
            way, column, arguments.users, arguments.spawn_rate, arguments.seconds) as generator:
        result["steady"] = generator.stage("steady")
        result["sessions"] = way.sheaf.metric("sheaf_websocket_sessions") if way.sheaf else None
        meter = Meter({**way.pids, "locust": generator.process.pid})
        meter.start()
        result["clients"] = generator.stage("leaving")
        result["taken"] = meter.stop()
        result["counters"] = original_table.counters_between(counters, scrape(way))
        result["links_idle"] = unused_links(way)
        result["silent"] = {"opened": silent.opened, "left": way.ask_backend("/present")["silent"]}
        result["end"] = generator.stage("gone")
    result["settled_after_seconds"] = settle(way)
    result["links_idle_at_last"] = unused_links(way)
    result["before"], result["after"] = before, holdings(way)
    result["again"] = wave(way, column, arguments.users, arguments.spawn_rate)
    return result


def is_whole(result: dict[str, Any], users: int) -> bool:
    """Whether nothing was missing, and nobody is left."""
    end, again = result["end"], result["again"]
    left = sum(again["present"][kind] for kind in KINDS) + again.get("sessions", 0)
    came = result["steady"]["connected"] == again["came"] == users
    return came and not end["failed"] and not again["failed"] and end["asked"] == end["quotes"] and not left


def main() -> int:
    """All columns, one after the other."""
    arguments = read_arguments()
    arguments.output.mkdir(parents=True, exist_ok=True)
    report: dict[str, Any] = {"about": machine(arguments.sheaf, ROOT), "settings": {
        "users": arguments.users, "seconds": arguments.seconds, "ping": arguments.ping}, "columns": []}
    conf = {"websocket": {"ping_interval": f"{arguments.ping}s", "ping_timeout": f"{arguments.ping}s"}} if arguments.ping else {}
    words = ("--ws-ping-interval", str(arguments.ping), "--ws-ping-timeout", str(arguments.ping)) if arguments.ping else ()
    for column in arguments.ways.split(","):
        print(f"{column}: {arguments.users} users for {arguments.seconds:g} s", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory() as folder, Way(
                WAYS[column], "traders_app:app", Path(folder), arguments.sheaf, conf, words) as way:
            report["columns"].append(measure(way, column, arguments))
        (arguments.output / "original.json").write_text(json.dumps(report, indent=1))
    table = original_table.markdown(report)
    (arguments.output / "original.md").write_text(table)
    print(table)
    return 0 if all(is_whole(one, arguments.users) for one in report["columns"]) else 1


if __name__ == "__main__":
    sys.exit(main())
