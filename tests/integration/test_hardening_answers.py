"""hardening.md, rows 31-35: what becomes of bad answers from the backend, and of a backend that is not there."""

from __future__ import annotations

import time

import pytest

from harness.frames import upgrade
from harness.ports import free_port, wait_until
from harness.raw import RawClient, get
from harness.recorder import OK, Recorder, Request
from harness.sheaf import Sheaf


@pytest.fixture(autouse=True)
def plain_answers(recorder: Recorder) -> None:
    recorder.script = lambda _: OK


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
