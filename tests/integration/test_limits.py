"""Each time-out and limit fires, and has a twin that shows when it does not."""

from __future__ import annotations

import time

import pytest

from harness.backend import Backend
from harness.frames import BINARY, PING, TEXT, RawWebSocket, frame, upgrade
from harness.ports import wait_until
from harness.raw import RawClient, get
from harness.recorder import OK, Recorder
from harness.sheaf import Sheaf


class Trickler(RawClient):
    """Sends byte by byte until it is answered."""

    def until_answered(self, data: bytes, pause: float, step: int = 1) -> float:
        """Seconds until an answer or an end came."""
        began = time.monotonic()
        self.socket.settimeout(pause)
        for start in range(0, len(data), step):
            self.send_quietly(data[start : start + step])
            try:
                if self.buffer or not self.fill() or self.buffer:
                    break
            except TimeoutError:
                continue
        self.socket.settimeout(self.timeout)
        return time.monotonic() - began


HEAD = b"GET /page HTTP/1.1\r\nHost: a\r\nX-Long: " + b"y" * 200 + b"\r\n\r\n"


def test_head_timeout_answers_a_slow_head_with_408(make_sheaf, make_recorder) -> None:
    recorder: Recorder = make_recorder()
    proxy = make_sheaf(recorder.url, {"timeouts": {"head": "2s"}})
    with Trickler(proxy.port) as client:
        took = client.until_answered(HEAD, 0.25)
        assert client.response().status == 408
        assert client.read_all() == b""
    assert 1.0 <= took <= 3.0, "the deadline is 2 s after the first byte, give or take one"
    assert recorder.received == b""
    assert len(proxy.wait_for_log("reject=head_timeout")) == 1


def test_head_timeout_does_not_fire_for_a_head_that_comes_in_time(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url, {"timeouts": {"head": "2s"}})
    with RawClient(proxy.port) as client:
        for start in range(0, len(HEAD), 30):
            client.send(HEAD[start : start + 30])
            time.sleep(0.1)
        assert client.response().status == 200


def test_head_timeout_begins_anew_with_each_request(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url, {"timeouts": {"head": "1s", "idle": "10s"}})
    with RawClient(proxy.port) as client:
        for _ in range(4):
            assert client.request("GET /page HTTP/1.1\nHost: a\n\n").status == 200
            time.sleep(0.6)
        client.send(b"GET /pa")
        assert client.response().status == 408


def test_silent_connection_is_closed_without_an_answer(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url, {"timeouts": {"head": "1s", "idle": "1s"}})
    with RawClient(proxy.port) as client:
        assert client.ended(4)


def test_idle_timeout_closes_a_kept_alive_connection(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url, {"timeouts": {"idle": "1s"}})
    with RawClient(proxy.port) as client:
        began = time.monotonic()  # before the idle time does, however late the answer is looked at
        assert client.request("GET /page HTTP/1.1\nHost: a\n\n").status == 200
        assert client.ended(5)
        assert time.monotonic() - began >= 0.8


def test_idle_timeout_does_not_fire_between_requests_in_time(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url, {"timeouts": {"idle": "3s"}})
    with RawClient(proxy.port) as client:
        for _ in range(5):
            assert client.request("GET /page HTTP/1.1\nHost: a\n\n").status == 200
            time.sleep(0.8)


