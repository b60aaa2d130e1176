"""Whose time it is during a request: the client's, the backend's, or that of a stream of both. What ends each, and what
the log says of it. Every time-out has a twin that shows when it does not fire."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from harness.backend import Backend
from harness.ports import wait_until
from harness.raw import RawClient
from harness.recorder import Recorder, Request
from harness.sheaf import Conf, Sheaf

POST = b"POST %s HTTP/1.1\r\nHost: a\r\n%s\r\n\r\n"
CHUNKED, EXPECT = b"Transfer-Encoding: chunked", b"Expect: 100-continue\r\n"
STREAM_HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def times(**timeouts: str) -> Conf:
    """Time-outs; a body at any pace unless the test says otherwise."""
    return {"timeouts": timeouts, "limits": {"min_body_rate": 0}}


def upload_in_two(client: RawClient, pause: float, path: bytes = b"/upload", version: bytes = b"1.1") -> None:
    client.send((POST % (path, b"Content-Length: 6")).replace(b"HTTP/1.1", b"HTTP/" + version) + b"hel")
    time.sleep(pause)
    client.send_quietly(b"lo!")


def end_of(proxy: Sheaf, path: str) -> str:
    """The access line of a request, once it is there."""
    return proxy.wait_for_log("access", f"target={path}", "end=")[0]


# ---- the client's time


@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
def test_pause_amid_the_body_is_not_the_backends_fault(make_sheaf, backend: Backend, version: bytes) -> None:
    proxy = make_sheaf(backend.url, times(response="500ms", body="10s"))
    with RawClient(proxy.port) as client:
        upload_in_two(client, 1.5, version=version)
        assert client.response().status == 200
    assert "status=200" in end_of(proxy, "/upload")


def test_pause_longer_than_the_body_timeout_is_a_408_however_short_the_response_timeout(
    make_sheaf, backend: Backend
) -> None:
    proxy = make_sheaf(backend.url, times(response="300ms", body="1200ms"))
    with RawClient(proxy.port) as client:
        began = time.monotonic()
        client.send(POST % (b"/upload", b"Content-Length: 6") + b"hel")
        assert client.response().status == 408
        assert time.monotonic() - began >= 1.2
    assert proxy.wait_for_log("reject=body_timeout")
    assert not proxy.log_lines("upstream_timeout")
    line = end_of(proxy, "/upload")
    assert "status=408" in line and "end=body_timeout" in line


def test_body_timeout_of_a_route_holds_beyond_the_response_timeout(make_sheaf, make_recorder) -> None:
    conf = times(response="400ms", body="400ms")
    proxy = make_sheaf(make_recorder().url, conf, routes=[{"path": "/upload", "body_timeout": "5s"}])
    with RawClient(proxy.port) as patient, RawClient(proxy.port) as other:
        other.send(POST % (b"/other", b"Content-Length: 6"))
        upload_in_two(patient, 1.5)
        assert patient.response().status == 200
        assert other.response().status == 408


# ---- the backend's time


def test_response_timeout_begins_when_the_request_is_complete(make_sheaf, make_recorder) -> None:
    recorder: Recorder = make_recorder(lambda _: None)
    proxy = make_sheaf(recorder.url, times(response="1s", body="10s"))
    with RawClient(proxy.port) as client:
        upload_in_two(client, 1.5, b"/never")
        complete = time.monotonic()
        assert client.response().status == 504
        assert 0.9 <= time.monotonic() - complete <= 2
    line = end_of(proxy, "/never")
    assert "status=504" in line and "end=upstream_timeout" in line


def test_waiting_for_a_connection_of_the_pool_is_not_the_backends_time(make_sheaf, backend: Backend) -> None:
    conf = {**times(response="500ms"), "workers": 1, "pool": {"min_size": 0, "max_size": 1, "acquire_timeout": "5s"}}
    proxy = make_sheaf(backend.url, conf, routes=[{"path": "/slow", "response_timeout": "5s"}])
    with RawClient(proxy.port) as first, RawClient(proxy.port) as second:
        first.send(b"GET /slow?seconds=1.5 HTTP/1.1\r\nHost: a\r\n\r\n")
        wait_until(lambda: proxy.metric("sheaf_pool_links", state="active") == 1, 5, "the only connection is taken")
        second.send(b"GET /page HTTP/1.1\r\nHost: a\r\n\r\n")
        assert second.response().status == 200
        assert first.response().status == 200


@contextmanager
def slow_taker(read: Callable[[socket.socket], None]) -> Iterator[str]:
    """A backend with a small receive buffer that takes a body as `read` does, then answers. Yields its URL."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
    listener.bind(("127.0.0.1", 0))
    listener.listen()

    def serve() -> None:
        try:
            while True:
                accepted, _ = listener.accept()
                with accepted:
                    read(accepted)
        except OSError:
            pass  # the test is over

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.close()


