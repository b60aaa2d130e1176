"""Heads of the size that single sign-on makes them: from clients, upstream, and back."""

from __future__ import annotations

import json
import time

import pytest

from harness.backend import Backend
from harness.frames import TEXT, RawWebSocket, frame, upgrade
from harness.ports import wait_until
from harness.raw import RawClient, get
from harness.recorder import OK, Recorder, Request, upgrade_answer
from harness.sheaf import Sheaf, is_sanitized

COOKIE = "sso=" + "0123456789abcdef" * 3750  # 60 KB


@pytest.fixture(autouse=True)
def plain_answers(recorder: Recorder) -> None:
    recorder.script = lambda _: OK


@pytest.mark.parametrize("size", [20_000, 40_000, 60_000])
def test_large_cookie_reaches_a_real_backend(sheaf: Sheaf, size: int) -> None:
    cookie = COOKIE[:size]
    response = get(sheaf.port, "/headers", f"Cookie: {cookie}\n")
    assert [value for name, value in json.loads(response.body)["headers"] if name == "cookie"] == [cookie]


@pytest.mark.parametrize("step", [1, 1000, 100_000])
def test_websocket_handshake_with_a_large_cookie_goes_through(proxy: Sheaf, recorder: Recorder, step: int) -> None:
    recorder.script = lambda request: upgrade_answer(request, f"Set-Cookie: {COOKIE}\r\n".encode())
    data = upgrade("/ws", f"Cookie: {COOKIE}\n").replace("\n", "\r\n").encode()
    with RawClient(proxy.port) as client:
        for start in range(0, len(data), step):
            client.send(data[start : start + step])
        response = client.response()
        assert (response.status, response.get("set-cookie")) == (101, COOKIE)
        client.send(frame(TEXT, b"hello"))
        wait_until(lambda: len(recorder.latest.connection.received) > len(recorder.latest.head), 3, "the tunnel stands")
    assert recorder.latest.get("cookie") == COOKIE


@pytest.mark.parametrize("websocket", [False, True])
def test_large_head_is_sent_whole_a_second_time(make_recorder, make_sheaf, websocket: bool) -> None:
    """The pooled connection turned out to be dead."""

    def script(request: Request) -> bytes | None:
        if request.target == "/first":
            return OK
        if request.number > 1:
            request.connection.reset()
            return None
        return upgrade_answer(request) if websocket else OK

    recorder = make_recorder(script)
    proxy = make_sheaf(recorder.url, {"workers": 1, "pool": {"min_size": 0, "health_check_interval": "0s"}})
    assert get(proxy.port, "/first").status == 200
    with RawClient(proxy.port) as client:
        text = f"GET /again HTTP/1.1\nHost: a.example\nCookie: {COOKIE}\n\n"
        response = client.request(upgrade("/again", f"Cookie: {COOKIE}\n") if websocket else text)
        assert response.status == (101 if websocket else 200)
    asked = [request for request in recorder.requests if request.target == "/again"]
    assert [request.get("cookie") for request in asked] == [COOKIE, COOKIE]
    assert proxy.metric("sheaf_pool_retries_total") == 1


@pytest.mark.parametrize("step", [1000, 200_000])
def test_head_may_be_larger_than_what_waits_behind_a_request(make_sheaf, recorder: Recorder, step: int) -> None:
    proxy = make_sheaf(recorder.url, {"limits": {"max_head": "256KiB"}, "timeouts": {"head": "2s"}})
    data = b"GET / HTTP/1.1\r\nHost: a\r\n" + b"".join(b"X-%d: " % i + b"y" * 2000 + b"\r\n" for i in range(90)) + b"\r\n"
    with RawClient(proxy.port) as client:
        for start in range(0, len(data), step):
            client.send(data[start : start + step])
            time.sleep(0.001)
        assert client.response().status == 200
    assert recorder.latest.get("x-89") == "y" * 2000


