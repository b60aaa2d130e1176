"""What a reload does to [pool]. Each option takes hold of the pool that there is: of who waits and what is idle."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from harness.backend import Backend
from harness.frames import RawWebSocket
from harness.ports import free_port, wait_until
from harness.raw import RawClient
from harness.recorder import OK, Recorder, Request
from harness.reloading import ReloadableSheaf, live, new_sessions
from harness.sheaf import Conf

LONG, SHORT = "60s", "300ms"
SOON = 4.0  # seconds in which a SHORT time is surely over
SLOW = 2.5  # seconds that a slow answer takes


def answer(request: Request) -> bytes | None:
    if request.target == "/never":
        return None
    if request.target == "/slow":
        time.sleep(SLOW)
    return OK


@pytest.fixture
def recorder(make_recorder) -> Recorder:
    return make_recorder(answer)


def pool(**options: object) -> Conf:
    """No checks, no warm connections and no limits of time, but for `options`."""
    quiet: Conf = {"min_size": 0, "health_check_interval": "0s", "idle_timeout": LONG, "acquire_timeout": LONG}
    return {"workers": 1, "pool": {**quiet, **options}}


def ask(proxy: ReloadableSheaf, path: str = "/") -> RawClient:
    """A client that has sent a request and has not read its answer."""
    client = RawClient(proxy.port)
    client.send(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    return client


@contextmanager
def one_that_waits(proxy: ReloadableSheaf) -> Iterator[RawClient]:
    """The only connection of the pool is in use for SLOW seconds, and a second request waits for it."""
    with ask(proxy, "/slow"):
        wait_until(lambda: proxy.metric("sheaf_pool_links", state="active") == 1, 3, "the connection is in use")
        with ask(proxy) as second:
            wait_until(lambda: proxy.metric("sheaf_pool_waiting") == 1, 3, "the second one waits")
            yield second


@live("pool.min_size")
def test_min_size(make_reloadable, recorder: Recorder) -> None:
    proxy: ReloadableSheaf = make_reloadable(recorder.url, pool(idle_timeout=SHORT))
    proxy.reload({"pool": {"min_size": 3}})
    wait_until(lambda: len(recorder.open_connections) == 3, SOON, "three are warm")
    proxy.reload({"pool": {"min_size": 1}})
    wait_until(lambda: len(recorder.open_connections) == 1, SOON, "one is warm")
    assert proxy.stats()["connection_pool"]["pool_size"]["min"] == 1


@live("pool.max_size")
def test_max_size(make_reloadable, recorder: Recorder) -> None:
    proxy: ReloadableSheaf = make_reloadable(recorder.url, pool(max_size=1))
    with one_that_waits(proxy) as second:
        began = time.monotonic()
        proxy.reload({"pool": {"max_size": 2}})
        assert second.response().status == 200
        assert time.monotonic() - began < SLOW - 0.7, "it has waited for the first one all the same"
    assert proxy.stats()["connection_pool"]["pool_size"]["max"] == 2


@live("pool.max_size")
def test_max_size_that_is_lowered(make_reloadable, recorder: Recorder) -> None:
    """What is over it stays in use, and is not used again."""
    proxy: ReloadableSheaf = make_reloadable(recorder.url, pool(max_size=3))
    with ask(proxy, "/slow") as one, ask(proxy, "/slow") as two:
        wait_until(lambda: proxy.metric("sheaf_pool_links", state="active") == 2, 3, "both are under way")
        proxy.reload({"pool": {"max_size": 1, "acquire_timeout": SHORT}})
        with ask(proxy) as third:
            assert third.response().status == 503
        assert (one.response().status, two.response().status) == (200, 200)
    with ask(proxy, "/slow") as one:
        wait_until(lambda: proxy.metric("sheaf_pool_links", state="active") == 1, 3, "it is under way")
        with ask(proxy) as two:
            assert two.response().status == 503


@live("pool.acquire_timeout")
def test_acquire_timeout(make_reloadable, recorder: Recorder) -> None:
    proxy: ReloadableSheaf = make_reloadable(recorder.url, pool(max_size=1))
    with one_that_waits(proxy) as second:
        proxy.reload({"pool": {"acquire_timeout": SHORT}})
        assert second.response().status == 503


@live("pool.max_waiting")
def test_max_waiting(make_reloadable, recorder: Recorder) -> None:
    proxy: ReloadableSheaf = make_reloadable(recorder.url, pool(max_size=1, max_waiting=5))
    with one_that_waits(proxy) as second:
        proxy.reload({"pool": {"max_waiting": 1}})
        began = time.monotonic()
        with ask(proxy) as third:
            assert third.response().status == 503
        assert time.monotonic() - began < 1
        assert second.response().status == 200


@contextmanager
def deaf_tls_backend() -> Iterator[tuple[str, socket.socket]]:
    """Its URL, and what accepts connections there: nobody answers their handshakes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield f"https://127.0.0.1:{listener.getsockname()[1]}", listener


