"""The four troubles of proxy/operating.md, each brought about on purpose by real clients in front of a real Sheaf.

    with TROUBLES["pool"](folder) as proxy:
        ...                            # proxy.stats(), the dashboard: as long as this lasts, so does the trouble

The operator has a token (guarded.py). What each is a sign of, and the remedies, are in proxy/operating.md.
"""

from __future__ import annotations

import contextlib
import json
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

from .frames import upgrade
from .guarded import GuardedSheaf
from .helpers import BroadcastBackend, Helper
from .ports import wait_until
from .raw import RawClient
from .sheaf import Conf, Sheaf

Json = dict[str, Any]

MOST_LINKS = 40  # pool.max_size of the exhausted pool
PING = 2  # seconds


@contextmanager
def running(folder: Path, backend: BroadcastBackend, conf: Conf) -> Iterator[GuardedSheaf]:
    """Sheaf with `conf` and an operator's token, ended politely, or, with clients that do not answer, at once."""
    proxy = GuardedSheaf(folder, backend.url, {"drain": {"delay": "0s", "timeout": "1s"}, **conf})
    try:
        yield proxy
    finally:
        proxy.stop()


@contextmanager
def again_and_again(act: Callable[[threading.Event], None], threads: int) -> Iterator[None]:
    """Meanwhile so many threads do `act` over and over; it is to return soon once its event is set."""
    over = threading.Event()

    def go_on() -> None:
        while not over.is_set():
            with contextlib.suppress(OSError):
                act(over)

    workers = [threading.Thread(target=go_on) for _ in range(threads)]
    for worker in workers:
        worker.start()
    try:
        yield
    finally:
        over.set()
        for worker in workers:
            worker.join()


@contextmanager
def streaming(proxy: Sheaf, backend: BroadcastBackend, clients: int) -> Iterator[None]:
    """So many clients that get 20 messages a second."""
    with Helper("patrons", port=proxy.port, active=clients):
        backend.tell({"tick": 0.05, "size": 300, "path": "/active"})
        yield


@contextmanager
def pool_exhausted(folder: Path) -> Iterator[GuardedSheaf]:
    """WebSockets hold all upstream connections that there may be; who comes now waits, and is refused."""
    with BroadcastBackend() as backend, ExitStack() as stack:
        conf: Conf = {"pool": {"min_size": 0, "max_size": MOST_LINKS, "acquire_timeout": "1s"}}
        proxy = stack.enter_context(running(folder, backend, conf))
        stack.enter_context(streaming(proxy, backend, MOST_LINKS))

        def knock(_: threading.Event) -> None:
            with RawClient(proxy.port) as client:
                client.request(upgrade("/late"))

        stack.enter_context(again_and_again(knock, 12))
        wait_until(lambda: proxy.stats()["http"]["refused"].get("pool_exhausted", 0) > 20, 20, "clients are refused")
        yield proxy


@contextmanager
def memory_high(folder: Path) -> Iterator[GuardedSheaf]:
    """Clients that read nothing have queues filled for them, of a process with little memory."""
    with BroadcastBackend() as backend, ExitStack() as stack:
        conf: Conf = {"memory": {"limit": "64MiB", "check_interval": "200ms", "idle_after": "5s", "shed_rate": 20}}
        proxy = stack.enter_context(running(folder, backend, conf))
        stack.enter_context(streaming(proxy, backend, 50))
        stack.enter_context(Helper("patrons", port=proxy.port, deaf=150, idle=200))

        def flood(over: threading.Event) -> None:
            if proxy.stats()["memory_optimizer"]["percent"] < 76:
                backend.tell({"messages": 4, "size": 8_000, "path": "/deaf"})
            over.wait(0.05)

        stack.enter_context(again_and_again(flood, 1))
        seen = ("high", "critical")
        wait_until(lambda: proxy.stats()["memory_optimizer"]["pressure_level"] in seen, 40, "the level is high")
        yield proxy


@contextmanager
def latency_high(folder: Path) -> Iterator[GuardedSheaf]:
    """A configuration that makes each message wait for company for most of a second."""
    with BroadcastBackend() as backend, ExitStack() as stack:
        conf: Conf = {"batching": {"adaptive": False, "timeout": "800ms", "cork_timeout": "800ms"}}
        proxy = stack.enter_context(running(folder, backend, conf))
        stack.enter_context(streaming(proxy, backend, 100))
        wait_until(lambda: proxy.stats()["message_batcher"]["statistics"]["avg_delay_ms"] > 300, 20, "messages wait")
        yield proxy


