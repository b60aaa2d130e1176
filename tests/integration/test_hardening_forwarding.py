"""hardening.md, rows 18, 20 and 24-30: what goes upstream of a request."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.ports import wait_until
from harness.raw import RawClient
from harness.recorder import OK, Recorder, Request
from harness.sheaf import Sheaf, is_sanitized


@pytest.fixture(scope="module")
def proxy(folder: Path, recorder: Recorder) -> Iterator[Sheaf]:
    """A proxy in front of the recorder; /private takes no bodies, so that a 413 shows which route was chosen."""
    running = Sheaf(folder, recorder.url, routes=[{"path": "/private", "max_body": 1}])
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def plain_answers(recorder: Recorder) -> None:
    recorder.script = lambda _: OK


def forwarded(proxy: Sheaf, recorder: Recorder, text: str | bytes, source: str = "") -> Request:
    """The request as it arrived upstream."""
    before = len(recorder.requests)
    with RawClient(proxy.port, source=source) as client:
        assert client.request(text).status == 200
    assert len(recorder.requests) == before + 1
    return recorder.latest


@pytest.mark.parametrize(
    "target,host,expected_target",
    [
        ("http://b.example/x?y=1", "b.example", "/x?y=1"),
        ("http://b.example:81/x", "b.example:81", "/x"),
        ("http://b.example", "b.example", "/"),
        ("HTTP://b.example/?y", "b.example", "/?y"),
    ],
)
def test_absolute_form_replaces_host(
    proxy: Sheaf, recorder: Recorder, target: str, host: str, expected_target: str
) -> None:
    seen = forwarded(proxy, recorder, f"GET {target} HTTP/1.1\nHost: a.example\n\n")
    assert seen.all("host") == [host]
    assert seen.target == expected_target


@pytest.mark.parametrize(
    "target,normal",
    [
        ("/a/../b", "/b"),
        ("/a/./b", "/a/b"),
        ("/a/%2e%2e/b", "/b"),
        ("/a/%2E%2e/b", "/b"),
        ("/a/.%2e/b", "/b"),
        ("/%61/b", "/a/b"),
        ("/a/b/..", "/a/"),
        ("/a/b/.", "/a/b/"),
        ("/a%2fb", "/a%2Fb"),
        ("/a?x=/../%2e", "/a?x=/../%2e"),
        ("/%7euser", "/~user"),
        ("/a/..;/b", "/a/..;/b"),
    ],
)
def test_targets_are_forwarded_in_their_normal_form(proxy: Sheaf, recorder: Recorder, target: str, normal: str) -> None:
    assert forwarded(proxy, recorder, f"GET {target} HTTP/1.1\nHost: a.example\n\n").target == normal


@pytest.mark.parametrize(
    "target",
    [
        "/private",
        "/private/x",
        "/public/../private/x",
        "/%70rivate/x",
        "/public/%2e%2e/private/x",
        "/./private/x",
        "//private/x",
        "/public//../private/x",
        "/private/../public/x",
        "/privateer",
        "/private/%2e%2e/public",
        "/public/..//private/x",
        "/private?x",
        "/PRIVATE/x",
    ],
)
def test_the_route_is_chosen_by_the_path_that_is_forwarded(proxy: Sheaf, recorder: Recorder, target: str) -> None:
    path = forwarded(proxy, recorder, f"GET {target} HTTP/1.1\nHost: a.example\n\n").target.split("?")[0]
    is_private = path == "/private" or path.startswith("/private/")
    with RawClient(proxy.port) as client:
        status = client.request(f"POST {target} HTTP/1.1\nHost: a.example\nContent-Length: 5\n\nhello").status
    assert status == (413 if is_private else 200), path


def test_http10_client_gets_an_unchunked_response_and_a_close(proxy: Sheaf, recorder: Recorder) -> None:
    recorder.script = lambda _: (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
    )
    with RawClient(proxy.port) as client:
        response = client.request("GET / HTTP/1.0\nHost: a.example\n\n")
        assert response.body == b"hello world"
        assert response.get("transfer-encoding") is None
        assert client.read_all() == b""


@pytest.mark.parametrize("method", ["GET", "OPTIONS", "HEAD", "DELETE"])
def test_request_with_an_unusual_body_and_the_next_one_are_two_requests(
    proxy: Sheaf, recorder: Recorder, method: str
) -> None:
    before = len(recorder.requests)
    inner = "GET /smuggled HTTP/1.1\nHost: a.example\n\n".replace("\n", "\r\n")
    first = f"{method} /first HTTP/1.1\nHost: a.example\nContent-Length: {len(inner)}\n\n".replace("\n", "\r\n") + inner
    recorder.script = lambda request: b"HTTP/1.1 204 No Content\r\n\r\n"
    with RawClient(proxy.port) as client:
        client.send((first + "GET /second HTTP/1.1\r\nHost: a.example\r\n\r\n").encode())
        assert client.response(method).status == client.response().status == 204
    assert len(recorder.requests) == before + 2
    assert "/smuggled" not in [request.target for request in recorder.requests]


def test_final_response_before_the_body_ends_both_connections(make_recorder, make_sheaf) -> None:
    recorder = make_recorder(lambda _: b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno", at_head=True)
    proxy = make_sheaf(recorder.url)
    with RawClient(proxy.port) as client:
        client.send(b"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 1000000\r\n\r\n" + bytes(1000))
        response = client.response()
        assert (response.status, response.body) == (413, b"no")
        assert (response.get("connection") or "").lower() == "close"
        client.send_quietly(bytes(1000))
        assert client.read_all() == b""
    used = [connection for connection in recorder.connections if connection.received]
    assert len(used) == 1
    wait_until(lambda: used[0].ended, 3, "the upstream connection ends")


def test_client_that_waits_for_100_and_gets_a_final_response_is_not_waited_for(make_recorder, make_sheaf) -> None:
    recorder = make_recorder(lambda _: b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno", at_head=True)
    proxy = make_sheaf(recorder.url)
    with RawClient(proxy.port) as client:
        assert (
            client.request("POST / HTTP/1.1\nHost: a.example\nContent-Length: 9\nExpect: 100-continue\n\n").status
            == 401
        )
        assert client.ended(3)
    wait_until(lambda: all(c.ended for c in recorder.connections if c.received), 3, "the upstream connection ends")


def test_32_pipelined_requests_are_answered_in_order(proxy: Sheaf, recorder: Recorder) -> None:
    def slower_first(request: Request) -> bytes:
        number = int(request.target[1:])
        time.sleep(0.02 if number % 4 == 0 else 0)
        return b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n%03d" % number

    recorder.script = slower_first
    with RawClient(proxy.port) as client:
        client.send(b"".join(b"GET /%d HTTP/1.1\r\nHost: a.example\r\n\r\n" % number for number in range(32)))
        assert [client.response().body for _ in range(32)] == [b"%03d" % number for number in range(32)]


def test_pipelined_requests_wait_in_a_bounded_queue(make_recorder, make_sheaf) -> None:
    recorder = make_recorder(lambda _: None)
    proxy = make_sheaf(recorder.url)
    with RawClient(proxy.port, timeout=2) as client:
        request, sent = b"GET / HTTP/1.1\r\nHost: a.example\r\nX: " + b"y" * 8000 + b"\r\n\r\n", 0
        before = proxy.memory_kib()
        with pytest.raises((TimeoutError, socket.timeout)):
            while sent < 64 << 20:
                client.send(request)
                sent += len(request)
        assert is_sanitized() or proxy.memory_kib() - before < 4 * 1024
        assert recorder.received.count(b"GET / ") == 1, "the second request went upstream before the first was answered"


UNTRUSTED = [
    "X-Forwarded-For: 6.6.6.6",
    "X-Forwarded-Proto: https",
    "X-Forwarded-Host: evil.example",
    "Forwarded: for=6.6.6.6",
    "X-Real-IP: 6.6.6.6",
    "X-Forwarded-Port: 666",
    "X-Request-ID: forged",
]


def test_untrusted_forwarding_fields_are_replaced(proxy: Sheaf, recorder: Recorder) -> None:
    text = "GET / HTTP/1.1\nHost: a.example\n" + "\n".join(UNTRUSTED) + "\n\n"
    seen = forwarded(proxy, recorder, text, source="127.0.0.2")
    assert b"6.6.6.6" not in seen.head and b"evil" not in seen.head and b"666" not in seen.head
    assert b"forged" not in seen.head
    assert seen.all("x-forwarded-for") == ["127.0.0.2"]
    assert seen.all("x-forwarded-proto") == ["http"]
    assert seen.all("x-forwarded-host") == ["a.example"]
    assert len(seen.all("x-request-id")) == 1 and len(seen.get("x-request-id") or "") >= 16


@pytest.mark.parametrize(
    "named", ["X-Forwarded-For", "x-forwarded-proto, X-Request-ID", "Host", "Content-Length", "close, X-Forwarded-Host"]
)
def test_connection_field_cannot_remove_what_the_proxy_says(proxy: Sheaf, recorder: Recorder, named: str) -> None:
    seen = forwarded(proxy, recorder, f"POST / HTTP/1.1\nHost: a.example\nContent-Length: 2\nConnection: {named}\n\nhi")
    assert seen.all("x-forwarded-for") == ["127.0.0.1"]
    assert seen.all("x-forwarded-proto") == ["http"]
    assert seen.all("x-forwarded-host") == ["a.example"] == seen.all("host")
    assert len(seen.all("x-request-id")) == 1
    assert seen.body == b"hi"


def test_hop_by_hop_fields_are_stripped_on_the_way_in(proxy: Sheaf, recorder: Recorder) -> None:
    fields = [
        "Connection: X-Mine, keep-alive",
        "X-Mine: 1",
        "Keep-Alive: timeout=5",
        "Proxy-Connection: keep-alive",
        "TE: trailers",
        "Upgrade: foo",
        "Proxy-Authorization: Basic eA==",
        "X-Kept: 1",
    ]
    seen = forwarded(proxy, recorder, "GET / HTTP/1.1\nHost: a.example\n" + "\n".join(fields) + "\n\n")
    for gone in ("x-mine", "keep-alive", "proxy-connection", "te", "upgrade", "proxy-authorization"):
        assert seen.all(gone) == [], gone
    assert seen.get("x-kept") == "1"


def test_hop_by_hop_fields_are_stripped_on_the_way_out(proxy: Sheaf, recorder: Recorder) -> None:
    recorder.script = lambda _: (
        b"HTTP/1.1 200 OK\r\nConnection: X-Mine\r\nX-Mine: 1\r\nKeep-Alive: timeout=5\r\n"
        b"Proxy-Connection: close\r\nUpgrade: foo\r\nTrailer: x\r\nX-Kept: 1\r\n"
        b"Content-Length: 2\r\n\r\nok"
    )
    with RawClient(proxy.port) as client:
        response = client.request("GET / HTTP/1.1\nHost: a.example\n\n")
        for gone in ("x-mine", "keep-alive", "proxy-connection", "upgrade"):
            assert response.all(gone) == [], gone
        assert response.get("x-kept") == "1"
        assert client.request("GET / HTTP/1.1\nHost: a.example\n\n").status == 200, (
            "the client's connection did not stay"
        )
