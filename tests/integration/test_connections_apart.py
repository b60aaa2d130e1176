"""Sessions as the admin listener shows them, where the proxy is set up for it: who may ask, and who answers late."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness.backend import Backend
from harness.connecting import CONF, connection, connections, ids, opened_as, push_to, row_of, rows
from harness.frames import RawWebSocket
from harness.ports import wait_until
from harness.raw import RawClient
from harness.reloading import TOKEN, ReloadableSheaf
from harness.sheaf import ROOT
from harness.stopped import Stopped

APP = "harness.push_app:app"


@pytest.fixture(scope="module")
def app(folder: Path) -> Iterator[Backend]:
    running = Backend(folder, app=APP, app_folder=ROOT / "tests/integration")
    yield running
    running.stop()


@pytest.fixture(scope="module")
def proxy(folder: Path, app: Backend) -> Iterator[ReloadableSheaf]:
    """One for tests that change nothing of it."""
    running = ReloadableSheaf(folder, app.url, CONF)
    yield running
    running.stop()


def test_closing_ones(make_reloadable, app: Backend) -> None:
    """A client that does not answer its Close is seen until it is given up."""
    conf = {**CONF, "websocket": {"close_timeout": "5s"}, "reload": {"max_age": "100ms"}}
    routes = [{"path": "/ws"}]
    proxy = make_reloadable(app.url, conf, routes)
    with RawWebSocket(proxy.port, "/ws/x", "X-User-ID: deaf\n") as deaf:
        deaf.check_echo(b"hello")
        proxy.reload({}, [])
        wait_until(lambda: [row["user"] for row in rows(proxy, state="closing")] == ["deaf"], 5, "it is closing")


def test_reused_links(make_reloadable, app: Backend) -> None:
    """A link that served a request before is given to a session, and that is told."""
    proxy = make_reloadable(app.url, {**CONF, "workers": 1, "pool": {"min_size": 0}})
    with opened_as(proxy, "fresh", "/ws/x"):
        assert connection(proxy, row_of(proxy, "fresh")["id"])[1]["upstream"] == {"mode": "tunnel", "reused": False}
        with RawClient(proxy.port) as client:
            assert client.request("GET /nothing HTTP/1.1\nHost: a\n\n").status == 404
        with opened_as(proxy, "reused", "/ws/x"):
            detail = connection(proxy, row_of(proxy, "reused")["id"])[1]
            assert detail["upstream"] == {"mode": "tunnel", "reused": True}


def test_dropped_messages_are_counted(make_reloadable, app: Backend) -> None:
    conf = {**CONF, "limits": {"buffer_high": 64 * 1024, "buffer_low": 16 * 1024}}
    proxy = make_reloadable(app.url, conf, [{"path": "/ws", "slow_client": "drop_oldest"}])
    with RawWebSocket(proxy.port, "/ws/x", "X-User-ID: slow\n", receive_buffer=4096, timeout=20) as slow:
        slow.check_echo(b"hello")
        (session,) = ids(proxy)

        def dropped() -> int:
            for _ in range(50):
                push_to(proxy, "slow", 3000)
            return int(connection(proxy, session)[1]["errors"]["messages_dropped"])

        wait_until(lambda: dropped() >= 3, 20, "more than the client takes is dropped")
        assert connection(proxy, session)[1]["errors"]["messages_dropped"] == proxy.metric("sheaf_dropped_messages_total")


def test_backends_and_endpoints(make_reloadable, app: Backend, folder: Path) -> None:
    """Sessions of a Unix socket's endpoint are found by its path, slashes and all."""
    other = Backend(folder, unix=True, app=APP, app_folder=ROOT / "tests/integration")
    try:
        proxy = make_reloadable(
            app.url,
            {**CONF, "backend": [{"name": "api", "urls": [other.url]}]},
            [{"path": "/ws/api", "backend": "api"}],
        )
        with opened_as(proxy, "one", "/ws/one"), opened_as(proxy, "two", "/ws/api"):
            (row,) = rows(proxy, backend="api")
            assert (row["user"], row["route"], row["endpoint"]) == ("two", "/ws/api", other.url)
            assert ids(proxy, backend=f"api/{other.url}") == [row["id"]]
            assert [one["user"] for one in rows(proxy, backend="default")] == ["one"]
    finally:
        other.stop()


