#!/usr/bin/env python3
"""Four python-socketio processes behind one Sheaf, and thousands of stock clients, over polling and upgrade.

Step by step, with a line of the table for each: they connect, all at a time; ask which process they are in; one process
is killed, and its clients connect again; it comes back; all processes are restarted one after another; endpoints are
removed and added by reloads. Requests go on all the time. Fails when anybody notices anything that should not be: an
"Invalid session", a session that ended though its process did not, or that was in two processes, a request that failed
(kill -9 may cost those that the process was working at), processes whose sessions differ by more than 5 percent.
"""

import argparse
import concurrent.futures
import contextlib
import dataclasses
import os
import pathlib
import random
import resource
import sys
import tempfile
import time
from collections import Counter

sys.dont_write_bytecode = True
SOURCE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "tests/integration"))

MOST_UNEVEN = 0.05
SPARE_DESCRIPTORS = 4000  # for requests beside each session's own connection
REQUESTERS = 4  # threads that send requests, one at a time


@dataclasses.dataclass
class Step:
    """A line of the table. `uneven`: by which part the process farthest from the mean differs from it; `elsewhere_ms`:
    from a kill to the first new session; `ended`, `failed`, `invalid`, `moved`: so far."""

    step: str
    seconds: float
    sessions: int
    uneven: str
    ended: int
    moved: int
    invalid: int
    requests: int
    failed: int
    sheaf_mib: int
    elsewhere_ms: str = ""


