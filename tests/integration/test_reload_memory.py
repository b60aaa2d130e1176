"""What a reload does to [memory], with a proxy that leaks as much as the test says."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.backend import Backend
from harness.closings import Closings
from harness.frames import RawWebSocket
from harness.leaky import IDLE, LeakySheaf, crowd
from harness.ports import wait_until
from harness.raw import RawClient, get
from harness.reloading import BOTH_PLACES, ReloadableSheaf, live, new_sessions, where
from harness.sheaf import Conf, merged

SOON = 4.0
BASE: Conf = {"workers": 1, "memory": {"idle_after": "20s", "shed_rate": 1000}, "pool": {"min_size": 0}}


class ReloadableLeaky(ReloadableSheaf, LeakySheaf):
    """Both: it leaks, and its conf file is written anew."""


@pytest.fixture(scope="module")
def running(folder: Path, memory_app: Backend) -> Iterator[ReloadableLeaky]:
    one = ReloadableLeaky(folder, memory_app.url, BASE)
    yield one
    one.stop()


@pytest.fixture
def proxy(running: ReloadableLeaky) -> Iterator[ReloadableLeaky]:
    """At 50 percent of its limit; has BASE again after each test."""
    running.fill_to(50)
    yield running
    running.reload()
    running.go_to("normal")


@pytest.mark.parametrize(
    "memory,level",
    [
        ({"limit": "150MiB"}, "critical"),
        ({"max_percent": 60}, "moderate"),
        ({"moderate_percent": 40}, "moderate"),
        ({"moderate_percent": 30, "high_percent": 40}, "high"),
        ({"moderate_percent": 20, "high_percent": 30, "critical_percent": 40}, "critical"),
    ],
)
@live("memory.limit", "memory.max_percent", "memory.moderate_percent", "memory.high_percent", "memory.critical_percent")
def test_thresholds(proxy: ReloadableLeaky, memory: Conf, level: str) -> None:
    assert proxy.level == "normal"
    proxy.reload({"memory": memory})
    proxy.wait_for_level(level, SOON)
    proxy.reload()
    proxy.wait_for_level("normal", SOON)


@live("memory.hysteresis", "memory.dwell")
@pytest.mark.parametrize("held_by", [{"hysteresis": 20}, {"dwell": "1h"}], ids=["hysteresis", "dwell"])
def test_what_holds_a_level_lets_it_go(proxy: ReloadableLeaky, held_by: Conf) -> None:
    proxy.reload({"memory": held_by})
    proxy.go_to("moderate")
    proxy.fill_to(50)
    time.sleep(0.5)
    assert proxy.level == "moderate"
    proxy.reload()
    proxy.wait_for_level("normal", SOON)


def looks_in(proxy: ReloadableLeaky, seconds: float) -> float:
    before = proxy.metric("sheaf_memory_looks_total")
    time.sleep(seconds)
    return proxy.metric("sheaf_memory_looks_total") - before


@live("memory.check_interval")
def test_check_interval(proxy: ReloadableLeaky) -> None:
    assert looks_in(proxy, 0.5) >= 5
    proxy.reload({"memory": {"check_interval": "1m"}})
    time.sleep(0.1)
    assert looks_in(proxy, 0.5) <= 1
    proxy.reload({"memory": {"check_interval": "50ms"}})
    assert looks_in(proxy, 1) >= 5, "the minute that had begun is waited for"


@pytest.mark.parametrize("option,step", [("cleanup_interval", "free_buffers"), ("trim_interval", "trim_allocator")])
@live("memory.cleanup_interval", "memory.trim_interval")
def test_intervals_of_relief(proxy: ReloadableLeaky, option: str, step: str) -> None:
    before = proxy.relief(step)
    time.sleep(1.2)
    assert proxy.relief(step) == before
    proxy.reload({"memory": {option: "1s"}})
    wait_until(lambda: proxy.relief(step) >= before + 2, SOON, f"{step} is repeated")


@live("memory.idle_after")
def test_idle_after(proxy: ReloadableLeaky) -> None:
    """As exactly as the former value asked for: the time of a session's last message is noted to an eighth of that."""
    with crowd(proxy, 5) as clients, Closings(clients) as closings:
        time.sleep(0.6)
        proxy.go_to("high")
        time.sleep(0.5)
        assert closings.closed == []
        proxy.reload({"memory": IDLE})
        assert {one.code for one in closings.wait_for(5, SOON)} == {1013}


@live("memory.shed_rate")
def test_shed_rate(proxy: ReloadableLeaky) -> None:
    proxy.reload({"memory": {**IDLE, "shed_rate": 1}})
    with crowd(proxy, 60) as clients, Closings(clients) as closings:
        time.sleep(0.8)
        proxy.go_to("high")
        time.sleep(1)
        assert 1 <= len(closings.closed) <= 5
        proxy.reload({"memory": IDLE})
        closings.wait_for(60, SOON)


@BOTH_PLACES
@new_sessions("memory.shed")
def test_shed(proxy: ReloadableLeaky, in_route: bool) -> None:
    proxy.reload({"memory": IDLE})
    with RawWebSocket(proxy.port, "/ws/idle") as old:
        conf, routes = where("memory.shed", False, in_route)
        proxy.reload(merged({"memory": IDLE}, conf), routes)
        with RawWebSocket(proxy.port, "/ws/idle") as new:
            time.sleep(0.6)
            proxy.go_to("high")
            assert old.read_close().code == 1013
            time.sleep(0.5)
            new.check_echo(b"still here")


def told(backend: Backend) -> list[str]:
    return [post["level"] for post in json.loads(get(backend.port, "/told").body)["posts"]]


@live("memory.webhook")
def test_webhook(proxy: ReloadableLeaky, memory_app: Backend) -> None:
    before = len(told(memory_app))
    proxy.reload({"memory": {"webhook": "/internal/memory"}})
    proxy.go_to("moderate")
    wait_until(lambda: told(memory_app)[before:] == ["moderate"], SOON, "the backend is told")
    assert get(proxy.port, "/internal/memory").status == 404, "the path is not for clients"
    proxy.reload()
    proxy.go_to("high")
    time.sleep(0.3)
    assert told(memory_app)[before:] == ["moderate"]


@live("memory.webhook_timeout")
def test_webhook_timeout(proxy: ReloadableLeaky, memory_app: Backend) -> None:
    with RawClient(memory_app.port) as client:
        assert client.request("PUT /told?delay=30 HTTP/1.1\nHost: a\n\n").status == 200
    webhook: Conf = {"webhook": "/internal/memory", "webhook_timeout": "1m"}
    try:
        proxy.reload({"memory": {**webhook, "webhook_timeout": "300ms"}})
        proxy.go_to("moderate")
        wait_until(lambda: proxy.memory["webhooks"].get("failed", 0) >= 1, SOON, "it is given up")
    finally:
        with RawClient(memory_app.port) as client:
            client.request("PUT /told?delay=0 HTTP/1.1\nHost: a\n\n")


def readings(proxy: ReloadableLeaky) -> int:
    status, body = proxy.admin("/api/performance/websocket/metrics")
    assert status == 200
    (samples,) = [value for value in json.loads(body).values() if isinstance(value, list)]
    return len(samples)


@live("memory.history")
def test_history(proxy: ReloadableLeaky) -> None:
    wait_until(lambda: readings(proxy) > 80, SOON, "readings are kept")
    proxy.reload({"memory": {"history": "1s"}})
    wait_until(lambda: readings(proxy) <= 51, SOON, "older ones than a second go")
    proxy.reload()
    wait_until(lambda: readings(proxy) > 80, SOON, "they are kept again")
