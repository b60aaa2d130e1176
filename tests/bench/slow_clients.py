#!/usr/bin/env python3
"""Measures what the others notice of clients that stall: 100 of 1,000, with each policy of batching.slow_client.

Every client gets 10 messages a second of its own. After a round in which all read, 100 stop reading. For each policy one
line: delay from the backend to the 900 others in the rounds before and after, Sheaf's CPU a delivered message in both,
and what its memory has grown by, beside what the marks allow. Backend and clients are Python processes, so the delays
are theirs as much as Sheaf's, and compare only within one line; on a machine that has other work they fall behind, and
seconds are theirs alone.
"""

import argparse
import pathlib
import sys
import tempfile
import time

sys.dont_write_bytecode = True
SOURCE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "tests/integration"))

import report  # noqa: E402
from harness.helpers import BroadcastBackend, Helper  # noqa: E402
from harness.sheaf import Sheaf  # noqa: E402

CLIENTS, STALLED = 1000, 100
HIGH, LOW = 256 * 1024, 64 * 1024  # as shipped
RULES = {"conflate": [{"prefix": '{"n":', "key": "/c"}]}
POLICIES = {"pause": {}, "conflate": RULES, "drop_oldest": {}, "close": {}}
HEADING = ["slow_client", "before: p50 / p99 ms", "stalled: p50 / p99 ms", "before: µs CPU a message",
           "stalled: µs CPU a message", "memory, KiB", "marks x clients, KiB", "of the stalled"]


def play(backend, listeners, proxy, number, messages, size):
    """One round. p50 and p99 of the steady clients in ms, and Sheaf's CPU a message that they got in microseconds."""
    cpu = proxy.cpu_seconds()
    expected = (CLIENTS - STALLED) * messages
    received, figures = 0, []
    backend.tell({"messages": messages, "size": size, "pause": 0.1, "distinct": True, "first": number * messages})
    deadline = time.monotonic() + 30
    while received < expected:
        if time.monotonic() > deadline:
            sys.exit(f"slow_clients: only {received} of {expected} messages came")
        figures.append(listeners.tell("report"))
        received += figures[-1]["received"]
    largest = max(figures, key=lambda one: one["received"])
    return largest["p50_ms"], largest["p99_ms"], (proxy.cpu_seconds() - cpu) / received * 1e6


def became(proxy):
    """What was done about the stalled clients, in a few words."""
    counts = {
        "paused": proxy.metric("sheaf_backpressure_pauses_total", side="upstream"),
        "messages conflated": proxy.metric("sheaf_conflated_messages_total"),
        "messages dropped": proxy.metric("sheaf_dropped_messages_total"),
        "closed": proxy.metric("sheaf_websocket_closes_total", reason="client_too_slow"),
    }
    return ", ".join(f"{count:.0f} {what}" for what, count in counts.items() if count)


def measure(policy, arguments, folder):
    """The cells of one line."""
    conf = {"workers": 1, "limits": {"buffer_high": HIGH, "buffer_low": LOW}, "log": {"access": False},
            "pool": {"max_size": 5000}}
    with BroadcastBackend() as backend:
        proxy = Sheaf(folder, backend.url, conf, [{"path": "/ws", "slow_client": policy, **POLICIES[policy]}])
        with Helper("listeners", port=proxy.port, clients=CLIENTS, stalling=STALLED, envelope="binary") as listeners:
            play(backend, listeners, proxy, 0, 20, arguments.size)
            before = play(backend, listeners, proxy, 1, arguments.messages, arguments.size)
            memory = proxy.memory_kib()
            listeners.tell("stall")
            # The first fills what the kernel holds for them.
            play(backend, listeners, proxy, 2, arguments.messages, arguments.size)
            stalled = play(backend, listeners, proxy, 3, arguments.messages, arguments.size)
            growth, outcome = proxy.memory_kib() - memory, became(proxy)
        proxy.stop()
    return [policy, f"{before[0]:.1f} / {before[1]:.1f}", f"{stalled[0]:.1f} / {stalled[1]:.1f}", f"{before[2]:.1f}",
            f"{stalled[2]:.1f}", f"{growth:,}", f"{STALLED * HIGH // 1024:,}", outcome]


def main():
    """Measures each policy and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=100, help="to each client in a round, 10 a second")
    parser.add_argument("--size", type=int, default=4000, help="bytes of a message")
    parser.add_argument("--policy", default=",".join(POLICIES), help="only these")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lines = [measure(policy, arguments, pathlib.Path(folder)) for policy in arguments.policy.split(",")]
    print(report.markdown([HEADING, *lines]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