SIZE = 4 << 20
NO_CHECKS = {"pool": {"min_size": 0, "health_check_interval": "0s"}}


def upload(client: RawClient, path: bytes = b"/", size: int = SIZE) -> None:
    """Sends a body from a thread, as far as it is taken."""
    data = POST % (path, b"Content-Length: %d" % size) + bytes(size)

    def run() -> None:
        try:
            client.send(data)
        except OSError:
            pass  # the proxy has ended it, or the test is over

    threading.Thread(target=run, daemon=True).start()


def test_backend_that_takes_the_body_slowly_but_steadily_has_all_the_time(make_sheaf) -> None:
    """4 MiB at about 1.3 MB/s, with a time-out of 500 ms for the response and for the body."""

    def read(accepted: socket.socket) -> None:
        left = SIZE
        while left > 0 and (data := accepted.recv(65536)):
            left -= len(data)
            time.sleep(len(data) / 1_300_000)
        accepted.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        accepted.recv(65536)

    with slow_taker(read) as url:
        proxy = make_sheaf(url, {**times(response="500ms", body="500ms"), **NO_CHECKS}, ready="/livez")
        with RawClient(proxy.port) as client:
            upload(client)
            assert client.response().status == 200


def test_backend_that_takes_nothing_is_a_504_after_the_response_timeout(make_sheaf) -> None:
    stop = threading.Event()
    with slow_taker(lambda _: bool(stop.wait(20)) and None) as url:
        proxy = make_sheaf(url, {**times(response="1s", body="500ms"), **NO_CHECKS}, ready="/livez")
        with RawClient(proxy.port, timeout=5) as client:
            began = time.monotonic()
            upload(client, size=16 * SIZE)
            assert client.response().status == 504
            assert 0.9 <= time.monotonic() - began <= 3
        stop.set()
        assert proxy.wait_for_log("reject=upstream_timeout")


# ---- Expect: 100-continue


def test_waiting_for_the_backends_100_is_the_backends_time(make_sheaf, backend: Backend) -> None:
    """uvicorn sends it when the app asks for the body, here after a second."""
    proxy = make_sheaf(backend.url, times(response="5s", body="400ms"))
    with RawClient(proxy.port) as client:
        client.send(POST % (b"/upload?pause=1", EXPECT + b"Content-Length: 6"))
        assert client.response(skip_interim=False).status == 100
        client.send(b"hello!")
        assert client.response().status == 200


def test_100_that_never_comes_is_a_504(make_sheaf, make_recorder) -> None:
    recorder: Recorder = make_recorder(lambda _: None, at_head=True)
    proxy = make_sheaf(recorder.url, times(response="800ms", body="300ms"))
    with RawClient(proxy.port) as client:
        client.send(POST % (b"/", EXPECT + b"Content-Length: 6"))
        assert client.response(skip_interim=False).status == 504
        assert client.read_all() == b""
    assert recorder.latest.get("expect") == "100-continue"


def test_body_that_does_not_follow_the_100_is_a_408(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url, times(response="300ms", body="900ms"))
    with RawClient(proxy.port) as client:
        client.send(POST % (b"/upload", EXPECT + b"Content-Length: 6"))
        assert client.response(skip_interim=False).status == 100
        assert client.response().status == 408


def test_client_that_sends_without_the_100_has_its_own_time(make_sheaf, make_recorder) -> None:
    recorder: Recorder = make_recorder()
    proxy = make_sheaf(recorder.url, times(response="500ms", body="5s"))
    with RawClient(proxy.port) as client:
        client.send(POST % (b"/", EXPECT + b"Content-Length: 6") + b"hel")
        time.sleep(1.2)
        client.send(b"lo!")
        assert client.response(skip_interim=False).status == 200


# ---- streams: the response has begun, and the request goes on


def echo_stream(client: RawClient, count: int, pause: float) -> int:
    """Sends a byte at a time, each when the one before has come back; how many came back."""
    client.send(POST % (b"/api/echo", CHUNKED))
    for number in range(count):
        client.send_quietly(b"1\r\nx\r\n")
        if number == 0:
            client.read_until(b"\r\n\r\n")
        if client.read_until(b"x\r\n") == b"":
            return number
        time.sleep(pause)
    return count