def read_arguments():
    """The command line, with absolute paths."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=10_000, help="as many as the descriptors allow, at the most")
    parser.add_argument("--polling", type=float, default=0.25, help="the part of them that stays on polling")
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--crowds", type=int, default=4, help="processes of clients")
    parser.add_argument("--reloads", type=int, default=100)
    parser.add_argument("--programs", type=pathlib.Path, help=argparse.SUPPRESS)  # as the other soaks have it
    parser.add_argument("--sheaf", type=pathlib.Path, default=SOURCE / "build/release/sheaf")
    arguments = parser.parse_args()
    arguments.sheaf = arguments.sheaf.resolve()
    # Each session holds a connection of its client and one to its process.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    arguments.sessions = min(arguments.sessions, (most - SPARE_DESCRIPTORS) // 2)
    return arguments


class Soak:
    """The run: `steps` that are done, and `complaints`."""

    def __init__(self, arguments, proxy, processes, crowds, load):
        self.arguments, self.proxy, self.processes, self.crowds, self.load = arguments, proxy, processes, crowds, load
        self.steps, self.complaints = [], []
        self._began = time.monotonic()

    def tell(self, command):
        """All crowds at once; their ledgers added up."""
        with concurrent.futures.ThreadPoolExecutor(len(self.crowds)) as pool:
            ledgers = list(pool.map(lambda crowd: crowd.tell(command), self.crowds))
        total = Counter()
        for ledger in ledgers:
            total.update({key: value for key, value in ledger.items() if isinstance(value, int)})
        return {**total, **{key: sum((Counter(one[key]) for one in ledgers), Counter()) for key in ("by_pid", "refused")}}

    def complain_unless(self, right, what):
        if not right:
            self.complaints.append(what)

    def invalid(self):
        """Engine.IO requests that were answered with anything but 200, of processes that still run."""
        return sum(count for key, count in self.processes.answers().items() if not key.endswith("200"))

    def end_step(self, name, seen, elsewhere_ms=""):
        """Notes the line; returns how uneven the sessions are."""
        counts = [seen["by_pid"].get(str(pid), 0) for pid in self.processes.pids]
        mean = sum(counts) / len(counts)
        uneven = max(abs(count - mean) for count in counts) / mean if mean else 0.0
        self.steps.append(Step(
            name, round(time.monotonic() - self._began, 1), seen["open"], f"{uneven:.1%}", seen.get("ended", 0),
            seen.get("moved", 0), self.invalid(), self.load.done, self.load.failed.total(),
            self.proxy.memory_kib() // 1024, elsewhere_ms,
        ))  # fmt: skip
        print(self.steps[-1], flush=True)
        self._began = time.monotonic()
        self.complain_unless(seen["open"] == self.arguments.sessions, f"{name}: {seen['open']} sessions are open")
        self.complain_unless(not seen.get("moved"), f"{name}: sessions were in two processes")
        self.complain_unless(not seen["refused"], f"{name}: connections were refused: {seen['refused']}")
        return uneven

    def ask(self):
        """Everybody connects again who has to, and asks."""
        self.tell("open")
        return self.tell("ask")

    def connect(self):
        seen = self.tell("ask 2")
        uneven = self.end_step("connect and ask twice", seen)
        self.complain_unless(uneven <= MOST_UNEVEN, f"sessions differ by {uneven:.1%}")
        self.complain_unless(not seen.get("ended") and not seen.get("unanswered"), f"sessions ended: {seen}")
        self.complain_unless(self.invalid() == 0, f"answers that are not 200: {self.processes.answers()}")

    def kill(self):
        """kill -9 of the first process."""
        from harness.polling import PollingSession  # noqa: PLC0415  (after the environment, which the harness reads)

        before = self.tell("report")
        its = before["by_pid"][str(self.processes.pids[0])]
        self.processes[0].kill()
        began = time.monotonic()
        PollingSession(self.proxy)
        elsewhere = (time.monotonic() - began) * 1000
        time.sleep(3)
        ended = self.tell("report")["ended"] - before.get("ended", 0)
        self.complain_unless(ended == its, f"kill -9 of a process with {its} sessions ended {ended}")
        self.complain_unless(self.load.failed.total() <= REQUESTERS, f"kill -9 cost requests: {self.load.failed}")
        self.load.failed.clear()
        self.end_step("kill -9 of one, its clients again", self.ask(), f"{elsewhere:.0f}")
        self.processes.start_again(0)

    def restart_all(self):
        """SIGTERM to one after another, with no word to Sheaf before."""
        from harness.ports import wait_until  # noqa: PLC0415

        for one in self.processes.all:
            one.stop()
            one.start()
            self.tell("open")
            wait_until(lambda one=one: str(one.process.pid) in self.load.recent_pids(), 60, "the new process is used")
        self.complain_unless(not self.load.failed, f"requests failed in the restarts: {self.load.failed}")
        self.end_step("all four restarted in turn", self.ask())

    def reload(self):
        """Endpoints go and come, which costs no session."""
        before, invalid = self.tell("report").get("ended", 0), self.invalid()
        chance = random.Random(15)
        for _ in range(self.arguments.reloads):
            count = chance.randint(1, len(self.processes.all))
            self.proxy.reload({"upstream": {"urls": chance.sample(self.processes.urls, count)}})
            self.load.wait_for_more(5)
        self.proxy.reload()
        seen = self.tell("ask")
        self.complain_unless(seen.get("ended", 0) == before, f"reloads ended {seen.get('ended', 0) - before} sessions")
        self.complain_unless(self.invalid() == invalid, f"answers that are not 200: {self.processes.answers()}")
        self.complain_unless(not self.load.failed, f"requests failed in the reloads: {self.load.failed}")
        self.end_step(f"endpoints changed by {self.arguments.reloads} reloads", seen)


def open_crowds(stack, arguments, port):
    """As many client processes at once, each with its part; they return when all are connected."""
    from harness.helpers import Helper  # noqa: PLC0415

    def open_one(index):
        share = arguments.sessions // arguments.crowds + (index < arguments.sessions % arguments.crowds)
        polling = round(share * arguments.polling)
        return Helper("sessions", port=port, polling=polling, upgrade=share - polling, gate=25)

    with concurrent.futures.ThreadPoolExecutor(arguments.crowds) as pool:
        return [stack.enter_context(crowd) for crowd in pool.map(open_one, range(arguments.crowds))]


def run(arguments, folder):
    """The whole of it; returns the steps and the complaints."""
    from harness.processes import Processes  # noqa: PLC0415
    from harness.reloading import ReloadableSheaf  # noqa: PLC0415
    from harness.requests_load import RequestsLoad  # noqa: PLC0415

    with contextlib.ExitStack() as stack:
        # Where all of this shares a few cores, a ping may come late.
        processes = stack.enter_context(Processes(folder, arguments.processes, SHEAF_TEST_PING_TIMEOUT="120"))
        proxy = ReloadableSheaf(folder, "", {**processes.conf(), "log": {"access": False}})
        stack.callback(proxy.stop)  # fails when it crashed, or a sanitizer spoke
        load = stack.enter_context(RequestsLoad(proxy.port, REQUESTERS, pause=0.02))
        soak = Soak(arguments, proxy, processes, open_crowds(stack, arguments, proxy.port), load)
        soak.connect()
        soak.kill()
        soak.restart_all()
        soak.reload()
        return soak.steps, soak.complaints


def main():
    """Runs it; 1 when somebody has noticed something."""
    arguments = read_arguments()
    os.environ["SHEAF_BINARY"] = str(arguments.sheaf)
    import report  # noqa: PLC0415  (beside this file)

    with tempfile.TemporaryDirectory(prefix="sheaf-backends-") as name:
        steps, complaints = run(arguments, pathlib.Path(name))
    names = [field.name for field in dataclasses.fields(Step)]
    print(report.markdown([names, *([str(getattr(step, name)) for name in names] for step in steps)]))
    for complaint in complaints:
        print(f"FAILED: {complaint}")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
