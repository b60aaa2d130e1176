"""Runs the traders with Locust, without its page: generator.py URL USERS SPAWN_RATE SECONDS. On stdout it says, each as a line of
JSON, {"stage": "steady"} when all are there, {"stage": "leaving", ...} with what they counted, and {"stage": "gone", ...}.

Times of this process are those of one thread of Python that 1,000 users share: how late its own timers come is measured, too.
"""

from __future__ import annotations

from locust import events  # noqa: I001  # first: it makes the standard library gevent's
from locust.env import Environment

import gc
import json
import sys
import time
from typing import Any

import gevent

from traders import PlainTrader, SocketIoTrader, tally

TICK = 0.01  # seconds


def say(stage: str, **figures: Any) -> None:
    """One line."""
    print(json.dumps({"stage": stage, **figures}), flush=True)


def percentiles(seconds: list[float]) -> dict[str, float]:
    """In milliseconds; empty of nothing."""
    if not seconds:
        return {}
    ordered = sorted(seconds)
    found = {f"p{share}": ordered[int((len(ordered) - 1) * share / 100)] * 1000 for share in (50, 95, 99)}
    return {**found, "max": ordered[-1] * 1000, "count": len(ordered)}


def watch_timers(late: list[float]) -> None:
    """Notes by how much each tick comes too late, while the load is steady."""
    while True:
        due = time.perf_counter() + TICK
        gevent.sleep(TICK)
        if tally.steady:
            late.append(time.perf_counter() - due)


def counted(late: list[float], seconds: float) -> dict[str, Any]:
    """What the tally has of the steady time."""
    return {
        "seconds": seconds, "connected": tally.connected, "sent": tally.sent, "received": tally.received,
        "frames": tally.frames, "watched": tally.watched, "watch_frames": tally.watch_frames, "rest": tally.rest,
        "latency_ms": percentiles(tally.seconds), "rest_ms": percentiles(tally.rest_seconds), "late_ms": percentiles(late),
    }


def main(url: str, users: int, rate: float, seconds: float) -> None:
    """Lets them in, measures, lets them go."""
    environment = Environment(user_classes=[PlainTrader, SocketIoTrader], events=events, host=url, stop_timeout=30)
    runner = environment.create_local_runner()
    late: list[float] = []
    gevent.spawn(watch_timers, late)
    runner.start(users, spawn_rate=rate)
    deadline = time.monotonic() + users / rate + 60
    while tally.connected + tally.failed < users and time.monotonic() < deadline:
        gevent.sleep(0.05)
    gc.collect()
    gc.freeze()
    tally.steady = True
    say("steady", connected=tally.connected)
    began = time.perf_counter()
    gevent.sleep(seconds)
    tally.steady = False
    say("leaving", **counted(late, time.perf_counter() - began))
    tally.leaving = True
    while tally.busy:  # Locust may kill who is just about to begin
        gevent.sleep(0.05)
    runner.quit()
    say("gone", failed=tally.failed, problems=tally.problems, asked=tally.asked, quotes=tally.quotes)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4]))