def test_large_heads_that_are_pipelined_are_answered_in_order(proxy: Sheaf, recorder: Recorder) -> None:
    def slow(request: Request) -> bytes:
        time.sleep(0.1)
        return b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + request.target.encode()

    recorder.script = slow
    with RawClient(proxy.port) as client:
        client.send(b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\nCookie: %s\r\n\r\n" % (i, COOKIE.encode()) for i in range(4)))
        assert [client.response().body for _ in range(4)] == [b"/%d" % i for i in range(4)]


def test_connection_that_has_sent_a_large_head_holds_no_buffer_for_it(make_sheaf, recorder: Recorder) -> None:
    proxy = make_sheaf(recorder.url, {"workers": 1})
    count, clients = 300, []
    get(proxy.port, "/", f"Cookie: {COOKIE}\n")
    before = proxy.memory_kib()
    for _ in range(count):
        client = RawClient(proxy.port)
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\nCookie: ")
        client.send(COOKIE.encode() + b"\r\n\r\n")
        assert client.response().status == 200
        clients.append(client)
    grown = proxy.memory_kib() - before
    for client in clients:
        client.close()
    assert is_sanitized() or grown < count * 8, f"{grown} KiB for {count} idle connections"


def fields_answer(count: int, size: int = 0) -> bytes:
    """An answer whose head has `count` fields and, where that is said, `size` bytes."""
    fields = [b"Content-Length: 0", *(b"X-%d: y" % i for i in range(count - 2)), b"X-Last: "]
    head = b"HTTP/1.1 200 OK\r\n" + b"\r\n".join(fields)
    return head + b"y" * (size - len(head) - 4) + b"\r\n\r\n"


BACKEND_HEADS = [
    ({}, fields_answer(3, 60_000), None),
    ({}, fields_answer(3, 65_536), None),
    ({}, fields_answer(3, 65_537), "head_too_large"),
    ({}, fields_answer(200), None),
    ({}, fields_answer(201), "too_many_fields"),
    ({"max_head": 2000}, fields_answer(3, 2000), None),
    ({"max_head": 2000}, fields_answer(3, 2001), "head_too_large"),
    ({"max_fields": 20}, fields_answer(20), None),
    ({"max_fields": 20}, fields_answer(21), "too_many_fields"),
    ({"max_head": "128KiB"}, fields_answer(3, 120_000), None),
]


@pytest.mark.parametrize("limits,answer,cause", BACKEND_HEADS)
def test_the_backends_heads_obey_the_same_limits(
    make_sheaf, recorder: Recorder, limits: dict, answer: bytes, cause: str | None
) -> None:
    recorder.script = lambda _: answer
    proxy = make_sheaf(recorder.url, {"limits": limits})
    response = get(proxy.port)
    assert response.status == (502 if cause else 200)
    if cause:
        assert json.loads(response.body)["reason"] == "upstream_bad_response"
        assert proxy.wait_for_log("the backend's answer is not valid", f"cause={cause}")
    else:
        assert response.get("x-last") is not None


def test_health_check_takes_large_heads_too(make_sheaf, make_recorder) -> None:
    recorder = make_recorder(lambda _: fields_answer(3, 60_000))
    proxy = make_sheaf(recorder.url, {"pool": {"health_check_path": "/health", "health_check_interval": "200ms"}})
    wait_until(lambda: proxy.metric("sheaf_health_checks_total", result="passed") > 0, 3, "a check passes")


def test_long_user_agent_is_cut_in_the_log_and_goes_upstream_whole(proxy: Sheaf, recorder: Recorder) -> None:
    agent = "Mozilla/" + "5" * 30_000
    get(proxy.port, "/agent", f"User-Agent: {agent}\n")
    assert recorder.latest.get("user-agent") == agent
    assert len(proxy.wait_for_log("target=/agent ")[0]) < 4000


def test_websocket_with_a_large_cookie_echoes(sheaf: Sheaf, backend: Backend) -> None:
    """Cookies of a size that uvicorn's WebSocket servers take (8 KiB a line)."""
    with RawWebSocket(sheaf.port, "/ws/echo", fields=f"Cookie: {COOKIE[:8000]}\n" * 7) as socket:
        socket.check_echo(b"hello")
