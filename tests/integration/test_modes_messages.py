"""Messages in every mode: sizes, fragments, order, pings, and payloads that an application should not send."""

from __future__ import annotations

import random
import threading

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from harness.frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, RawWebSocket, frame
from harness.modes import PROXIED, Served, served_in
from harness.scripts import scripted

served = served_in()

MIB = 1 << 20


def echo(served: Served, **options: object) -> ClientConnection:
    return connect(f"{served.ws_url}/ws/echo", max_size=None, **options)  # type: ignore[arg-type]


# Those at which frames and records change their form, and one beside each.
SIZES = [0, 1, 125, 126, 16_383, 16_384, 16_385, 65_535, 65_536, 65_537, 131_064, 131_072, 300_001]


@pytest.mark.parametrize("compression", [None, "deflate"])
def test_text_and_binary_of_any_size(served: Served, compression: str | None) -> None:
    with echo(served, compression=compression) as socket:
        for size in SIZES:
            text = ("aé€𝄞" * (size // 4 + 1))[:size]
            socket.send(text)
            assert socket.recv() == text
            data = random.Random(size).randbytes(size)
            socket.send(data)
            assert socket.recv() == data


@pytest.mark.parametrize("mib", [1, 5, 15])
def test_large_message(served: Served, mib: int) -> None:
    data = random.Random(mib).randbytes(mib * MIB)
    with echo(served, compression=None) as socket:
        socket.send(data)
        assert socket.recv() == data
        text = data[: mib * MIB // 2].hex()
        socket.send(text)
        assert socket.recv() == text


@pytest.mark.parametrize("shift", range(4))
def test_character_may_lie_over_any_cut(served: Served, shift: int) -> None:
    text = "x" * shift + "𝄞" * 70_000
    with echo(served, compression=None) as socket:
        socket.send(text)
        assert socket.recv() == text


def test_message_over_the_limit_is_closed_with_1009(served: Served) -> None:
    """Before its payload has come: what is still under way when uvicorn closes would become a reset, and the Close be lost."""
    with RawWebSocket(served.port) as socket:
        socket.send(frame(BINARY, b"", length_bytes=8, declared=16 * MIB + 1))
        assert socket.read_close().code == 1009


@PROXIED
def test_client_that_sends_on_gets_the_close_of_its_message_over_the_limit_too(served: Served) -> None:
    """Sheaf reads on after its Close; uvicorn alone does not, and a client may find a reset instead."""
    with echo(served, compression=None) as socket:
        with pytest.raises(ConnectionClosed) as closed:
            socket.send(bytes(16 * MIB + 1))
            socket.recv()
    assert closed.value.rcvd is not None and closed.value.rcvd.code == 1009


def test_text_that_is_not_utf8_is_closed_with_1007(served: Served) -> None:
    with RawWebSocket(served.port) as socket:
        socket.send(frame(TEXT, b"\xc3", fin=False) + frame(CONTINUATION, b"("))
        assert socket.read_close().code == 1007


def test_empty_messages(served: Served) -> None:
    with RawWebSocket(served.port) as socket:
        socket.send(frame(TEXT) + frame(BINARY) + frame(TEXT, fin=False) + frame(CONTINUATION))
        socket.send_frame(TEXT, b"after")
        got = [socket.read_message() for _ in range(4)]
        assert got == [(TEXT, b""), (BINARY, b""), (TEXT, b""), (TEXT, b"after")]


def test_fragments_arrive_as_one_message(served: Served) -> None:
    with echo(served, compression=None) as socket:
        socket.send(["one ", "two ", "", "three"])
        assert socket.recv() == "one two three"
        pieces = [random.Random(size).randbytes(size) for size in (0, 1, 70_000, 16_384, 0, 131_072, 5)]
        socket.send(pieces)
        assert socket.recv() == b"".join(pieces)


def test_fragments_cut_amid_characters_and_with_pings_between(served: Served) -> None:
    text = "aé€𝄞" * 2000
    data = text.encode()
    with RawWebSocket(served.port) as socket:
        cuts = [0, 2, 3, 5, 7, 8, 9, 15_000, len(data)]
        for number, (begin, end) in enumerate(zip(cuts, cuts[1:])):
            opcode = CONTINUATION if number else TEXT
            socket.send_frame(opcode, data[begin:end], fin=end == len(data))
            socket.send_frame(PING, str(number).encode())
        assert socket.read_message() == (TEXT, data)


def test_order_of_text_and_binary(served: Served) -> None:
    with echo(served) as socket:
        for start in range(0, 2000, 100):
            sent = [str(number) if number % 2 else str(number).encode() for number in range(start, start + 100)]
            for message in sent:
                socket.send(message)
            assert [socket.recv() for _ in sent] == sent


def test_large_and_small_messages_keep_their_order(served: Served) -> None:
    source = random.Random(11)
    sent: list[bytes | str] = []
    for _ in range(60):
        data = source.randbytes(source.choice((0, 10, 10, 20_000, 70_000, 200_000)))
        sent.append(data.hex() if source.random() < 0.5 else data)
    with echo(served, compression=None) as socket:
        writer = threading.Thread(target=lambda: [socket.send(message) for message in sent])
        writer.start()
        assert [socket.recv() for _ in sent] == sent
        writer.join()


def test_sessions_with_large_messages_do_not_mix(served: Served) -> None:
    """Eight at once, each with its own bytes."""
    wrong: list[int] = []

    def exchange(number: int) -> None:
        data = random.Random(number).randbytes(MIB + number)
        with echo(served, compression=None) as socket:
            for _ in range(3):
                socket.send(data)
                if socket.recv() != data:
                    wrong.append(number)

    threads = [threading.Thread(target=exchange, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_pings_of_the_client_are_answered(served: Served) -> None:
    with RawWebSocket(served.port) as socket:
        for payload in (b"", b"x", b"y" * 125):
            socket.send_frame(PING, payload)
            received = socket.read_frame()
            assert received is not None and (received.opcode, received.payload) == (PONG, payload)
        socket.send_frame(PONG, b"nobody asked")
        socket.check_echo(b"still here")


@pytest.mark.parametrize(
    "event,expected",
    [
        ({"text": "é", "bytes": None}, (TEXT, "é".encode())),
        ({"text": None, "bytes": "\x00\xff"}, (BINARY, b"\x00\xff")),
        ({"text": ""}, (TEXT, b"")),
        ({"bytes": ""}, (BINARY, b"")),
    ],
)
def test_events_with_both_keys(served: Served, event: dict[str, str | None], expected: tuple[int, bytes]) -> None:
    steps = ["receive", {"type": "websocket.accept"}, {"type": "websocket.send", **event}, {"type": "websocket.close"}]
    with scripted(served, "both keys", *steps) as socket:
        assert socket.read_message() == expected
        assert socket.read_message()[0] == CLOSE


def test_buffer_that_changes_after_the_send_was_sent_as_it_was(served: Served) -> None:
    """A bytearray, and a view of one, that the handler goes on to use."""
    with RawWebSocket(served.port, "/ws/buffers") as socket:
        assert [socket.read_message() for _ in range(4)] == [(BINARY, bytes([n]) * 1000) for n in (1, 1, 2, 2)]


def test_text_that_cannot_be_encoded_is_that_session_s_alone(served: Served) -> None:
    """A lone surrogate, as json.loads may have made it. What else shares the link does not notice."""
    steps = ["receive", {"type": "websocket.accept"}, "wait", {"type": "websocket.send", "text": "\ud800"}, "return"]
    with RawWebSocket(served.port) as neighbour:
        neighbour.check_echo(b"before")
        with scripted(served, "surrogate", *steps) as socket:
            socket.send_frame(TEXT, b"go")
            assert socket.read_all()[:1] in (b"", b"\x88"), "a message came"
        neighbour.check_echo(b"after")
    assert "UnicodeEncodeError" in served.notes.wait_for("surrogate", 3)[1]
