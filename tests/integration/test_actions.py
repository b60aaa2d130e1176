"""What an operator has done to sessions: closed by whom they belong to, spread, rebalanced, flushed; and the log level."""

from __future__ import annotations

import asyncio
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import socketio
from websockets.sync.client import ClientConnection, connect

from harness.acting import act, acted, crowd, end_of, most_in_one_second, rest_of
from harness.backend import Backend
from harness.closings import Closings
from harness.frames import TEXT, RawWebSocket
from harness.modes import Served, served_in
from harness.ports import wait_until
from harness.pushing import post
from harness.raw import get
from harness.reloading import TOKEN, ReloadableSheaf
from harness.sheaf import ROOT
from harness.stopped import each_stopped

served = served_in("tunnel", "mux", conf={"workers": 2})


@pytest.fixture(scope="module")
def app(folder: Path) -> Iterator[Backend]:
    running = Backend(folder, app="harness.push_app:app", app_folder=ROOT / "tests/integration")
    yield running
    running.stop()


@pytest.fixture
def proxy(make_reloadable, app: Backend) -> ReloadableSheaf:
    return make_reloadable(app.url, {"workers": 2})


def opened(proxy: ReloadableSheaf, path: str) -> ClientConnection:
    """A client whose session is there: an echo has come back."""
    socket = connect(f"{proxy.ws_url}{path}", legacy=True)
    assert echoes(socket)
    return socket


def echoes(socket: ClientConnection) -> bool:
    socket.send("hello")
    return socket.recv(timeout=10) == "hello"


# ---- close


@pytest.mark.parametrize(
    "selector,meant",
    [
        ({"user_id": "alice"}, {"alice", "again"}),
        ({"path": "/ws/one"}, {"inside"}),
        ({"path": "/ws"}, {"inside", "beside"}),
        ({"backend": "default"}, {"alice", "again", "bob", "inside", "beside"}),
        ({"backend": "other"}, set()),
        ({"backend": "default/127.0.0.1:1"}, set()),
        ({"user_id": "nobody"}, set()),
        ({"all": True}, {"alice", "again", "bob", "inside", "beside"}),
    ],
)
def test_close_ends_those_that_are_meant_and_no_others(
    proxy: ReloadableSheaf, selector: dict[str, Any], meant: set[str]
) -> None:
    paths = {"alice": "/as/alice", "again": "/as/alice", "bob": "/as/bob", "inside": "/ws/one", "beside": "/ws/oneself"}
    clients = {name: opened(proxy, path) for name, path in paths.items()}
    assert acted(proxy, "/close", **selector, code=4001, reason="é: go") == len(meant)
    for name, client in clients.items():
        if name in meant:
            assert end_of(client) == (4001, "é: go")
        else:
            assert echoes(client), name
            client.close()
    assert proxy.metric("sheaf_websocket_closes_total", reason="operator") == len(meant)


def test_endpoint_of_a_backend(proxy: ReloadableSheaf, app: Backend) -> None:
    client = opened(proxy, "/ws/x")
    assert acted(proxy, "/close", backend=f"default/127.0.0.1:{app.port}") == 1
    assert end_of(client) == (1012, "closed by an operator")


