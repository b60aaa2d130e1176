"""Reloads, hundreds of them, while clients echo and come and go: what tests/integration/test_reload_load.py and
tests/soak.sh reload have in common."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from .helpers import Helper
from .ports import free_port, wait_until
from .reloading import ReloadableSheaf
from .sheaf import BINARY, Conf

BASE: Conf = {"log": {"access": False}, "pool": {"min_size": 0}, "websocket": {"ping_interval": "0s"}}
PATHS = "/echo,/echo/a,/echo/b,/other"
COUNTERS = re.compile(r"^(sheaf_\w+(?:_total|_count|_sum|_bucket)(?:\{[^}]*\})?) (\S+)$", re.MULTILINE)
# Each of them leaves every client's echo as it is, and takes other roads to that.
VARIANTS: list[tuple[Conf, list[Conf]]] = [
    ({"batching": {"delivery": "off"}}, [{"path": "/echo"}]),
    ({"batching": {"delivery": "cork", "cork_timeout": "3ms"}}, [{"path": "/echo/a", "size": 5}, {"path": "/echo"}]),
    ({"limits": {"max_fields": 50, "max_message": 4096, "buffer_high": "128KiB"}}, [{"path": "/echo/b", "size": 9}]),
    ({"timeouts": {"head": "7s", "idle": "20s", "response": "9s"}, "log": {"level": "warning"}}, []),
    ({"pool": {"max_size": 9000, "idle_timeout": "1s"}, "deflate": {"level": 3}}, [{"path": "/other", "delivery": "off"}]),
    ({"batching": {"timeout": "5ms"}}, [{"path": "/echo", "critical": [{"event": "alert"}], "size": 20}]),
    ({"log": {"level": "error", "format": "json"}, "memory": {"check_interval": "200ms"}},
     [{"path": "/other", "conflate": [{"event": "price", "key": "/s"}]}, {"path": "/echo/b"}, {"path": "/echo/a"}]),
    ({"forwarded": {"header": "forwarded"}, "drain": {"timeout": "9s"}, "limits": {"underscores": "drop"}}, []),
]  # fmt: skip


@contextmanager
def bench_backend(programs: Path = BINARY.parent / "bench") -> Iterator[str]:
    """The benchmark's echo server; yields its URL."""
    port = free_port()
    with subprocess.Popen([str(programs / "bench_backend"), f"127.0.0.1:{port}"]) as process:
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def counters(proxy: ReloadableSheaf) -> dict[str, float]:
    """Every sample of a counter or a histogram."""
    return {name: float(value) for name, value in COUNTERS.findall(proxy.admin("/metrics")[1])}


@dataclass
class Look:
    """What the process held at a moment."""

    reloads: int
    seconds: float
    rss_kib: int
    descriptors: int
    plans: int
    open: int
    slowest_ms: float
    arrived: int


@dataclass
class ReloadLoad:
    """Reloads `proxy` again and again; `steady` and `arrivals` are its clients. Notes looks and complaints."""

    proxy: ReloadableSheaf
    steady: Helper
    arrivals: Helper
    looks: list[Look] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    _done: int = 0
    _began: float = field(default_factory=time.monotonic)
    _counters: dict[str, float] = field(default_factory=dict)

    def reload(self, count: int, pause: float) -> None:
        """So many, by POST and by SIGHUP turn and turn about, at least `pause` seconds after one another."""
        for _ in range(count):
            began = time.monotonic()
            conf, routes = VARIANTS[self._done % len(VARIANTS)]
            if self._done % 2:
                self.proxy.reload(conf, routes)
            else:
                self.proxy.put(conf, routes)
                before = self.proxy.reloads
                self.proxy.process.send_signal(signal.SIGHUP)
                wait_until(lambda seen=before: self.proxy.reloads > seen, 30, "SIGHUP reloads", every=0.005)
            self._done += 1
            time.sleep(max(0.0, began + pause - time.monotonic()))

    def look(self) -> Look:
        """Notes what the process holds, and which counters have fallen."""
        steady, arrivals = self.steady.tell("report"), self.arrivals.tell("report")
        now = counters(self.proxy)
        fallen = [name for name, value in self._counters.items() if now.get(name, -1.0) < value]
        if fallen:
            self.complaints.append(f"after {self._done} reloads counters have fallen: {fallen[:5]}")
        self._counters = now
        self.looks.append(Look(
            self._done, round(time.monotonic() - self._began, 1), self.proxy.memory_kib(), self.proxy.descriptors(),
            int(self.proxy.metric("sheaf_route_plans")), steady["open"], round(steady["slowest_ms"], 1),
            arrivals["arrived"],
        ))  # fmt: skip
        return self.looks[-1]

    def finish(self, clients: int) -> None:
        """Lets what is on its way end; complains of all that any client has noticed, or of a reload that failed."""
        for name, ledger in (("steady", self.steady.tell("settle")), ("arrivals", self.arrivals.tell("settle"))):
            if ledger["failed"]:
                self.complaints.append(f"{name}: {ledger['failed']}")
            if ledger["sent"] != ledger["echoed"]:
                self.complaints.append(f"{name}: {ledger['sent']} messages sent, {ledger['echoed']} echoed")
        if self.steady.latest["open"] != clients:
            self.complaints.append(f"{self.steady.latest['open']} of {clients} WebSockets are open")
        if self.proxy.failed:
            self.complaints.append(f"{self.proxy.failed} reloads have failed")
        for metric in ("sheaf_client_accept_pauses_total", "sheaf_pool_failed_total", "sheaf_refusals_total"):
            if count := self.proxy.metric(metric):
                self.complaints.append(f"{metric} is {count:.0f}")

    def grown(self, since: Look) -> float:
        """By which part resident memory has grown."""
        return self.proxy.memory_kib() / since.rss_kib - 1
