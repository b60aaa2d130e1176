"""Issue item 5: WebSockets in front of the real backend, with a stock client."""

from __future__ import annotations

import json
import time
from urllib.parse import quote

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from harness.backend import Backend
from harness.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    RawWebSocket,
    apply_mask,
    close_frame,
    frame,
    upgrade,
)
from harness.ports import wait_until
from harness.raw import RawClient, get
from harness.recorder import upgrade_answer
from harness.sheaf import Sheaf


@pytest.mark.parametrize("size", [0, 1, 125, 126, 1000, 65_535, 65_536, 1_000_000])
def test_text_and_binary_of_any_size_are_echoed(sheaf: Sheaf, size: int) -> None:
    with connect(f"{sheaf.ws_url}/ws/echo", max_size=None) as socket:
        text = ("aé€𝄞" * (size // 4 + 1))[:size]
        socket.send(text)
        assert socket.recv() == text
        data = bytes(range(256)) * (size // 256) + bytes(size % 256)
        socket.send(data)
        assert socket.recv() == data


def test_message_of_16_mib_passes_both_ways(sheaf: Sheaf) -> None:
    data = bytes(16 << 20)
    with connect(f"{sheaf.ws_url}/ws/echo", max_size=None, compression=None) as socket:
        socket.send(data)
        assert socket.recv() == data


def test_message_over_max_message_is_closed_with_1009(sheaf: Sheaf) -> None:
    with connect(f"{sheaf.ws_url}/ws/echo", max_size=None, compression=None) as socket:
        with pytest.raises(ConnectionClosed) as closed:
            socket.send(bytes((16 << 20) + 1))
            socket.recv()
    assert closed.value.rcvd is not None and closed.value.rcvd.code == 1009


def test_messages_keep_their_order(sheaf: Sheaf) -> None:
    with connect(f"{sheaf.ws_url}/ws/echo") as socket:
        for start in range(0, 2000, 100):
            for number in range(start, start + 100):
                socket.send(str(number) if number % 2 else str(number).encode())
            for number in range(start, start + 100):
                assert socket.recv() == (str(number) if number % 2 else str(number).encode())


def test_fragmented_messages_arrive_whole(sheaf: Sheaf) -> None:
    with connect(f"{sheaf.ws_url}/ws/echo", compression=None) as socket:
        socket.send(["one ", "two ", "", "three"])
        assert socket.recv() == "one two three"
        socket.send([b"\x00", b"\xff" * 70_000, b"\x01"])
        assert socket.recv() == b"\x00" + b"\xff" * 70_000 + b"\x01"


def test_fragments_go_on_before_the_message_is_over(make_recorder, make_sheaf) -> None:
    """A message larger than any buffer must not be gathered: what has been checked moves on."""
    recorder = make_recorder(upgrade_answer, at_head=True)
    proxy = make_sheaf(recorder.url)
    with RawWebSocket(proxy.port, "/ws") as socket:
        socket.send(frame(BINARY, bytes(8 << 20), fin=False))
        wait_until(lambda: len(recorder.latest.connection.received) > 7 << 20, 5, "the first fragment moves on")


def test_client_pings_are_answered_by_the_proxy(sheaf: Sheaf, backend: Backend) -> None:
    with connect(f"{sheaf.ws_url}/ws/echo", ping_interval=None) as socket:
        assert socket.ping(b"are you there").wait(2)


def test_backend_pings_are_answered_by_the_proxy(make_recorder, make_sheaf) -> None:
    recorder = make_recorder(upgrade_answer, at_head=True)
    proxy = make_sheaf(recorder.url)
    with RawWebSocket(proxy.port, "/ws") as socket:
        upstream = recorder.latest.connection
        upstream.send(frame(PING, b"from the backend", masked=False) + frame(TEXT, b"next", masked=False))
        assert socket.read_frame().payload == b"next", "the ping reached the client"
        wait_until(lambda: b"\x8a\x90" in upstream.received, 3, "a pong arrives upstream")
        pong = upstream.received.split(b"\x8a\x90", 1)[1]
        assert apply_mask(pong[4:20], pong[:4]) == b"from the backend"


@pytest.mark.parametrize(
    "code,reason",
    [
        (1000, ""),
        (1000, "bye"),
        (1001, "going"),
        (1008, "policy"),
        (1011, "oops"),
        (3000, "library"),
        (4321, "application " + "x" * 100),
        (4000, "héllo"),
    ],
)
def test_close_of_the_backend_reaches_the_client(sheaf: Sheaf, code: int, reason: str) -> None:
    with RawWebSocket(sheaf.port, f"/ws/close?code={code}&reason={quote(reason)}&first=hello") as socket:
        assert socket.read_message() == (TEXT, b"hello")
        received = socket.read_close()
        assert (received.code, received.reason) == (code, reason)
        socket.send(close_frame(code))
        assert socket.ended(3)


@pytest.mark.parametrize("code,reason", [(1000, "bye"), (1001, ""), (4321, "reason " + "x" * 100), (3000, "héllo")])
def test_close_of_the_client_reaches_the_backend(sheaf: Sheaf, code: int, reason: str) -> None:
    tag = f"{code}-{len(reason)}"
    with RawWebSocket(sheaf.port, f"/ws/closed?tag={tag}") as socket:
        assert socket.read_message() == (TEXT, b"ready")
        socket.send(close_frame(code, reason.encode()))
        assert socket.read_close().code == code
        assert socket.ended(3)
    seen = wait_until(
        lambda: json.loads(get(sheaf.port, f"/api/closes?tag={tag}").body), 3, "the backend sees the Close"
    )
    assert seen == [{"tag": tag, "code": code, "reason": reason}]


def test_client_that_vanishes_is_told_to_the_backend(sheaf: Sheaf) -> None:
    with RawWebSocket(sheaf.port, "/ws/closed?tag=vanished") as socket:
        assert socket.read_message() == (TEXT, b"ready")
        socket.reset()
    seen = wait_until(lambda: json.loads(get(sheaf.port, "/api/closes?tag=vanished").body), 3, "the backend is told")
    assert seen[0]["code"] in (1001, 1005, 1006)


def test_client_gone_in_the_middle_of_a_message_gives_the_backend_no_half_message(sheaf: Sheaf) -> None:
    with RawWebSocket(sheaf.port, "/ws/closed?tag=half") as socket:
        assert socket.read_message() == (TEXT, b"ready")
        socket.send(frame(BINARY, bytes(50_000))[:20_000])
        time.sleep(0.1)
        socket.reset()
    seen = wait_until(lambda: json.loads(get(sheaf.port, "/api/closes?tag=half").body), 3, "the backend is told")
    assert len(seen) == 1
    assert get(sheaf.port, "/page").status == 200


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503])
def test_refusal_passes_with_its_body(sheaf: Sheaf, status: int) -> None:
    with RawClient(sheaf.port) as client:
        response = client.request(upgrade(f"/ws/deny?status={status}"))
    assert response.status == status
    assert json.loads(response.body)["denied"] == status
    assert response.get("x-demo") == "denied"
    assert response.get("sec-websocket-accept") is None
    if status == 401:
        assert response.get("www-authenticate") == "Bearer"


def test_path_that_no_websocket_serves_is_refused_as_the_backend_says(sheaf: Sheaf) -> None:
    with pytest.raises(InvalidStatus) as refused:
        connect(f"{sheaf.ws_url}/ws/nothing-here")
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize(
    "offered,chosen", [(["chat.v2", "chat.v1"], "chat.v2"), (["chat.v1"], "chat.v1"), (["x"], None)]
)
def test_subprotocols_pass(sheaf: Sheaf, offered: list[str], chosen: str | None) -> None:
    with connect(f"{sheaf.ws_url}/ws/chat", subprotocols=[Subprotocol(name) for name in offered]) as socket:
        assert socket.subprotocol == chosen
        assert json.loads(socket.recv())["subprotocol"] == chosen


def test_cookies_and_fields_pass_both_ways(sheaf: Sheaf) -> None:
    with connect(f"{sheaf.ws_url}/ws/chat", additional_headers={"Cookie": "session=abc; theme=dark"}) as socket:
        assert json.loads(socket.recv())["cookies"] == {"session": "abc", "theme": "dark"}
        assert socket.response is not None
        assert socket.response.headers["set-cookie"] == "chat=1; Path=/"
        assert socket.response.headers["x-demo"] == "chat"


def test_forwarding_fields_and_query_reach_the_backend(sheaf: Sheaf) -> None:
    forged = {"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "https"}
    with connect(
        f"{sheaf.ws_url}/ws/headers?token=a%20b", additional_headers=forged, source_address=("127.0.0.2", 0)
    ) as socket:
        seen = json.loads(socket.recv())
    fields = {name: value for name, value in seen["headers"]}
    assert fields["x-forwarded-for"] == "127.0.0.2"
    assert fields["x-forwarded-proto"] == "http", "python-socketio compares this with http and https"
    assert fields["host"] == f"127.0.0.1:{sheaf.port}"
    assert seen["query"] == "token=a%20b"
    assert len(fields["x-request-id"]) >= 16


def test_flood_from_the_backend_arrives_whole_and_in_order(sheaf: Sheaf) -> None:
    with connect(f"{sheaf.ws_url}/ws/flood?bytes=4096&count=5000", compression=None) as socket:
        for number in range(5000):
            message = socket.recv()
            assert len(message) == 4096 and int.from_bytes(message[:8], "big") == number
        assert socket.recv() == "end"


def test_dead_client_is_found_by_pings(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url, {"websocket": {"ping_interval": "500ms", "ping_timeout": "1s"}})
    with RawWebSocket(proxy.port) as socket:
        assert socket.read_frame().opcode == PING
        began = time.monotonic()
        while (received := socket.read_frame()) is not None and received.opcode != CLOSE:
            assert received.opcode == PING
        assert 0.7 < time.monotonic() - began < 2.5
    wait_until(lambda: proxy.metric("sheaf_websocket_sessions") == 0, 3, "the session is over")
    assert proxy.metric("sheaf_websocket_closes_total", reason="client_ping_timeout") == 1


def test_client_that_pongs_is_left_in_peace(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url, {"websocket": {"ping_interval": "300ms", "ping_timeout": "500ms"}})
    with RawWebSocket(proxy.port) as socket:
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:
            received = socket.read_frame()
            assert received is not None and received.opcode == PING
            socket.send_frame(PONG, received.payload)
        socket.send_frame(TEXT, b"still here")
        assert socket.read_message() == (TEXT, b"still here")


def test_pings_do_not_come_between_fragments_as_data(make_sheaf, backend: Backend) -> None:
    """Control frames may stand between the fragments of a message (RFC 6455 5.4); a stock client puts up with it."""
    proxy = make_sheaf(backend.url, {"websocket": {"ping_interval": "100ms", "ping_timeout": "5s"}})
    with connect(f"{proxy.ws_url}/ws/echo", compression=None, max_size=None) as socket:

        def slowly():  # noqa: ANN202
            for _ in range(10):
                time.sleep(0.1)
                yield b"x" * 1000

        socket.send(slowly())
        assert socket.recv() == b"x" * 10_000


def test_close_that_the_client_does_not_answer_ends_in_close_timeout(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url, {"websocket": {"close_timeout": "1s"}})
    with RawWebSocket(proxy.port, "/ws/close?code=1000") as socket:
        began = time.monotonic()
        assert socket.read_close().code == 1000
        assert socket.ended(5)
        assert 0.7 < time.monotonic() - began < 3


def test_data_after_a_close_is_ignored(make_recorder, make_sheaf) -> None:
    recorder = make_recorder(upgrade_answer, at_head=True)
    proxy = make_sheaf(recorder.url)
    with RawWebSocket(proxy.port, "/ws") as socket:
        socket.send(frame(TEXT, b"before") + close_frame(1000) + frame(TEXT, b"after") + frame(3, b"nonsense"))
        upstream = recorder.latest.connection
        wait_until(
            lambda: len(upstream.received.split(b"\r\n\r\n", 1)[1]) >= 12 + 8, 3, "message and Close go upstream"
        )
        recorder.settle()
        assert len(upstream.received.split(b"\r\n\r\n", 1)[1]) == 12 + 8, "what came after the Close went upstream"


def test_what_the_backend_says_before_it_answers_a_close_still_arrives(make_recorder, make_sheaf) -> None:
    recorder = make_recorder(upgrade_answer, at_head=True)
    proxy = make_sheaf(recorder.url)
    with RawWebSocket(proxy.port, "/ws") as socket:
        upstream = recorder.latest.connection
        socket.send(close_frame(1000))
        wait_until(lambda: len(upstream.received.split(b"\r\n\r\n", 1)[1]) >= 8, 3, "the Close goes upstream")
        upstream.send(frame(TEXT, b"last words", masked=False) + close_frame(1000, masked=False))
        assert socket.read_message() == (TEXT, b"last words")
        assert socket.read_close().code == 1000
        assert socket.ended(5)


def test_continuations_of_the_backend_keep_their_type(make_recorder, make_sheaf) -> None:
    recorder = make_recorder(upgrade_answer, at_head=True)
    proxy = make_sheaf(recorder.url)
    with RawWebSocket(proxy.port, "/ws") as socket:
        recorder.latest.connection.send(
            frame(TEXT, b"a", fin=False, masked=False)
            + frame(PING, b"", masked=False)
            + frame(CONTINUATION, b"b", masked=False)
            + frame(BINARY, b"c", masked=False)
        )
        assert socket.read_message() == (TEXT, b"ab")
        assert socket.read_message() == (BINARY, b"c")
