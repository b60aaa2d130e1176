"""Clients that send their FIN behind their requests (`nc`, old health checkers): answered, then closed. And those who are
really gone: noticed."""

from __future__ import annotations

import socket
import ssl
import threading
import time

import pytest

from harness.backend import Backend
from harness.certificates import Pair
from harness.frames import TEXT, RawWebSocket, frame, upgrade
from harness.ports import wait_until
from harness.raw import RawClient
from harness.recorder import Recorder, Request, upgrade_answer
from harness.sheaf import Sheaf

GET = b"GET %s HTTP/1.1\r\nHost: a.example\r\n\r\n"
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"


def answer(request: Request) -> bytes:
    """Says what was asked and how long its body was."""
    body = b"%s %d" % (request.target.encode(), len(request.body))
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def late(seconds: float):  # noqa: ANN201
    def script(request: Request) -> bytes:
        time.sleep(seconds)
        return answer(request)

    return script


@pytest.fixture(autouse=True)
def plain_answers(recorder: Recorder) -> None:
    recorder.script = answer


def half_close(client: RawClient) -> None:
    socket.socket.shutdown(client.socket, socket.SHUT_WR)  # of TLS, too, the TCP connection


REQUESTS = {
    "HTTP/1.1": GET % b"/a",
    "HTTP/1.0": b"GET /a HTTP/1.0\r\n\r\n",
    "keep-alive": b"GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "close": b"GET /a HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n",
    "a body with a length": b"POST /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\nhello",
    "an empty line behind": b"POST /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\nhello\r\n",
    "a body in chunks": b"POST /a HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5\r\nhello\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("seconds", [0, 0.3])
@pytest.mark.parametrize("name", REQUESTS)
def test_request_behind_which_the_client_sends_fin_is_answered_and_then_closed(
    proxy: Sheaf, recorder: Recorder, name: str, seconds: float
) -> None:
    recorder.script = late(seconds)
    path = f"/{name.replace(' ', '-').replace('/', '-')}-{seconds}"
    with RawClient(proxy.port) as client:
        client.send(REQUESTS[name].replace(b" /a ", b" %s " % path.encode()))
        half_close(client)
        response = client.response()
        assert (response.status, response.body.split()[0]) == (200, path.encode())
        if seconds:
            assert response.get("connection") == "close"
        assert client.ended(1), "the connection stays open"
    assert proxy.wait_for_log(f"target={path} ", "status=200", "end=done")


def test_half_closed_client_waits_as_long_as_any_other(proxy: Sheaf, recorder: Recorder) -> None:
    recorder.script = late(3)
    with RawClient(proxy.port) as client:
        client.send(GET % b"/slow")
        half_close(client)
        assert client.response().body == b"/slow 0"


def test_half_closed_client_gets_an_error_answer(make_sheaf, make_recorder) -> None:
    proxy = make_sheaf(make_recorder(lambda _: None).url, {"timeouts": {"response": "300ms"}})
    with RawClient(proxy.port) as client:
        client.send(GET % b"/")
        half_close(client)
        response = client.response()
        assert (response.status, response.get("connection")) == (504, "close")
        assert client.ended(1)


@pytest.mark.parametrize("count", [2, 20])
def test_pipelined_requests_are_all_answered_in_order_and_the_last_says_close(
    proxy: Sheaf, recorder: Recorder, count: int
) -> None:
    recorder.script = late(0.02)
    with RawClient(proxy.port) as client:
        client.send(b"".join(GET % b"/%d" % number for number in range(count)))
        half_close(client)
        responses = [client.response() for _ in range(count)]
        assert [response.body for response in responses] == [b"/%d 0" % number for number in range(count)]
        assert [response.get("connection") for response in responses] == [None] * (count - 1) + ["close"]
        assert client.ended(1)


def test_pipelined_request_that_was_cut_off_is_not_passed_on_and_those_before_it_are_answered(
    proxy: Sheaf, recorder: Recorder
) -> None:
    recorder.script = late(0.1)
    before = len(recorder.requests)
    with RawClient(proxy.port) as client:
        client.send(GET % b"/1" + GET % b"/2" + b"GET /3 HTTP/1.1\r\nHost: a.exam")
        half_close(client)
        assert [client.response().body for _ in range(2)] == [b"/1 0", b"/2 0"]
        assert client.ended(1)
    assert len(recorder.requests) == before + 2


@pytest.mark.parametrize(
    "start", [b"GET / HTTP/1.1\r\nHost: a", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhell"]
)
def test_request_that_was_cut_off_is_not_answered(proxy: Sheaf, recorder: Recorder, start: bytes) -> None:
    before = len(recorder.requests)
    with RawClient(proxy.port) as client:
        client.send(start)
        half_close(client)
        assert client.read_all() == b""
    recorder.settle(0.05)
    assert len(recorder.requests) == before
    wait_until(lambda: proxy.metric("sheaf_pool_links", state="active") == 0, 2, "the upstream connection ends")


def test_large_response_reaches_a_half_closed_client_whole(proxy: Sheaf, recorder: Recorder) -> None:
    size = 8 << 20
    recorder.script = lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + bytes(size)
    with RawClient(proxy.port, receive_buffer=16384) as client:
        client.send(GET % b"/large")
        half_close(client)
        time.sleep(0.3)  # the queue fills up meanwhile
        response = client.response()
        assert response.complete and len(response.body) == size


def test_fin_while_the_end_of_a_response_is_queued_loses_nothing_of_it(make_sheaf, make_recorder) -> None:
    size = 16 << 20
    recorder = make_recorder(lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + bytes(size))
    proxy = make_sheaf(recorder.url, {"limits": {"buffer_high": "64MiB"}})
    with RawClient(proxy.port, receive_buffer=65536) as client:
        client.send(GET % b"/queued")
        proxy.wait_for_log("target=/queued ", "end=done")  # all of it is here, and most is queued
        half_close(client)
        time.sleep(0.1)
        response = client.response()
        assert response.complete and len(response.body) == size
        assert client.ended(1)


def ask_and_notify(context: ssl.SSLContext, port: int, request: bytes) -> bytes:
    """Sends a request and a close_notify, but no FIN, and reads once."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with socket.create_connection(("127.0.0.1", port), timeout=5) as plain:

        def pump(step):  # noqa: ANN001, ANN202
            while True:
                try:
                    return step()
                except ssl.SSLWantReadError:
                    plain.sendall(outgoing.read())
                    incoming.write(plain.recv(65536))

        pump(tls.do_handshake)
        tls.write(request)
        with pytest.raises(ssl.SSLWantReadError):
            tls.unwrap()  # the proxy's own close_notify is still to come
        return pump(lambda: tls.read(65536))


@pytest.mark.parametrize("end", ["close_notify", "FIN"])
def test_half_closed_tls_client_is_answered(
    make_sheaf, recorder: Recorder, certificate: Pair, client_tls: ssl.SSLContext, end: str
) -> None:
    recorder.script = late(0.2)
    conf = {"listen": {"tls_certificate": str(certificate.certificate), "tls_key": str(certificate.key)}}
    proxy = make_sheaf(recorder.url, conf)
    if end == "close_notify":
        assert ask_and_notify(client_tls, proxy.port, GET % b"/tls").startswith(b"HTTP/1.1 200")
        return
    with RawClient(proxy.port, context=client_tls) as client:
        client.send(GET % b"/tls")
        half_close(client)
        assert client.response().body == b"/tls 0"


class Stream:
    """A response without an end: events leave when the test says so."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        recorder.script = self._begin

    def _begin(self, request: Request) -> None:
        request.connection.send(STREAM)

    @property
    def ended(self) -> bool:
        return self._recorder.latest.connection.ended

    def send(self, text: str) -> None:
        self._recorder.latest.connection.send(f"data: {text}\n\n".encode())


def open_stream(proxy: Sheaf, path: bytes) -> RawClient:
    """A half-closed client that has the head of its response."""
    client = RawClient(proxy.port)
    client.send(GET % path)
    half_close(client)
    assert client.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 200")
    return client


def test_half_closed_client_gets_its_events_for_as_long_as_they_come(proxy: Sheaf, recorder: Recorder) -> None:
    stream = Stream(recorder)
    with open_stream(proxy, b"/events") as client:
        for number in range(5):
            time.sleep(0.6)
            stream.send(str(number))
            assert client.read_until(b"\n\n").endswith(b"data: %d\n\n" % number)
        assert not stream.ended
        client.reset()
    wait_until(lambda: stream.ended, 2, "the backend is told")


def test_half_closed_client_that_leaves_is_noticed_when_something_is_sent_to_it(
    proxy: Sheaf, recorder: Recorder
) -> None:
    stream = Stream(recorder)
    open_stream(proxy, b"/left").close()
    time.sleep(0.2)
    assert not stream.ended, "nobody can know yet"
    stream.send("1")
    wait_until(lambda: stream.ended, 2, "the backend is told")
    assert proxy.wait_for_log("target=/left ", "end=client_gone")


def test_half_closed_client_that_breaks_off_is_noticed_although_nothing_is_sent(
    proxy: Sheaf, recorder: Recorder
) -> None:
    stream = Stream(recorder)
    open_stream(proxy, b"/broken").reset()
    wait_until(lambda: stream.ended, 2, "the backend is told")
    assert proxy.wait_for_log("target=/broken ", "end=client_gone")


@pytest.mark.parametrize("begun", [False, True])
def test_client_that_gives_up_is_not_taken_for_one_that_half_closes(
    proxy: Sheaf, recorder: Recorder, begun: bool
) -> None:
    """A tab that is closed, a time-out: the backend need not go on for nobody."""
    path = f"/given-up-{begun}"
    recorder.script = lambda request: request.connection.send(STREAM) if begun else None
    with RawClient(proxy.port) as client:
        client.send(GET % path.encode())
        time.sleep(2.3)
        assert not recorder.latest.connection.ended
    wait_until(lambda: recorder.latest.connection.ended, 1, "the backend is told")
    assert proxy.wait_for_log(f"target={path} ", f"status={200 if begun else 499}", "end=client_gone")


def test_fin_amid_a_websocket_handshake_ends_it(proxy: Sheaf, recorder: Recorder) -> None:
    answered = threading.Event()

    def script(request: Request) -> bytes:
        answered.wait(5)
        return upgrade_answer(request)

    recorder.script = script
    with RawClient(proxy.port) as client:
        client.send(upgrade("/ws-fin").replace("\n", "\r\n").encode() + frame(TEXT, b"early"))
        half_close(client)
        assert client.ended(1)
    answered.set()
    wait_until(lambda: recorder.latest.connection.ended, 2, "the upstream connection ends")
    assert proxy.wait_for_log("target=/ws-fin ", "status=499", "end=client_gone")


def test_fin_amid_a_websocket_is_the_end_of_its_client(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url)
    with RawWebSocket(proxy.port, "/ws/echo") as client:
        client.check_echo(b"hello")
        half_close(client)
        assert client.ended(1)
    assert proxy.wait_for_log("target=/ws/echo ", "end=client_gone")
