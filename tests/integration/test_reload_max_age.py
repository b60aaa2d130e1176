"""reload.max_age: sessions whose route a reload has removed, or sent to another backend, leave in its course."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from harness.backend import Backend
from harness.closings import Closings
from harness.frames import TEXT, RawWebSocket, frame
from harness.ports import wait_until
from harness.reloading import ReloadableSheaf, live
from harness.sheaf import Conf

ROUTES: list[Conf] = [{"path": "/ws/echo"}, {"path": "/ws/slow"}]
WITHOUT_ECHO = ROUTES[1:]
SLACK = 0.7


def age(seconds: float) -> Conf:
    return {"reload": {"max_age": f"{round(seconds * 1000)}ms"}}


@pytest.fixture
def proxy(make_reloadable, backend: Backend) -> ReloadableSheaf:
    return make_reloadable(backend.url, {"workers": 2}, ROUTES)


@contextmanager
def crowd(proxy: ReloadableSheaf, count: int) -> Iterator[Closings]:
    with Closings([RawWebSocket(proxy.port) for _ in range(count)]) as watched:
        yield watched


@live("reload.max_age")
def test_sessions_of_a_removed_route_leave_spread_evenly(proxy: ReloadableSheaf) -> None:
    with crowd(proxy, 60) as watched, RawWebSocket(proxy.port, "/ws/slow") as other:
        began = time.monotonic()
        proxy.reload(age(3), WITHOUT_ECHO)
        closed = watched.wait_for(60, 6)
        times = sorted(one.at - began for one in closed)
        assert {one.code for one in closed} == {1012}
        assert times[-1] <= 3 + SLACK
        for second in range(3):
            assert 5 <= sum(second <= at < second + 1 for at in times) <= 40, times
        other.check_echo(b"its route is there")
        assert proxy.metric("sheaf_websocket_closes_total", reason="route_removed") == 60
        assert proxy.count_log_lines("access", "end=route_removed") == 60
        with RawWebSocket(proxy.port) as new:
            new.check_echo(b"there is the route / for it")


def test_without_it_they_stay(proxy: ReloadableSheaf) -> None:
    with crowd(proxy, 10) as watched:
        proxy.reload({}, [])
        time.sleep(1)
        for client in watched.clients:
            client.send(frame(TEXT, b"still here"))
        wait_until(lambda: all(watched.messages), 3, "all of them echo")
        assert watched.closed == []


def test_it_takes_hold_of_sessions_whose_route_went_before(proxy: ReloadableSheaf) -> None:
    with crowd(proxy, 30) as watched:
        proxy.reload(age(0), WITHOUT_ECHO)
        proxy.reload(age(3600), WITHOUT_ECHO)
        time.sleep(0.5)
        assert len(watched.closed) <= 1
        began = time.monotonic()
        proxy.reload(age(1), WITHOUT_ECHO)
        watched.wait_for(30, 5)
        assert time.monotonic() - began <= 1 + SLACK + 1


def test_route_that_comes_back_keeps_those_that_are_left(proxy: ReloadableSheaf) -> None:
    with crowd(proxy, 60) as watched:
        proxy.reload(age(5), WITHOUT_ECHO)
        watched.wait_for(3, 5)
        proxy.reload(age(5), ROUTES)
        time.sleep(0.3)
        gone = len(watched.closed)
        time.sleep(1.5)
        assert len(watched.closed) == gone < 60


def test_route_that_is_changed_is_not_removed(proxy: ReloadableSheaf) -> None:
    with crowd(proxy, 10) as watched:
        proxy.reload(age(0.5), [{"path": "/ws/slow"}, {"path": "/ws/echo", "size": 3}])
        time.sleep(1.5)
        assert watched.closed == []


def test_sessions_at_a_former_backend_leave(proxy: ReloadableSheaf, make_backend) -> None:
    other: Backend = make_backend()
    with crowd(proxy, 20) as watched:
        proxy.reload({**age(1), "upstream": {"url": other.url}}, ROUTES)
        with RawWebSocket(proxy.port) as new:
            closed = watched.wait_for(20, 5)
            assert {one.code for one in closed} == {1012}
            new.check_echo(b"at the new one")
            time.sleep(1)
            new.check_echo(b"and stays there")
    wait_until(lambda: proxy.metric("sheaf_websocket_sessions") == 0, 5, "all are over")


def test_drain_takes_over(proxy: ReloadableSheaf) -> None:
    with crowd(proxy, 30) as watched:
        proxy.reload(age(3600), [])
        proxy.signal()
        assert {one.code for one in watched.wait_for(30, 8)} == {1012}
        assert proxy.wait(10) == 0
