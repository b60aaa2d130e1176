"""Routes that come, go, change and change places while WebSockets live on each of them."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from harness.backend import Backend
from harness.frames import BINARY, TEXT, RawWebSocket, frame
from harness.ports import wait_until
from harness.raw import get
from harness.recorder import Recorder, upgrade_answer
from harness.reloading import ReloadableSheaf
from harness.sheaf import Conf

PATHS = ["/ws/echo", "/ws/slow", "/ws/quotes", "/ws", "/"]


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    running = Recorder(upgrade_answer, at_head=True)
    yield running
    running.stop()


def alerts(name: str) -> list[Conf]:
    return [{"event": name}]


def test_sessions_of_routes_that_come_go_and_change(make_reloadable, backend: Backend) -> None:
    proxy: ReloadableSheaf = make_reloadable(backend.url, routes=[{"path": "/ws/echo", "max_message": 3000}])
    limits: list[tuple[RawWebSocket, int]] = []
    steps: list[tuple[list[Conf], str, int]] = [
        ([{"path": "/ws/echo", "max_message": 3000}], "/ws/echo", 3000),
        ([{"path": "/ws/echo", "max_message": 1000}], "/ws/echo", 1000),
        ([{"path": "/ws", "max_message": 2000}], "/ws/echo", 2000),
        ([{"path": "/ws", "max_message": 2000}, {"path": "/ws/echo", "max_message": 500}], "/ws/echo", 500),
        ([{"path": "/ws/echo", "max_message": 500}, {"path": "/ws", "max_message": 2000}], "/ws/echo", 500),
        ([], "/ws/echo", 5000),
    ]
    with ExitStack() as stack:
        for routes, path, limit in steps:
            proxy.reload(routes=routes)
            limits.append((stack.enter_context(RawWebSocket(proxy.port, path)), limit))
        for session, limit in limits:
            session.check_echo(b"x" * limit)
        for session, limit in limits[:-1]:
            session.send_frame(TEXT, b"x" * (limit + 1))
            assert session.read_close().code == 1009


def test_new_requests_go_where_the_file_says_now(make_reloadable, backend: Backend) -> None:
    proxy: ReloadableSheaf = make_reloadable(backend.url, routes=[{"path": "/page"}])

    def counted(route: str) -> float:
        return proxy.metric("sheaf_http_requests_total", route=route, status="2xx")

    assert get(proxy.port, "/page").status == 200
    proxy.reload(routes=[])
    assert get(proxy.port, "/page").status == 200
    proxy.reload(routes=[{"path": "/status"}, {"path": "/page"}])
    assert get(proxy.port, "/page").status == 200
    assert get(proxy.port, "/status/200").status == 200
    assert (counted("/page"), counted("/"), counted("/status")) == (2, 1, 1)


def test_plans_of_routes_go_with_their_last_session(make_reloadable, backend: Backend) -> None:
    """And what has not changed is not made anew."""
    proxy: ReloadableSheaf = make_reloadable(backend.url, {"workers": 2}, [{"path": "/ws/echo", "size": 5}])
    plans = 2 * 2  # of "/" and "/ws/echo", in two workers
    assert proxy.metric("sheaf_route_plans") == plans
    with ExitStack() as stack:
        sessions = [stack.enter_context(RawWebSocket(proxy.port)) for _ in range(10)]
        for size in range(10, 30):
            proxy.reload(routes=[{"path": "/ws/echo", "size": size}])
        assert plans < proxy.metric("sheaf_route_plans") <= plans + 2
        for _ in range(10):
            proxy.reload(routes=[{"path": "/ws/echo", "size": 29}])
        assert proxy.metric("sheaf_route_plans") <= plans + 2
        for session in sessions:
            session.check_echo(b"still here")
    wait_until(lambda: proxy.metric("sheaf_route_plans") == plans, 5, "those of the sessions are gone")


COUNTERS = re.compile(r"^(sheaf_\w+(?:_total|_count|_sum|_bucket)(?:\{[^}]*\})?) (\S+)$", re.MULTILINE)


def counters(proxy: ReloadableSheaf) -> dict[str, float]:
    """Every sample of a counter or a histogram."""
    return {name: float(value) for name, value in COUNTERS.findall(proxy.admin("/metrics")[1])}


def test_no_counter_falls_or_goes_over_50_reloads_that_shuffle_routes(make_reloadable, recorder: Recorder) -> None:
    """Each route counts by its path and each rule by its own text, wherever they stand in the file."""
    base: Conf = {"workers": 2, "batching": {"delivery": "always", "envelope": "engineio"}}
    rules = [alerts("a"), alerts("b"), alerts("a") + alerts("b"), alerts("b") + alerts("a"), []]
    proxy: ReloadableSheaf = make_reloadable(recorder.url, base)
    source = random.Random(14)
    expected: dict[tuple[str, str], int] = {}
    before = counters(proxy)
    for _ in range(50):
        routes: list[Conf] = [{"path": path, "critical": source.choice(rules)} for path in PATHS]
        routes = source.sample(routes, source.randrange(1, len(routes) + 1))
        proxy.reload(routes=routes)
        chosen = source.choice(routes)
        with RawWebSocket(proxy.port, str(chosen["path"])) as client:
            for rule in chosen["critical"]:
                recorder.latest.connection.send(frame(TEXT, b'42["%s",1]' % rule["event"].encode(), masked=False))
                assert client.read_message() == (TEXT, b'42["%s",1]' % rule["event"].encode())
                key = (str(chosen["path"]), str(rule["event"]))
                expected[key] = expected.get(key, 0) + 1
        now = counters(proxy)
        fallen = {name: (value, now.get(name)) for name, value in before.items() if now.get(name, -1) < value}
        assert not fallen
        before = now
    seen = {key: proxy.metric("sheaf_critical_messages_total", route=key[0], rule=key[1]) for key in expected}
    assert seen == expected
    routes_in_stats = proxy.stats()["message_batcher"]["routes"]
    assert len({route["route"] for route in routes_in_stats}) == len(routes_in_stats) == len(PATHS)


def test_living_sessions_keep_order_and_content_over_reloads(make_reloadable, backend: Backend) -> None:
    """Sessions of all ways of delivery echo while each reload changes what all routes say."""
    ways = ["/ws/echo", "/ws/echo?sheaf=json", "/ws/echo?sheaf=binary"]
    proxy: ReloadableSheaf = make_reloadable(backend.url, {"batching": {"timeout": "5ms"}})
    with ExitStack() as stack:
        plain = stack.enter_context(RawWebSocket(proxy.port, ways[0]))
        asking = [stack.enter_context(RawWebSocket(proxy.port, way)) for way in ways[1:]]
        for number in range(30):
            delivery = ["off", "cork", "offer", "always"][number % 4]
            for session in (plain, *asking):
                session.send_frame(TEXT, b'{"n":%d}' % number)
            proxy.reload({"batching": {"delivery": delivery, "timeout": f"{5 + number % 3}ms"}})
            assert plain.read_message() == (TEXT, b'{"n":%d}' % number)
            for session in asking:
                opcode, payload = session.read_message()
                assert opcode in (TEXT, BINARY) and b'"n":%d' % number in payload