def accept_all(listener: socket.socket, into: list[socket.socket]) -> int:
    try:
        while True:
            into.append(listener.accept()[0])
    except BlockingIOError:
        return len(into)


@live("pool.max_dialing")
def test_max_dialing(make_reloadable) -> None:
    with deaf_tls_backend() as (url, listener):
        proxy: ReloadableSheaf = make_reloadable(
            url, {**pool(max_dialing=1), "upstream": {"tls_verify": False, "connect_timeout": "10s"}}, ready="/livez"
        )
        dialled: list[socket.socket] = []
        clients = [ask(proxy) for _ in range(3)]
        time.sleep(0.7)
        assert accept_all(listener, dialled) == 1
        proxy.reload({"pool": {"max_dialing": 3}})
        clients.append(ask(proxy))
        wait_until(lambda: accept_all(listener, dialled) == 3, SOON, "three are dialled at the same time")
        for one in [*dialled, *clients]:
            one.close()


@live("upstream.connect_timeout")
def test_connect_timeout(make_reloadable) -> None:
    with deaf_tls_backend() as (url, _):
        upstream: Conf = {"tls_verify": False, "connect_timeout": LONG}
        proxy: ReloadableSheaf = make_reloadable(url, {**pool(), "upstream": upstream}, ready="/livez")
        with ask(proxy):
            time.sleep(1)
            assert proxy.metric("sheaf_pool_failed_total") == 0
            proxy.reload({"upstream": {"connect_timeout": SHORT}})
            wait_until(lambda: proxy.metric("sheaf_pool_failed_total") > 0, SOON, "the dial under way is given up")


@live("pool.stale_timeout")
def test_stale_timeout(make_reloadable, recorder: Recorder) -> None:
    proxy: ReloadableSheaf = make_reloadable(recorder.url, pool(min_size=2))
    wait_until(lambda: len(recorder.open_connections) == 2, SOON, "two are warm")
    first = list(recorder.connections)
    proxy.reload({"pool": {"stale_timeout": SHORT}})
    wait_until(lambda: all(one.ended for one in first), SOON, "those that lie unused are closed")
    assert proxy.metric("sheaf_pool_evicted_total", reason="upstream_stale") >= 2


@live("pool.idle_timeout")
def test_idle_timeout(make_reloadable, recorder: Recorder) -> None:
    proxy: ReloadableSheaf = make_reloadable(recorder.url, pool())
    with ask(proxy) as client:
        assert client.response().status == 200
    assert len(recorder.open_connections) == 1
    proxy.reload({"pool": {"idle_timeout": SHORT}})
    wait_until(lambda: not recorder.open_connections, SOON, "the one that has served is closed")