# ---- who may ask, and for what


def test_who_may(proxy: ReloadableSheaf, make_reloadable, make_sheaf, app: Backend, tmp_path: Path) -> None:
    """The token, always; over a Unix socket without one, who may open it."""
    for path in ("/connections", "/connections/0-1"):
        assert proxy.admin(path, headers={"Authorization": "Bearer wrong"})[0] == 401
        assert proxy.admin(path, headers={"Origin": "http://a"})[0] == 403
        assert proxy.admin(path, "POST")[0] == 405
        status, body = make_sheaf(app.url).admin(path)
        assert status == 403 and "set admin.token" in body
    other, socket = make_reloadable(app.url, CONF), tmp_path / "admin.sock"
    other.reload({"admin": {"address": f"unix:{socket}", "token": None}})
    with opened_as(other, "alice", "/ws/x"), RawClient(socket) as client:
        response = client.request("GET /connections?user=alice HTTP/1.1\nHost: localhost\n\n")
        assert response.status == 200 and json.loads(response.body)["total"] == 1
    other.put({"admin": {"address": f"unix:{socket}"}})
    with RawClient(socket) as client:
        assert client.request("POST /reload HTTP/1.1\nHost: localhost\nContent-Length: 0\n\n").status == 200
    with RawClient(socket) as client:
        assert client.request("GET /connections HTTP/1.1\nHost: localhost\n\n").status == 401


MISTAKES = [
    ("limit=0", "limit: is a number from 1 to 1000"),
    ("offset=9901", "offset: with limit"),
    ("sort=size", "sort: is one of"),
    ("state=deaf", "state: is one of"),
    ("path=ws", "path: is a path"),
    ("order=up", "order: is asc or desc"),
    ("user=", "user: has no value"),
    ("limit=1&limit=2", "limit: may be given once"),
    ("x=1", "what it may have: user, path"),
]


@pytest.mark.parametrize("query,said", MISTAKES)
def test_mistakes_are_named(proxy: ReloadableSheaf, query: str, said: str) -> None:
    status, body = proxy.admin(f"/connections?{query}")
    assert status == 400 and said in json.loads(body)["message"]


def test_late_workers_are_named(make_reloadable, app: Backend) -> None:
    """One that hangs is named and its sessions are missing; those of the others are shown. By rate, too."""
    proxy = make_reloadable(app.url, CONF)
    with ExitStack() as stack:
        for number in range(20):
            stack.enter_context(opened_as(proxy, "", f"/ws/{number}"))
        by_worker: dict[int, set[str]] = {0: set(), 1: set()}
        for session in ids(proxy):
            by_worker[int(session.split("-")[0])].add(session)
        threads = {int(one) for one in os.listdir(f"/proc/{proxy.process.pid}/task")} - {proxy.process.pid}
        seen: set[int] = set()
        for thread in sorted(threads):
            with Stopped(thread):
                try:
                    answer = connections(proxy)
                    if answer["late_workers"] == []:
                        continue
                    by_rate = connections(proxy, sort="rate")
                except TimeoutError:
                    continue  # the admin thread itself
                (late,) = answer["late_workers"]
                assert {row["id"] for row in answer["connections"]} == by_worker[1 - late]
                assert answer["total"] == len(by_worker[1 - late])
                assert by_rate["late_workers"] == [late]
                assert {row["id"] for row in by_rate["connections"]} == by_worker[1 - late]
                if by_worker[late]:
                    status, refusal = connection(proxy, min(by_worker[late]))
                    assert status == 503 and "ask again" in refusal["message"]
                seen.add(late)
        assert seen == {0, 1}, "two of the threads are the workers"
        assert set(ids(proxy)) == by_worker[0] | by_worker[1], "none is late any more"