def test_two_way_stream_is_not_cut_by_min_body_rate(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url, {"timeouts": {"body": "700ms"}, "limits": {"min_body_rate": 1000}})
    with RawClient(proxy.port) as client:
        assert echo_stream(client, 8, 0.3) == 8
        client.send(b"0\r\n\r\n")
        assert client.read_until(b"0\r\n\r\n").endswith(b"0\r\n\r\n")
    line = end_of(proxy, "/api/echo")
    assert "status=200" in line and "end=done" in line


def test_stream_is_alive_while_only_the_backend_speaks(make_sheaf, make_recorder) -> None:
    """Longer than timeouts.body, and longer than timeouts.response."""

    def speak(request: Request) -> None:
        request.connection.send(STREAM_HEAD)
        for _ in range(8):
            request.connection.send(b"1\r\ny\r\n")
            time.sleep(0.3)
        request.connection.send(b"0\r\n\r\n")

    proxy = make_sheaf(make_recorder(speak, at_head=True).url, times(response="600ms", body="600ms"))
    with RawClient(proxy.port) as client:
        client.send(POST % (b"/speak", CHUNKED) + b"1\r\nx\r\n")
        response = client.response()
        assert (response.complete, response.body) == (True, b"yyyyyyyy")
    assert "end=done" in end_of(proxy, "/speak")


def test_stream_in_which_nothing_moves_is_broken_off_and_the_log_says_so(make_sheaf, make_recorder) -> None:
    recorder: Recorder = make_recorder(
        lambda request: request.connection.send(STREAM_HEAD + b"1\r\ny\r\n"), at_head=True
    )
    proxy = make_sheaf(recorder.url, times(response="10s", body="800ms"))
    with RawClient(proxy.port) as client:
        client.send(POST % (b"/silent", CHUNKED) + b"1\r\nx\r\n")
        began = time.monotonic()
        response = client.response()
        assert (response.status, response.complete, response.body) == (200, False, b"y")
        assert 0.7 <= time.monotonic() - began <= 3
    line = end_of(proxy, "/silent")
    assert "status=200" in line and "end=stream_idle" in line
    assert proxy.metric("sheaf_client_closes_total", reason="stream_idle") == 1
    wait_until(lambda: recorder.latest.connection.ended, 3, "the upstream connection ends")


def test_response_that_is_silent_after_a_complete_request_is_left_alone(make_sheaf, make_recorder) -> None:
    def speak_late(request: Request) -> None:
        request.connection.send(STREAM_HEAD)
        time.sleep(2)
        request.connection.send(b"1\r\ny\r\n0\r\n\r\n")

    proxy = make_sheaf(make_recorder(speak_late).url, times(response="500ms", body="500ms"))
    with RawClient(proxy.port) as client:
        client.send(POST % (b"/", CHUNKED) + b"1\r\nx\r\n0\r\n\r\n")
        response = client.response()
        assert (response.complete, response.body) == (True, b"y")


def test_stream_whose_backend_takes_nothing_more_ends_and_the_log_blames_it(make_sheaf, make_recorder) -> None:
    go = threading.Event()

    def answer_and_stop(request: Request) -> None:
        request.connection.send(STREAM_HEAD)
        go.wait(20)

    proxy = make_sheaf(make_recorder(answer_and_stop, at_head=True).url, times(response="1s", body="10s"))
    with RawClient(proxy.port, timeout=5) as client:
        upload(client, b"/stuck", 16 * SIZE)
        response = client.response()
        assert (response.status, response.complete) == (200, False)
    go.set()
    assert "end=upstream_timeout" in end_of(proxy, "/stuck")


def test_early_final_response_gives_the_slot_back_though_the_client_trickles_on(make_sheaf, make_recorder) -> None:
    recorder: Recorder = make_recorder(lambda _: b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", at_head=True)
    proxy = make_sheaf(recorder.url, times(body="20s"))
    with RawClient(proxy.port) as client:
        client.send(POST % (b"/", b"Content-Length: 1000"))
        response = client.response()
        assert (response.status, response.body) == (403, b"no")
        wait_until(lambda: proxy.metric("sheaf_pool_links", state="active") == 0, 3, "the upstream slot is free")
        began = time.monotonic()
        while proxy.metric("sheaf_client_connections") > 0:
            client.send_quietly(b"x")
            time.sleep(0.1)
            assert time.monotonic() - began < 8, "it holds its connection by trickling"


def test_log_says_what_was_wrong_with_the_body_of_a_stream(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url)
    with RawClient(proxy.port) as client:
        assert echo_stream(client, 1, 0) == 1
        client.send(b"no chunk\r\n")
        client.read_all()
    assert "end=bad_chunk" in end_of(proxy, "/api/echo")