@live("pool.max_lifetime")
def test_max_lifetime(make_reloadable, recorder: Recorder) -> None:
    proxy: ReloadableSheaf = make_reloadable(recorder.url, pool(min_size=2))
    wait_until(lambda: len(recorder.open_connections) == 2, SOON, "two are warm")
    first = list(recorder.connections)
    proxy.reload({"pool": {"max_lifetime": "500ms"}})
    wait_until(lambda: all(one.ended for one in first), SOON, "those that are old are replaced")


# ---- checks and back-off


def checked_paths(recorder: Recorder) -> set[str]:
    return {request.target for request in recorder.requests}


@live("pool.health_check_interval", "pool.health_check_path")
def test_health_checks_begin_and_change(make_reloadable, recorder: Recorder) -> None:
    proxy: ReloadableSheaf = make_reloadable(recorder.url, pool(health_check_path="/a"))
    time.sleep(0.7)
    assert not recorder.requests
    proxy.reload({"pool": {"health_check_interval": "100ms"}})
    wait_until(lambda: checked_paths(recorder) == {"/a"}, SOON, "checks begin")
    proxy.reload({"pool": {"health_check_interval": "100ms", "health_check_path": "/b"}})
    wait_until(lambda: checked_paths(recorder) == {"/a", "/b"}, SOON, "another path is asked for")
    proxy.reload()
    time.sleep(0.5)
    count = len(recorder.requests)
    time.sleep(1.5)
    assert len(recorder.requests) == count, "checks go on that are off"


@live("pool.health_check_timeout")
def test_health_check_timeout(make_reloadable, recorder: Recorder) -> None:
    never: Conf = {"health_check_interval": "100ms", "health_check_path": "/never"}
    proxy: ReloadableSheaf = make_reloadable(recorder.url, pool(**never, health_check_timeout="2s"), ready="/livez")
    proxy.reload({"pool": {"health_check_timeout": "100ms"}})
    wait_until(lambda: proxy.metric("sheaf_health_checks_total", result="failed") >= 4, SOON, "checks fail early")


@live("pool.backoff_max")
def test_backoff_max(make_reloadable) -> None:
    """A pool that has waited for long, since the backend is down, waits for less."""
    down = f"http://127.0.0.1:{free_port()}"
    proxy: ReloadableSheaf = make_reloadable(
        down, pool(min_size=1, backoff_min="2s", backoff_max="2s"), ready="/livez"
    )
    wait_until(lambda: proxy.metric("sheaf_pool_failed_total") > 0, SOON, "a dial has failed")
    before = proxy.metric("sheaf_pool_failed_total")
    proxy.reload({"pool": {"backoff_min": "20ms", "backoff_max": "50ms"}})
    wait_until(lambda: proxy.metric("sheaf_pool_failed_total") >= before + 12, SOON, "it dials more often")


@live("pool.backoff_min")
def test_backoff_min(make_reloadable, make_backend) -> None:
    backend: Backend = make_backend()
    proxy: ReloadableSheaf = make_reloadable(backend.url, pool(min_size=1, backoff_min="8s", backoff_max="8s"))
    wait_until(lambda: proxy.metric("sheaf_pool_links", state="idle") == 1, SOON, "one is warm")
    proxy.reload({"pool": {"backoff_min": "20ms"}})
    backend.kill()
    wait_until(lambda: proxy.metric("sheaf_pool_failed_total") >= 4, SOON, "the first waits are short")


@new_sessions("pool.sessions_per_link")
def test_sessions_per_link(make_reloadable, backend: Backend) -> None:
    """The backend has no mux: the number is taken, or refused, and disturbs nobody."""
    proxy: ReloadableSheaf = make_reloadable(backend.url, pool())
    with RawWebSocket(proxy.port) as old:
        proxy.reload(pool(sessions_per_link=1))
        assert "pool.sessions_per_link" in proxy.refuse(pool(sessions_per_link=0))
        old.check_echo(b"still here")
        with RawWebSocket(proxy.port) as new:
            new.check_echo(b"new")
