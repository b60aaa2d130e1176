"""hardening.md, rows 18, 20 and 24-35: what goes upstream, and what becomes of bad answers from there."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.frames import upgrade
from harness.ports import free_port, wait_until
from harness.raw import RawClient, get
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


BAD_ANSWERS = {
    "length and encoding": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5\r\nhello\r\n0\r\n\r\n",
    "two lengths in a list": b"HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\nhello!",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "a length that is none": b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
    "an unknown encoding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "a head of 64 KiB": b"HTTP/1.1 200 OK\r\nX: " + b"y" * 65536 + b"\r\nContent-Length: 0\r\n\r\n",
    "a folded field": b"HTTP/1.1 200 OK\r\nX: y\r\n z\r\nContent-Length: 0\r\n\r\n",
    "a space before the colon": b"HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n",
    "a bare LF": b"HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n",
    "a NUL": b"HTTP/1.1 200 OK\r\nX: \0\r\nContent-Length: 0\r\n\r\n",
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "an unknown version": b"HTTP/3.7 200 OK\r\nContent-Length: 0\r\n\r\n",
    "a status of two digits": b"HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n",
    "a status of 999 999": b"HTTP/1.1 999999 OK\r\nContent-Length: 0\r\n\r\n",
    "a 101 that nobody asked for": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: foo\r\nConnection: Upgrade\r\n\r\n",
    "nothing, then an end": b"",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le",
}


@pytest.mark.parametrize("name", BAD_ANSWERS)
def test_bad_answer_becomes_502_and_its_connection_is_destroyed(proxy: Sheaf, recorder: Recorder, name: str) -> None:
    def answer(request: Request) -> None:
        request.connection.send(BAD_ANSWERS[name])
        if name in ("nothing, then an end", "half a head"):
            request.connection.close()

    recorder.script = answer
    before = {id(connection) for connection in recorder.connections if connection.ended}
    with RawClient(proxy.port) as client:
        # POST: nothing in this table may be tried a second time.
        response = client.request("POST / HTTP/1.1\nHost: a.example\nContent-Length: 0\n\n")
    assert response.status == 502, response.raw
    used = recorder.latest.connection
    assert id(used) not in before
    wait_until(lambda: used.ended, 3, "the upstream connection ends")


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
ODD_ANSWERS = {
    "a length twice": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "a list of one length": b"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello",
    "HTTP/1.2": b"HTTP/1.2 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "HTTP/1.2 in chunks": b"HTTP/1.2" + CHUNKED[8:] + b"5\r\nhello\r\n0\r\n\r\n",
    "spaces behind a chunk's size": CHUNKED + b"5   \r\nhello\r\n0 \r\n\r\n",
    "a tab behind a chunk's size": CHUNKED + b"5\t\r\nhello\r\n0\r\n\r\n",
    "a space before a chunk's extension": CHUNKED + b"5 ;a=b\r\nhello\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("piecewise", [False, True], ids=["whole", "bytewise"])
@pytest.mark.parametrize("name", ODD_ANSWERS)
def test_odd_answer_that_says_one_thing_only_is_taken_and_made_proper(
    proxy: Sheaf, recorder: Recorder, name: str, piecewise: bool
) -> None:
    def answer(request: Request) -> bytes:
        step = 1 if piecewise else 1000
        for start in range(0, len(ODD_ANSWERS[name]), step):
            request.connection.send(ODD_ANSWERS[name][start : start + step])
        return b""

    recorder.script = answer
    with RawClient(proxy.port) as client:
        response = client.request("POST / HTTP/1.1\nHost: a.example\nContent-Length: 0\n\n")
        assert (response.version, response.status, response.body) == ("HTTP/1.1", 200, b"hello")
        assert response.all("content-length") in (["5"], [])
        recorder.script = lambda _: OK
        assert client.request("GET / HTTP/1.1\nHost: a.example\n\n").body == b"ok", "the client's connection ended"
    assert not recorder.latest.connection.ended, "the upstream connection was not used again"


def test_refusal_of_a_websocket_that_says_its_length_twice_is_passed_on(proxy: Sheaf, recorder: Recorder) -> None:
    """uvicorn with websockets 16 sends such."""
    recorder.script = lambda _: (
        b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\nX: y\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"
    )
    with RawClient(proxy.port) as client:
        response = client.request(upgrade("/ws"))
        assert (response.status, response.body, response.all("content-length")) == (401, b"no", ["2"])


@pytest.mark.parametrize(
    "chunk",
    [
        b" 5\r\nhello\r\n",
        b"5 5\r\nhello\r\n",
        b"5\nhello\r\n",
        b"0x5\r\nhello\r\n",
        b"5\r\nhelloX\r\n",
        b"-1\r\n",
        b"fffffffffffffffff\r\n",
        b"5\r\nhello\r\n0\r\nX : y\r\n\r\n",
    ],
)
def test_bad_chunk_from_upstream_ends_without_a_clean_terminator(
    proxy: Sheaf, recorder: Recorder, chunk: bytes
) -> None:
    recorder.script = lambda _: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n" + chunk
    with RawClient(proxy.port) as client:
        response = client.request("GET / HTTP/1.1\nHost: a.example\n\n")
        assert response.status == 502 or not response.complete, response.raw
        assert not response.raw.endswith(b"0\r\n\r\n")
    used = recorder.latest.connection
    wait_until(lambda: used.ended, 3, "the upstream connection ends")


@pytest.mark.parametrize(
    "start",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    ],
    ids=["length", "chunked"],
)
def test_truncated_answer_is_not_made_to_look_whole(proxy: Sheaf, recorder: Recorder, start: bytes) -> None:
    def answer(request: Request) -> None:
        request.connection.send(start)
        time.sleep(0.1)
        request.connection.close()

    recorder.script = answer
    with RawClient(proxy.port) as client:
        response = client.request("GET /cut HTTP/1.1\nHost: a.example\n\n")
        assert (response.status, response.body, response.complete) == (200, b"hello", False)
        assert client.read_all() == b""
    assert proxy.wait_for_log("upstream_truncated", "/cut")


def test_extra_bytes_after_an_answer_are_discarded_with_the_connection(proxy: Sheaf, recorder: Recorder) -> None:
    smuggled = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nevil!"
    recorder.script = lambda _: OK + smuggled
    with RawClient(proxy.port) as client:
        assert client.request("GET / HTTP/1.1\nHost: a.example\n\n").body == b"ok"
        used = recorder.latest.connection
        wait_until(lambda: used.ended, 3, "the upstream connection ends")
        recorder.script = lambda _: OK
        assert client.request("GET / HTTP/1.1\nHost: a.example\n\n").body == b"ok"
        assert recorder.latest.connection is not used


def test_bytes_on_an_idle_upstream_connection_remove_it_from_the_pool(proxy: Sheaf, recorder: Recorder) -> None:
    assert get(proxy.port).body == b"ok"
    idle = recorder.latest.connection
    idle.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nevil!")
    wait_until(lambda: idle.ended, 3, "the connection that spoke unasked is closed")
    assert get(proxy.port).body == b"ok"


def answer_first_then_drop(request: Request) -> bytes | None:
    """Answers the first request of a connection and drops the connection on the second."""
    if request.number == 1:
        return OK
    request.connection.reset()
    return None


@pytest.mark.parametrize(
    "method,expected",
    [("GET", 200), ("HEAD", 200), ("OPTIONS", 200), ("PUT", 200), ("DELETE", 200), ("POST", 502), ("PATCH", 502)],
)
def test_stale_connection_is_tried_again_once_where_that_is_safe(
    make_recorder, make_sheaf, method: str, expected: int
) -> None:
    recorder = make_recorder(answer_first_then_drop)
    proxy = make_sheaf(recorder.url, {"workers": 1, "pool": {"min_size": 0, "health_check_interval": "0s"}})
    with RawClient(proxy.port) as client:
        assert client.request("GET / HTTP/1.1\nHost: a.example\n\n").status == 200
        response = client.request(f"{method} /again HTTP/1.1\nHost: a.example\n\n", method)
        assert response.status == expected
    assert len(recorder.requests) == (3 if expected == 200 else 2)
    assert proxy.metric("sheaf_pool_retries_total") == (1 if expected == 200 else 0)


def test_second_stale_connection_is_not_tried_a_third_time(make_recorder, make_sheaf) -> None:
    def drop(request: Request) -> None:
        request.connection.reset()

    recorder = make_recorder()
    proxy = make_sheaf(recorder.url, {"workers": 1, "pool": {"min_size": 0, "health_check_interval": "0s"}})
    with RawClient(proxy.port) as client:
        assert client.request("GET / HTTP/1.1\nHost: a.example\n\n").status == 200
        recorder.script = drop
        assert client.request("GET /again HTTP/1.1\nHost: a.example\n\n").status == 502
    assert [request.target for request in recorder.requests].count("/again") == 2


def test_answer_that_had_begun_is_not_asked_for_again(make_recorder, make_sheaf) -> None:
    def begin_then_drop(request: Request) -> bytes | None:
        if request.number == 1:
            return OK
        request.connection.send(b"HTTP/1.1 200 OK\r\nConte")
        request.connection.close()
        return None

    recorder = make_recorder(begin_then_drop)
    proxy = make_sheaf(recorder.url, {"workers": 1, "pool": {"min_size": 0, "health_check_interval": "0s"}})
    with RawClient(proxy.port) as client:
        assert client.request("GET / HTTP/1.1\nHost: a.example\n\n").status == 200
        assert client.request("GET /again HTTP/1.1\nHost: a.example\n\n").status == 502
    assert [request.target for request in recorder.requests].count("/again") == 1


def test_backend_that_is_not_there_is_a_503_with_retry_after(make_sheaf) -> None:
    proxy = make_sheaf(f"http://127.0.0.1:{free_port()}", {"pool": {"acquire_timeout": "1s"}}, ready="/livez")
    began = time.monotonic()
    response = get(proxy.port)
    assert response.status == 503
    assert int(response.get("retry-after") or "") >= 1
    assert time.monotonic() - began < 3
    assert proxy.admin("/readyz")[0] == 503


def test_backend_that_hangs_is_a_504_in_time_and_gives_its_slots_back(make_backend, make_sheaf) -> None:
    backend = make_backend()
    proxy = make_sheaf(backend.url, {"timeouts": {"response": "2s"}, "pool": {"health_check_interval": "0s"}})
    assert get(proxy.port, "/api/quotes").status == 200
    backend.suspend()
    clients = [RawClient(proxy.port) for _ in range(8)]
    began = time.monotonic()
    for client in clients:
        client.send(b"GET /api/quotes HTTP/1.1\r\nHost: a.example\r\n\r\n")
    assert [client.response().status for client in clients] == [504] * 8
    assert 1.8 <= time.monotonic() - began <= 2.6
    backend.resume()
    for client in clients:
        client.close()
    wait_until(lambda: proxy.metric("sheaf_pool_links", state="active") == 0, 3, "all slots are free")
    assert get(proxy.port, "/api/quotes").status == 200