def test_session_id(make_reloadable, app: Backend) -> None:
    proxy = make_reloadable(app.url, {"workers": 1})
    first, second = opened(proxy, "/ws/1"), opened(proxy, "/ws/2")
    assert acted(proxy, "/close", session_id="0-2", code=1008, reason="") == 1
    assert end_of(second) == (1008, "")
    assert echoes(first)
    for gone in ("0-2", "0-ff", "7-1"):
        status, answer = act(proxy, "/close", session_id=gone)
        assert status == 404 and "no session has this id" in answer["message"], answer
    first.close()


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1011, 1012, 1013, 3000, 4999])
def test_code_and_reason_go_on_the_wire_and_into_log_and_metrics(proxy: ReloadableSheaf, code: int) -> None:
    client = opened(proxy, "/as/alice")
    assert acted(proxy, "/close", all=True, code=code, reason="r" * 123) == 1
    assert end_of(client) == (code, "r" * 123)
    proxy.wait_for_log("access", f"close_code={code}", "end=operator", "user=alice")
    label = {3: "3xxx", 4: "4xxx"}.get(code // 1000, str(code))
    assert proxy.metric("sheaf_websocket_close_codes_total", code=label, by="sheaf") == 1
    proxy.wait_for_log("sessions are closed", f"code={code}", "of=all", "sessions=1")


def test_what_is_gathered_comes_before_the_close(make_reloadable, app: Backend) -> None:
    proxy = make_reloadable(app.url, {"batching": {"timeout": "9s", "cork_timeout": "9s", "adaptive": False}})
    for query in ("", "?sheaf=binary"):
        with connect(f"{proxy.ws_url}/stream/20/1{query}") as socket:
            socket.send("go")
            time.sleep(1)  # the backend has sent all of them; some lie in the kernel's queue
            flushes = proxy.metric("sheaf_batch_flushes_total", reason="end")
            assert acted(proxy, "/close", all=True, code=4000) == 1
            text, code, _ = rest_of(socket)
            assert code == 4000
            assert re.findall(r"s\d+", text) == [f"s{number}" for number in range(20)]
            assert proxy.metric("sheaf_batch_flushes_total", reason="end") == flushes + 1, "some were gathered"


def test_stock_socketio_client_comes_back(proxy: ReloadableSheaf) -> None:
    """For it the end of its transport is a reason to connect anew."""

    async def scenario() -> list[str]:
        seen: list[str] = []
        client = socketio.AsyncClient(reconnection_delay=0.1, reconnection_delay_max=0.1)
        client.on("connect", lambda: seen.append("connect"))
        client.on("disconnect", lambda *_: seen.append("disconnect"))
        await client.connect(proxy.url, transports=["websocket"])
        assert await asyncio.to_thread(acted, proxy, "/close", path="/socket.io", code=1012) == 1
        for _ in range(100):
            if len(seen) == 3:
                break
            await asyncio.sleep(0.1)
        await client.disconnect()
        return seen[:3]

    assert asyncio.run(scenario()) == ["connect", "disconnect", "connect"]


def test_close_through_each_mode(served: Served) -> None:
    """The application's handler has the code that its client has answered with."""
    clients = [RawWebSocket(served.port, f"/ws/closed?tag=c{index}") for index in range(20)]
    for client in clients:
        client.check_echo(b"here")
    with Closings(clients) as closings:
        assert acted(served.sheaf, "/close", path="/ws/closed", code=4123, reason="over") == 20
        closed = closings.wait_for(20, 10)
    assert {(one.code, one.reason) for one in closed} == {(4123, "over")}
    assert {served.notes.wait_for(f"c{index}")[0][0] for index in range(20)} == {4123}


# ---- spread


def test_close_spreads_evenly_longest_idle_first(make_reloadable, backend: Backend) -> None:
    proxy = make_reloadable(backend.url, {"workers": 1, "memory": {"idle_after": "1s"}})
    with crowd(proxy, 200) as watched:
        time.sleep(0.3)
        active = range(0, 200, 2)
        for index in active:
            watched.clients[index].send_frame(TEXT, b"here")
        wait_until(lambda: all(watched.messages[index] for index in active), 5, "the active ones have their echo")
        began = time.monotonic()
        assert acted(proxy, "/close", all=True, code=4000, over="4s") == 200
        assert time.monotonic() - began < 2, "the answer does not wait for the end"
        closed = list(watched.wait_for(200, 15))
    assert {one.code for one in closed} == {4000}
    assert most_in_one_second(closed) <= 1.5 * 200 / 4
    assert set(watched.indices[:100]) == set(range(1, 200, 2))


def test_rebalance_closes_a_share_of_those_that_are_there(proxy: ReloadableSheaf) -> None:
    """Who comes meanwhile stays, though it comes from one that was closed; a reload changes nothing."""
    with crowd(proxy, 100, "/ws/old") as old:
        assert 24 <= acted(proxy, "/rebalance", share=0.25, over="3s") <= 26
        with crowd(proxy, 50, "/ws/new") as new:
            proxy.reload({"limits": {"max_fields": 100}})
            closed = list(old.wait_for(24, 10))
            time.sleep(1)
            assert 24 <= len(old.closed) <= 26 and not new.closed
            assert {(one.code, one.reason) for one in closed} == {(1012, "the load is spread anew: come again")}
            assert most_in_one_second(old.closed) <= 1.5 * 25 / 3 + 1
            assert proxy.metric("sheaf_websocket_closes_total", reason="rebalance") == len(old.closed)


def test_actions_at_once_do_not_disturb_each_other(proxy: ReloadableSheaf) -> None:
    with crowd(proxy, 60, "/ws/a") as first, crowd(proxy, 60, "/ws/b") as second, crowd(proxy, 10, "/ws/c") as others:
        assert acted(proxy, "/close", path="/ws/a", code=4001, over="2s") == 60
        assert acted(proxy, "/close", path="/ws/b", code=4002, over="4s") == 60
        assert {one.code for one in first.wait_for(60, 10)} == {4001}
        assert len(second.closed) <= 45
        assert {one.code for one in second.wait_for(60, 10)} == {4002}
        assert most_in_one_second(first.closed) <= 1.5 * 30 and most_in_one_second(second.closed) <= 1.5 * 15 + 1
        assert not others.closed


def test_close_at_once_of_those_that_another_would_close_later(proxy: ReloadableSheaf) -> None:
    with crowd(proxy, 40) as watched:
        assert acted(proxy, "/close", all=True, code=4001, over="1h") == 40
        assert acted(proxy, "/close", all=True, code=4002) == 40
        assert {one.code for one in watched.wait_for(40, 5)} == {4002}


def test_drain_takes_what_an_action_has_not_closed_yet(proxy: ReloadableSheaf) -> None:
    with crowd(proxy, 60) as watched:
        assert acted(proxy, "/close", all=True, code=4001, over="30s") == 60
        watched.wait_for(1, 5)
        proxy.signal(signal.SIGTERM)
        closed = watched.wait_for(60, 10)
        assert proxy.wait(5) == 0
    codes = [one.code for one in closed]
    assert codes.count(1012) >= 50 and codes.count(4001) + codes.count(1012) == 60
    assert most_in_one_second([one for one in closed if one.code == 1012]) <= 1.5 * 20 + 1


# ---- flush


def test_flush_sends_what_is_gathered_and_nothing_else_changes(make_reloadable, app: Backend) -> None:
    proxy = make_reloadable(app.url, {"workers": 1, "batching": {"timeout": "9s", "adaptive": False}})
    with (
        connect(f"{proxy.ws_url}/stream/20/1?sheaf=binary") as first,
        connect(f"{proxy.ws_url}/stream/20/1?sheaf=binary") as second,
    ):
        for client in (first, second):
            client.send("go")
        time.sleep(1)  # the backend has sent all of them; some lie in the kernel's queue
        status, answer = act(proxy, "/flush", session_id="0-1")
        assert (status, answer["status"], answer["sessions"]) == (200, "ok", 1) and answer["bytes"] > 20
        assert "s19" in last_of(first)
        status, answer = act(proxy, "/flush")
        assert (status, answer["sessions"]) == (200, 2) and answer["bytes"] > 20
        assert "s19" in last_of(second)
        assert act(proxy, "/flush", all=True)[1]["bytes"] == 0
        assert proxy.metric("sheaf_batch_flushes_total", reason="operator") == 2
        assert act(proxy, "/flush", session_id="0-9")[0] == 404


def last_of(client: ClientConnection) -> str:
    """What comes until nothing has come for a while, in one text."""
    texts = [str(client.recv(timeout=5))]
    while "s19" not in texts[-1]:
        texts.append(str(client.recv(timeout=5)))
    return "".join(texts)


# ---- log level


def test_log_level_holds_until_the_next_reload(proxy: ReloadableSheaf) -> None:
    assert act(proxy, "/log_level", level="error")[1] == {"status": "ok", "level": "error", "before": "info"}
    proxy.wait_for_log("log level changed", "level=error", "before=info")
    get(proxy.port, "/quiet")
    assert act(proxy, "/log_level", level="info")[1] == {"status": "ok", "level": "info", "before": "error"}
    get(proxy.port, "/told")
    proxy.wait_for_log("access", "target=/told")
    assert not proxy.log_lines("access", "target=/quiet")
    act(proxy, "/log_level", level="error")
    proxy.reload()
    get(proxy.port, "/reloaded")
    proxy.wait_for_log("access", "target=/reloaded")


# ---- who may, and what is refused

MISTAKES: list[tuple[str, dict[str, Any] | bytes, str]] = [
    ("/close", b"", "not JSON"),
    ("/close", b"[]", "is a JSON object"),
    ("/close", {"code": 4000}, "whom it concerns"),
    ("/close", {"all": True, "user_id": "a"}, "user_id: stands beside all"),
    ("/close", {"all": True, "code": 1006}, "code: is 1000"),
    ("/close", {"all": True, "code": 5000}, "code: is 1000"),
    ("/close", {"all": True, "code": "4000"}, "code: is 1000"),
    ("/close", {"all": True, "code": -1}, "code: is 1000"),
    ("/close", {"all": True, "reason": "é" * 62}, "reason: is a text of at most 123 bytes"),
    ("/close", {"all": True, "over": 10}, "over: is a time up to 24h"),
    ("/close", {"all": True, "over": "25h"}, "over: is a time up to 24h"),
    ("/close", {"all": True, "share": 1}, "share: is no key of a close"),
    ("/close", {"path": "ws"}, "path: is a path"),
    ("/close", {"session_id": "x"}, "session_id: is an id such as"),
    ("/flush", {}, "whom it concerns"),
    ("/flush", {"all": False}, "all: is true"),
    ("/rebalance", {}, "share: is missing"),
    ("/rebalance", {"share": 0}, "share: is a number over 0"),
    ("/rebalance", {"share": 1.5}, "share: is a number over 0"),
    ("/rebalance", {"share": True}, "share: is a number over 0"),
    ("/log_level", {"level": "loud"}, "level: is debug"),
    ("/log_level", {}, "level: is missing"),
]


@pytest.fixture(scope="module")
def steady(folder: Path, app: Backend) -> Iterator[ReloadableSheaf]:
    """One for tests that change nothing."""
    running = ReloadableSheaf(folder, app.url)
    yield running
    running.stop()


@pytest.mark.parametrize("path,body,said", MISTAKES)
def test_mistakes_are_named(steady: ReloadableSheaf, path: str, body: dict[str, Any] | bytes, said: str) -> None:
    status, answer = post(steady.admin_port, TOKEN, body, path)
    assert status == 400 and said in answer["message"], answer


ACTIONS = ["/close", "/flush", "/rebalance", "/log_level", "/drain", "/undrain"]


@pytest.mark.parametrize("path", ACTIONS)
def test_token_is_asked_for(steady: ReloadableSheaf, path: str) -> None:
    assert post(steady.admin_port, "wrong", b"", path)[0] == 401
    assert steady.admin(path, "DELETE")[0] == 405
    origin = {"Origin": "http://127.0.0.1"}
    assert steady.admin(path, "POST", origin)[0] == 403
    if path != "/drain":
        assert steady.admin(path)[0] == 405


def test_without_a_token_nothing_is_done(make_sheaf, app: Backend) -> None:
    proxy = make_sheaf(app.url)
    for path in ACTIONS:
        status, body = proxy.admin(path, "POST")
        assert status == 403 and "set admin.token" in body
    assert proxy.admin("/drain")[0] == 403
    assert proxy.admin("/readyz")[0] == 200


def test_a_late_worker_is_named(make_reloadable, app: Backend) -> None:
    """It is not waited for; when it goes on, it does what it was asked."""
    proxy = make_reloadable(app.url, {"workers": 1})
    with opened(proxy, "/ws/x") as socket:
        late = False
        for _ in each_stopped(proxy.process.pid):
            try:
                _, flushed = post(proxy.admin_port, TOKEN, b"", "/flush", timeout=4)
            except TimeoutError:
                continue  # the admin thread itself
            if flushed["late_workers"] == []:
                continue
            assert flushed == {"status": "late", "sessions": 0, "bytes": 0, "late_workers": [0]}
            status, answer = act(proxy, "/close", session_id="0-1", code=4000)
            assert (status, answer) == (200, {"status": "late", "sessions": 0, "late_workers": [0]})
            late = True
        assert late, "one of the threads is the worker"
        assert end_of(socket)[0] == 4000
