"""Reloads, hundreds of them, while clients echo and come and go: what tests/integration/test_reload_load.py and
tests/soak.sh reload have in common."""

from __future__ import annotations

import re
import resource
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
# What the conf file alternates between. Each leaves every client's echo as it is, and takes another road to that. OTHER
# stands for an address that comes and goes beside the one that stays, BACKEND for another way to the same backend.
OTHER, BACKEND = "other", "backend"
VARIANTS: list[tuple[Conf, list[Conf]]] = [
    ({"batching": {"delivery": "off"}}, [{"path": "/echo"}]),
    ({"batching": {"delivery": "cork", "cork_timeout": "3ms"}}, [{"path": "/echo/a", "size": 5}, {"path": "/echo"}]),
    ({"limits": {"max_fields": 50, "max_message": 4096, "buffer_high": "128KiB"}}, [{"path": "/echo/b", "size": 9}]),
    ({"timeouts": {"head": "7s", "idle": "20s", "response": "9s"}, "log": {"level": "warning"}}, []),
    ({"pool": {"max_size": 15000, "idle_timeout": "1s"}, "deflate": {"level": 3}},
     [{"path": "/other", "delivery": "off"}]),
    ({"batching": {"timeout": "5ms"}}, [{"path": "/echo", "critical": [{"event": "alert"}], "size": 20}]),
    ({"log": {"level": "error", "format": "json"}, "memory": {"check_interval": "200ms"}},
     [{"path": "/other", "conflate": [{"event": "price", "key": "/s"}]}, {"path": "/echo/b"}, {"path": "/echo/a"}]),
    ({"forwarded": {"header": "forwarded"}, "drain": {"timeout": "9s"}, "limits": {"underscores": "drop"}}, []),
    ({"listen": {"address": OTHER, "backlog": 2000}}, [{"path": "/echo", "max_bytes": "32KiB"}]),
    ({"upstream": {"url": BACKEND}, "pool": {"stale_timeout": "2s"}}, [{"path": "/other", "delivery": "cork"}]),
    ({"listen": {"address": OTHER}, "upstream": {"url": BACKEND}}, []),
]  # fmt: skip


@contextmanager
def bench_backend(folder: Path, programs: Path = BINARY.parent / "bench") -> Iterator[tuple[str, str]]:
    """The benchmark's echo server; yields its URL over TCP, and over a Unix socket."""
    port = free_port()
    path = folder / f"bench-{port}.sock"
    # It has a descriptor a client, and does not ask for more of them itself.
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    with subprocess.Popen([str(programs / "bench_backend"), f"127.0.0.1:{port}", str(path)]) as process:
        try:
            yield f"http://127.0.0.1:{port}", f"unix:{path}"
        finally:
            process.kill()
            path.unlink(missing_ok=True)


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
    """Reloads `proxy` again and again; `steady` and `arrivals` are its clients, and `backend` is another URL of its
    backend. Notes looks and complaints."""

    proxy: ReloadableSheaf
    backend: str
    steady: Helper
    arrivals: Helper
    variants: list[tuple[Conf, list[Conf]]] = field(default_factory=lambda: VARIANTS)
    looks: list[Look] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    _other_port: int = field(default_factory=free_port)
    _done: int = 0
    _began: float = field(default_factory=time.monotonic)
    _counters: dict[str, float] = field(default_factory=dict)

    def reload(self, count: int, pause: float) -> None:
        """So many, by POST and by SIGHUP turn and turn about, at least `pause` seconds after one another."""
        for _ in range(count):
            began = time.monotonic()
            conf, routes = self._variant()
            if self._done % 2:
                self.proxy.reload(conf, routes)
            else:
                self.proxy.put(conf, routes)
                before = self.proxy.reloads
                self.proxy.process.send_signal(signal.SIGHUP)
                wait_until(lambda seen=before: self.proxy.reloads > seen, 30, "SIGHUP reloads", every=0.005)
            self._done += 1
            time.sleep(max(0.0, began + pause - time.monotonic()))

    def _variant(self) -> tuple[Conf, list[Conf]]:
        conf, routes = self.variants[self._done % len(self.variants)]
        listen, upstream = dict(conf.get("listen", {})), dict(conf.get("upstream", {}))
        if listen:
            listen["address"] = [f"127.0.0.1:{self.proxy.port}", f"127.0.0.1:{self._other_port}"]
        if upstream:
            upstream["url"] = self.backend
        return {**conf, "listen": listen, "upstream": upstream}, routes

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