def test_idle_timeout_does_not_concern_websockets_and_streams(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(
        backend.url,
        {"timeouts": {"idle": "500ms", "response": "500ms", "head": "500ms", "body": "500ms", "stall": "500ms"}},
    )
    with RawWebSocket(proxy.port) as socket, RawClient(proxy.port) as stream:
        stream.send(b"GET /sse?count=3&interval=1 HTTP/1.1\r\nHost: a\r\n\r\n")
        stream.read_until(b"id: 2\n")
        socket.send_frame(TEXT, b"hello")
        assert socket.read_message() == (TEXT, b"hello")


def test_body_timeout_answers_a_body_that_stops_with_408(make_sheaf, make_recorder) -> None:
    recorder: Recorder = make_recorder(at_head=True, script=lambda _: None)
    proxy = make_sheaf(recorder.url, {"timeouts": {"body": "1s"}, "limits": {"min_body_rate": 0}})
    with RawClient(proxy.port) as client:
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhello")
        began = time.monotonic()
        assert client.response().status == 408
        # The body is looked at once a time-out: here bytes came in the first one and none in the second.
        assert 0.7 <= time.monotonic() - began <= 2.7
        assert client.read_all() == b""
    wait_until(lambda: recorder.latest.connection.ended, 3, "the upstream connection ends")
    assert proxy.wait_for_log("reject=body_timeout")


def test_body_timeout_does_not_fire_while_bytes_come(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url, {"timeouts": {"body": "1s"}, "limits": {"min_body_rate": 0}})
    with RawClient(proxy.port) as client:
        client.send(b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n")
        for byte in b"hello!":
            time.sleep(0.5)
            client.send(bytes([byte]))
        assert client.response().status == 200


def test_body_timeout_does_not_fire_while_the_backend_is_the_slow_one(make_sheaf, backend: Backend) -> None:
    """The client is held back because the backend does not read: no fault of the client's."""
    proxy = make_sheaf(backend.url, {"timeouts": {"body": "1s"}, "limits": {"min_body_rate": 100_000}})
    size = 30_000_000
    with RawClient(proxy.port, timeout=30) as client:
        client.send(b"POST /upload?pause=3 HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size + bytes(size))
        assert client.response().status == 200


def test_min_body_rate_answers_a_body_that_drips_with_408(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url, {"timeouts": {"body": "2s"}, "limits": {"min_body_rate": 100}})
    with Trickler(proxy.port, timeout=15) as client:
        client.send(b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n")
        took = client.until_answered(bytes(1000), 0.2)
        assert client.response().status == 408
        assert took < 12


def test_min_body_rate_does_not_fire_above_it(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url, {"timeouts": {"body": "2s"}, "limits": {"min_body_rate": 100}})
    with RawClient(proxy.port, timeout=15) as client:
        client.send(b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 1500\r\n\r\n")
        for _ in range(30):
            client.send(bytes(50))
            time.sleep(0.15)
        assert client.response().status == 200


def test_response_timeout_is_a_504(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url, {"timeouts": {"response": "1s"}})
    began = time.monotonic()
    assert get(proxy.port, "/slow?seconds=5").status == 504
    assert 0.9 <= time.monotonic() - began <= 1.6
    assert proxy.wait_for_log("reject=upstream_timeout")


def test_response_timeout_does_not_fire_for_an_answer_in_time(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url, {"timeouts": {"response": "2s"}})
    assert get(proxy.port, "/slow?seconds=1").status == 200


def test_response_timeout_does_not_count_the_upload(make_sheaf, backend: Backend) -> None:
    """The backend cannot answer before it has the body; the time-out is for its answer, not for the sending."""
    proxy = make_sheaf(backend.url, {"timeouts": {"response": "1s"}, "limits": {"min_body_rate": 0}})
    with RawClient(proxy.port) as client:
        client.send(b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n")
        for byte in b"hello!":
            time.sleep(0.4)
            client.send(bytes([byte]))
        assert client.response().status == 200


def test_response_timeout_holds_for_upgrades(make_sheaf, make_recorder) -> None:
    recorder: Recorder = make_recorder(lambda _: None, at_head=True)
    proxy = make_sheaf(recorder.url, {"timeouts": {"response": "1s"}})
    with RawClient(proxy.port) as client:
        assert client.request(upgrade("/ws")).status == 504


def test_response_timeout_of_a_route_beats_the_global_one(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(
        backend.url, {"timeouts": {"response": "1s"}}, routes=[{"path": "/slow", "response_timeout": "4s"}]
    )
    assert get(proxy.port, "/slow?seconds=2").status == 200


@pytest.mark.parametrize("size,status", [(1000, 200), (1001, 413)])
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_max_body(make_sheaf, make_recorder, size: int, status: int, framing: str) -> None:
    recorder: Recorder = make_recorder(lambda _: OK)
    proxy = make_sheaf(recorder.url, {"limits": {"max_body": 1000}})
    with RawClient(proxy.port) as client:
        if framing == "length":
            client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size)
            client.send_quietly(bytes(size))
        else:
            client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _ in range(size // 7):
                client.send_quietly(b"7\r\n1234567\r\n")
            client.send_quietly(b"%x\r\n%s\r\n" % (size % 7, b"x" * (size % 7)) if size % 7 else b"")
            client.send_quietly(b"0\r\n\r\n")
        assert client.response().status == status
    assert len(recorder.requests) == (1 if status == 200 else 0)
    if status == 413 and framing == "length":
        assert recorder.received == b"", "refused by its length, and still sent upstream"
    if status == 413:
        assert proxy.wait_for_log("reject=body_too_large")


def test_max_body_does_not_limit_responses(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url, {"limits": {"max_body": 1000}})
    assert len(get(proxy.port, "/download?bytes=100000").body) == 100_000


def test_expecting_client_is_refused_before_it_sends_too_much(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url, {"limits": {"max_body": 1000}})
    with RawClient(proxy.port) as client:
        client.send(b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\nExpect: 100-continue\r\n\r\n")
        assert client.response(skip_interim=False).status == 413


@pytest.mark.parametrize("length,status", [(1000, 200), (1001, 414)])
def test_max_request_line(make_sheaf, make_recorder, length: int, status: int) -> None:
    proxy = make_sheaf(make_recorder().url, {"limits": {"max_request_line": 1000}})
    target = "/" + "a" * (length - len("GET / HTTP/1.1"))
    assert get(proxy.port, target).status == status


@pytest.mark.parametrize("size,status", [(2000, 200), (2001, 431)])
def test_max_head(make_sheaf, make_recorder, size: int, status: int) -> None:
    proxy = make_sheaf(make_recorder().url, {"limits": {"max_head": 2000}})
    start = b"GET / HTTP/1.1\r\nHost: a\r\nX: "
    with RawClient(proxy.port) as client:
        client.send(start + b"y" * (size - len(start) - 4) + b"\r\n\r\n")
        assert client.response().status == status


@pytest.mark.parametrize("count,status", [(20, 200), (21, 431)])
def test_max_fields(make_sheaf, make_recorder, count: int, status: int) -> None:
    proxy = make_sheaf(make_recorder().url, {"limits": {"max_fields": 20}})
    with RawClient(proxy.port) as client:
        fields = "".join(f"X-{number}: y\n" for number in range(count - 1))
        assert client.request(f"GET / HTTP/1.1\nHost: a\n{fields}\n").status == status


@pytest.mark.parametrize(
    "path,size,passes",
    [
        ("/ws/echo", 1000, True),
        ("/ws/echo", 1001, False),
        ("/ws/slow?delay=0", 5000, True),
        ("/ws/slow?delay=0", 5001, False),
    ],
)
def test_max_message_of_the_proxy_and_of_a_route(
    make_sheaf, backend: Backend, path: str, size: int, passes: bool
) -> None:
    proxy = make_sheaf(
        backend.url, {"limits": {"max_message": 1000}}, routes=[{"path": "/ws/slow", "max_message": 5000}]
    )
    with RawWebSocket(proxy.port, path) as socket:
        socket.send_quietly(frame(BINARY, bytes(size)))
        if passes:
            assert socket.read_message() == (BINARY, bytes(size))
        else:
            assert socket.read_close().code == 1009


def test_ping_interval_of_a_route_beats_the_global_one(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(
        backend.url, {"websocket": {"ping_interval": "0s"}}, routes=[{"path": "/ws/slow", "ping_interval": "300ms"}]
    )
    with RawWebSocket(proxy.port, "/ws/slow") as pinged, RawWebSocket(proxy.port, "/ws/echo") as quiet:
        received = pinged.read_frame()
        assert received is not None and received.opcode == PING
        time.sleep(1)
        quiet.send_frame(TEXT, b"hello")
        first = quiet.read_frame()
        assert first is not None and first.opcode == TEXT, "a ping came where pings are off"


def test_allowed_origins_of_a_route_beat_the_global_ones(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(
        backend.url,
        {"websocket": {"allowed_origins": ["https://a.example"]}},
        routes=[{"path": "/ws/slow", "allowed_origins": ["https://b.example"]}],
    )
    for path, origin, status in (
        ("/ws/echo", "a", 101),
        ("/ws/echo", "b", 403),
        ("/ws/slow", "b", 101),
        ("/ws/slow", "a", 403),
    ):
        with RawClient(proxy.port) as client:
            assert client.request(upgrade(path, f"Origin: https://{origin}.example\n")).status == status, (path, origin)


def test_503_tells_when_to_come_back(sheaf: Sheaf, make_sheaf) -> None:
    proxy = make_sheaf("http://127.0.0.1:9", {"pool": {"acquire_timeout": "200ms"}}, ready="/livez")
    response = get(proxy.port)
    assert response.status == 503 and int(response.get("retry-after") or "") >= 1