@contextmanager
def stale_connections(folder: Path) -> Iterator[GuardedSheaf]:
    """Clients whose network broke: they are there, answer no ping, and are found out by that."""
    with BroadcastBackend() as backend, ExitStack() as stack:
        conf: Conf = {"websocket": {"ping_interval": f"{PING}s", "ping_timeout": f"{PING}s"}}
        proxy = stack.enter_context(running(folder, backend, conf))
        stack.enter_context(streaming(proxy, backend, 50))

        def be_gone(over: threading.Event) -> None:
            over.wait(random.uniform(0, 2 * PING))  # they do not come all at once
            with RawClient(proxy.port, timeout=30) as client:
                client.send(upgrade("/gone").replace("\n", "\r\n").encode())
                for _ in range(2 * PING * 4):
                    if over.wait(0.5):
                        return

        stack.enter_context(again_and_again(be_gone, 60))
        wait_until(lambda: proxy.stats()["sessions"]["closed"].get("client_ping_timeout", 0) >= 60, 40, "they are found out")
        yield proxy


def signs_of_pool(proxy: GuardedSheaf) -> Json:
    (pool,) = ask(proxy, "/pools")["pools"]
    return {
        "pools[0].connections.active": pool["connections"]["active"],
        "pools[0].max_size": pool["max_size"],
        "pools[0].waiting": pool["waiting"],
        "pools[0].longest_wait_seconds": round(pool["longest_wait_seconds"], 2),
        "http.refused.pool_exhausted": proxy.stats()["http"]["refused"]["pool_exhausted"],
    }


def signs_of_memory(proxy: GuardedSheaf) -> Json:
    memory = proxy.stats()["memory_optimizer"]
    pressure = [one for one in ask(proxy, "/events")["events"] if one["kind"] == "pressure"]
    most = ask(proxy, "/connections?sort=queued&limit=1")["connections"][0]
    return {
        "memory_optimizer.percent": round(memory["percent"]),
        "memory_optimizer.pressure_level": memory["pressure_level"],
        "memory_optimizer.queued_bytes": memory["queued_bytes"],
        "connections[0].state": most["state"],
        "connections[0].queued_bytes": most["queued_bytes"],
        "events[0].message": pressure[0]["message"],
        "events[0].fields.level": pressure[0]["fields"]["level"],
    }


def signs_of_latency(proxy: GuardedSheaf) -> Json:
    sample = ask(proxy, "/api/performance/websocket/metrics?last=1m")["metrics"][-1]
    return {
        "metrics[-1].delay_p50_ms": round(sample["delay_p50_ms"]),
        "metrics[-1].delay_p99_ms": round(sample["delay_p99_ms"]),
        "metrics[-1].avg_batch_size": round(sample["avg_batch_size"], 1),
    }


def signs_of_connections(proxy: GuardedSheaf) -> Json:
    sessions = proxy.stats()["sessions"]
    longest = ask(proxy, "/connections?path=/gone&sort=idle&limit=1")["connections"]
    return {
        "sessions.active_sessions": sessions["active_sessions"],
        "sessions.closed.client_ping_timeout": sessions["closed"]["client_ping_timeout"],
        "connections[0].path": longest[0]["path"] if longest else None,
        "connections[0].messages_in": longest[0]["messages_in"] if longest else None,
    }


def ask(proxy: Sheaf, path: str) -> Json:
    """The JSON at a path of the admin listener."""
    status, body = proxy.admin(path)
    assert status == 200, body
    return dict(json.loads(body))


TROUBLES: dict[str, Callable[[Path], AbstractContextManager[GuardedSheaf]]] = {
    "pool": pool_exhausted,
    "memory": memory_high,
    "latency": latency_high,
    "connections": stale_connections,
}

# What the API says of each, by the names of its fields.
SIGNS: dict[str, Callable[[GuardedSheaf], Json]] = {
    "pool": signs_of_pool,
    "memory": signs_of_memory,
    "latency": signs_of_latency,
    "connections": signs_of_connections,
}
