#!/usr/bin/env python3
"""Measures a push to thousands of clients: POST /api/messages with {"all": true}, once and again, to clients that offer
permessage-deflate and to clients that do not.

Every client checks that each push comes once and in order. One line for each: pushes, how long their answers took, the
delay from the push to each client, how often the message was encoded or compressed for all of them, and Sheaf's CPU a
delivered message. Before it the same messages of the backend itself without Sheaf: the clients are Python, one process,
and most of the delay is theirs.
"""

import argparse
import pathlib
import statistics
import sys
import tempfile
import time

sys.dont_write_bytecode = True
SOURCE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "tests/integration"))

import report  # noqa: E402
from harness.guarded import TOKEN, GuardedSheaf  # noqa: E402
from harness.helpers import BroadcastBackend, Helper  # noqa: E402
from harness.pushing import post  # noqa: E402

PACE = 0.5  # seconds between two pushes: longer than all clients take for one
HEADING = ["what", "messages", "answer: p50 / most ms", "delivery: p50 / p99 / most ms", "lost or out of order",
           "encoded or compressed", "µs CPU a delivery"]


def text_of(number):
    """A message as the clients check it: numbered, with the time it was sent at."""
    return '{"n":%d,"t":%.6f,"x":"%s"}' % (number, time.monotonic(), "the same for all " * 40)


def take(clients, expected):
    """The figures of the clients, once all `expected` messages are there: counts, and delays in ms."""
    deadline, received, wrong, figures = time.monotonic() + 60, 0, 0, []
    while received < expected:
        if time.monotonic() > deadline:
            sys.exit(f"push: only {received} of {expected} messages came")
        figures.append(clients.tell("report"))
        received += figures[-1]["received"]
        wrong += figures[-1]["wrong"]
        time.sleep(0.2)
    return wrong, [one for one in figures if one["received"]]


def delivery(figures):
    """Medians of the rounds' percentiles, and the longest delay of all."""
    middle = [statistics.median(one[key] for one in figures) for key in ("p50_ms", "p99_ms")]
    return " / ".join(f"{value:.1f}" for value in (*middle, max(one["most_ms"] for one in figures)))


def push(proxy, clients, count, pushes):
    """All pushes, one after another; the row of the table without its name."""
    wrong, answers, figures = 0, [], []
    counters = ("sheaf_encodings_total", "sheaf_deflate_messages_total")
    made, cpu = sum(proxy.metric(name) for name in counters), proxy.cpu_seconds()
    for number in range(pushes):
        begun = time.monotonic()
        status, answer = post(proxy.admin_port, TOKEN, {"all": True, "text": text_of(number)})
        answers.append((time.monotonic() - begun) * 1000)
        if (status, answer.get("sessions"), answer.get("not_taken")) != (200, count, 0):
            sys.exit(f"push: {status} {answer}")
        more, seen = take(clients, count)
        wrong, figures = wrong + more, figures + seen
        time.sleep(max(0.0, begun + PACE - time.monotonic()))
    cpu = (proxy.cpu_seconds() - cpu) / (count * pushes) * 1e6
    made = sum(proxy.metric(name) for name in counters) - made
    return [pushes, f"{statistics.median(answers):.1f} / {max(answers):.1f}", delivery(figures), wrong,
            f"{made:.0f}", f"{cpu:.1f}"]


def past_sheaf(backend, count, messages):
    """The same from the backend itself: what the clients alone cost."""
    with Helper("listeners", port=backend.port, clients=count) as clients:
        wrong, figures = 0, []
        for number in range(messages):
            backend.tell({"messages": 1, "first": number, "size": 720})
            more, seen = take(clients, count)
            wrong, figures = wrong + more, figures + seen
            time.sleep(PACE)
        return ["the backend itself", messages, "-", delivery(figures), wrong, "-", "-"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sessions", type=int, default=5000)
    parser.add_argument("--pushes", type=int, default=20)
    arguments = parser.parse_args()
    rows = []
    with BroadcastBackend() as backend, tempfile.TemporaryDirectory() as folder:
        rows.append(past_sheaf(backend, arguments.sessions, arguments.pushes))
        proxy = GuardedSheaf(pathlib.Path(folder), backend.url, {"pool": {"max_size": 20_000}})
        for name, options in (("pushed", {}), ("pushed, deflate", {"deflate": True})):
            with Helper("listeners", port=proxy.port, clients=arguments.sessions, **options) as clients:
                rows.append([name, *push(proxy, clients, arguments.sessions, arguments.pushes)])
        proxy.stop()
    print(report.markdown([HEADING, *([str(cell) for cell in row] for row in rows)]))


if __name__ == "__main__":
    main()
