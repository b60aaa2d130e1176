"""The loads, and the rows of figures that are made from them (the rows of the project's table of targets)."""

import dataclasses
import statistics
from typing import Callable


@dataclasses.dataclass(frozen=True)
class Scenario:
    name: str
    kind: str  # what bench_generator --kind takes
    connections: int
    options: dict
    tls: bool = False

    def arguments(self, scale):
        connections = max(8, int(self.connections * scale))
        words = ["--kind", self.kind, "--connections", connections, "--tls", int(self.tls)]
        for name, value in self.options.items():
            words += [f"--{name}", value]
        return [str(word) for word in words]


SCENARIOS = [
    Scenario("echo-100x1", "echo", 100, {"outstanding": 1}),
    Scenario("echo-100x16", "echo", 100, {"outstanding": 16}),
    Scenario("echo-16k", "echo", 100, {"outstanding": 1, "payload": 16384}),
    Scenario("tick-1000x20", "tick", 1000, {"rate": 20}),
    Scenario("tick-200x250", "tick", 200, {"rate": 250}),
    Scenario("tls-tick-1000x20", "tick", 1000, {"rate": 20}, tls=True),
    Scenario("idle", "idle", 4000, {"used": 0}),
    Scenario("tls-idle", "idle", 4000, {"used": 0}, tls=True),
    Scenario("used-idle", "idle", 4000, {"used": 1}),
    Scenario("tls-used-idle", "idle", 4000, {"used": 1}, tls=True),
    Scenario("connect", "connect", 64, {}),
    Scenario("tls-connect", "connect", 64, {}, tls=True),
]


@dataclasses.dataclass(frozen=True)
class Row:
    title: str
    scenario: str
    figure: Callable[[dict], float | None]  # of one run's figures; None: the run has none
    digits: int
    higher_is_better: bool = False
    ratio: float | None = None  # the target: Sheaf's figure over the best peer's
    bound: float | None = None  # the target: an absolute figure

    def value(self, runs):
        """The median over the rounds; None when there is none."""
        values = [value for run in runs if (value := self.figure(run)) is not None]
        return statistics.median(values) if values else None

    def best(self, values):
        return (max if self.higher_is_better else min)(values) if values else None

    def target(self):
        sign = ">=" if self.higher_is_better else "<="
        return f"{sign} {self.bound:,}" if self.bound is not None else f"{sign} {self.ratio} x the best"

    def met(self, value, ratio):
        if self.bound is not None:
            return value <= self.bound
        if ratio is None:
            return None
        return ratio >= self.ratio if self.higher_is_better else ratio <= self.ratio


def cpu_a_message(run):
    return run["cpu_us"] / run["messages"] if run["messages"] else None


def messages_a_second(run):
    return run["messages"] / run["seconds"] if run["messages"] else None


def bytes_a_connection(run):
    return run["pss_growth"] / run["connections"] if run["connections"] else None


def milliseconds(key):
    return lambda run: run[key] / 1000 if run["messages"] else None


ROWS = [
    Row("echo 100x1, us CPU a message", "echo-100x1", cpu_a_message, 2, ratio=0.8),
    Row("echo 100x1, messages/s", "echo-100x1", messages_a_second, 0, higher_is_better=True, ratio=1.2),
    Row("echo 100x16, us CPU a message", "echo-100x16", cpu_a_message, 2, ratio=1.0),
    Row("tick 1000x20, us CPU a message", "tick-1000x20", cpu_a_message, 2, ratio=0.8),
    Row("tick 200x250, us CPU a message", "tick-200x250", cpu_a_message, 2, ratio=0.8),
    Row("16 KB echo, us CPU a message", "echo-16k", cpu_a_message, 2, ratio=0.8),
    Row("tick 1000x20, p50 ms", "tick-1000x20", milliseconds("p50_us"), 3, ratio=1.0),
    Row("tick 1000x20, p99 ms", "tick-1000x20", milliseconds("p99_us"), 3, ratio=1.0),
    Row("idle plain, bytes a connection", "idle", bytes_a_connection, 0, bound=1500),
    Row("idle TLS, bytes a connection", "tls-idle", bytes_a_connection, 0, bound=10000),
    Row("idle plain after a message, bytes", "used-idle", bytes_a_connection, 0, ratio=1.0),
    Row("idle TLS after a message, bytes", "tls-used-idle", bytes_a_connection, 0, ratio=1.0),
    Row("connect + echo + close, a second", "connect", messages_a_second, 0, higher_is_better=True, ratio=1.0),
    Row("TLS connect, a second", "tls-connect", messages_a_second, 0, higher_is_better=True, ratio=1.0),
    Row("TLS tick 1000x20, us CPU a message", "tls-tick-1000x20", cpu_a_message, 2, ratio=0.8),
]
