"""hardening.md, rows 45-54 and 57: frames from the client that break the protocol, and those that do not."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.fixtures import recorder_fixture
from harness.frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, RawWebSocket, apply_mask, close_frame, frame
from harness.ports import wait_until
from harness.recorder import Recorder, frames_at, upgrade_answer
from harness.sheaf import Sheaf, is_sanitized

MAX_MESSAGE = 64 * 1024


recorder = recorder_fixture(upgrade_answer, at_head=True)


@pytest.fixture(scope="module")
def proxy(folder: Path, recorder: Recorder) -> Iterator[Sheaf]:
    """Small limits, so that going over them is cheap."""
    running = Sheaf(
        folder, recorder.url, {"limits": {"max_message": MAX_MESSAGE, "max_fragments": 8, "max_ping_rate": 20}}
    )
    yield running
    running.stop()


def fragments(*payloads: bytes, opcode: int = TEXT) -> bytes:
    last = len(payloads) - 1
    return b"".join(frame(CONTINUATION if i else opcode, payload, fin=i == last) for i, payload in enumerate(payloads))


BAD_FRAMES = {
    "45: an unmasked frame": (frame(TEXT, b"hello", masked=False), 1002),
    "45: an unmasked empty frame": (frame(TEXT, b"", masked=False), 1002),
    **{f"46: RSV bits {rsv}": (frame(TEXT, b"hello", rsv=rsv), 1002) for rsv in (1, 2, 3, 5, 6, 7)},
    **{f"46: opcode {opcode}": (frame(opcode, b"x"), 1002) for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)},
    "47: a fragmented ping": (frame(PING, b"x", fin=False), 1002),
    "47: a fragmented Close": (frame(CLOSE, b"\x03\xe8", fin=False), 1002),
    "47: a ping of 126 bytes": (frame(PING, bytes(126)), 1002),
    "47: a pong of 126 bytes": (frame(PONG, bytes(126)), 1002),
    "47: a Close of 126 bytes": (close_frame(1000, bytes(124)), 1002),
    "48: a 64-bit length with its top bit": (frame(BINARY, b"", length_bytes=8, declared=1 << 63), 1002),
    "48: 16 bits for a length of 5": (frame(TEXT, b"hello", length_bytes=2), 1002),
    "48: 16 bits for a length of 125": (frame(BINARY, bytes(125), length_bytes=2), 1002),
    "48: 64 bits for a length of 5": (frame(TEXT, b"hello", length_bytes=8), 1002),
    "48: 64 bits for a length of 65,535": (frame(BINARY, bytes(65535), length_bytes=8), 1002),
    "49: a length over the limit": (frame(BINARY, b"", length_bytes=8, declared=MAX_MESSAGE + 1), 1009),
    "49: a length far over the limit": (frame(BINARY, b"", length_bytes=8, declared=(1 << 63) - 1), 1009),
    "50: fragments over the limit together": (fragments(bytes(40_000), bytes(40_000), opcode=BINARY), 1009),
    "50: too many fragments": (fragments(*[b"x"] * 9), 1008),
    "50: too many empty fragments": (fragments(*[b""] * 9), 1008),
    "51: a continuation of nothing": (frame(CONTINUATION, b"x"), 1002),
    "51: a continuation of nothing, not the last": (frame(CONTINUATION, b"x", fin=False), 1002),
    "51: a text within a text": (frame(TEXT, b"a", fin=False) + frame(TEXT, b"b"), 1002),
    "51: a binary within a text": (frame(TEXT, b"a", fin=False) + frame(BINARY, b"b"), 1002),
    "51: a continuation after the last": (fragments(b"a", b"b") + frame(CONTINUATION, b"c"), 1002),
    "52: a lone continuation byte": (frame(TEXT, b"a\x80"), 1007),
    "52: an overlong form": (frame(TEXT, b"\xc0\xaf"), 1007),
    "52: a surrogate": (frame(TEXT, b"\xed\xa0\x80"), 1007),
    "52: over U+10FFFF": (frame(TEXT, b"\xf4\x90\x80\x80"), 1007),
    "52: a character cut short": (frame(TEXT, "é".encode()[:1]), 1007),
    "52: bad in the second fragment": (fragments(b"a", b"\xff", b"b"), 1007),
    "52: bad over the border of fragments": (fragments("é".encode()[:1], b"x"), 1007),
    "52: bad in a Close's reason": (close_frame(1000, b"\xff"), 1007),
    "53: a Close of 1 byte": (frame(CLOSE, b"\x03"), 1002),
    **{
        f"53: a Close with {code}": (close_frame(code), 1002)
        for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)
    },
    "54: RSV1 on a ping": (frame(PING, b"x", rsv=4), 1002),
    "54: RSV1 un-negotiated": (frame(TEXT, b"x", rsv=4), 1002),
    "54: RSV1 on a continuation": (frame(TEXT, b"x", fin=False) + frame(CONTINUATION, b"x", rsv=4), 1002),
}


def piecewise(socket: RawWebSocket, data: bytes) -> None:
    step = max(1, len(data) // 500)
    for start in range(0, len(data), step):
        socket.send_quietly(data[start : start + step])


@pytest.mark.parametrize("bytewise", [False, True], ids=["whole", "bytewise"])
@pytest.mark.parametrize("name", BAD_FRAMES)
def test_bad_frame_from_the_client_closes_with_its_code(
    proxy: Sheaf, recorder: Recorder, name: str, bytewise: bool
) -> None:
    data, code = BAD_FRAMES[name]
    lines_before = proxy.count_log_lines("protocol=websocket")
    with RawWebSocket(proxy.port, "/ws") as socket:
        upstream = recorder.latest.connection
        (piecewise if bytewise else RawWebSocket.send_quietly)(socket, data)
        received = socket.read_close()
        assert received.code == code, received
        socket.send_quietly(close_frame(code))
        assert socket.ended(5), "the connection does not end"
    wait_until(lambda: upstream.ended or b"\x88" in upstream.received[-140:], 3, "the upstream connection ends too")
    lines = wait_until(lambda: proxy.log_lines("protocol=websocket")[lines_before:], 3, "a log line")
    assert len(lines) == 1 and f"close_code={code}" in lines[0] and "end=client_" in lines[0], lines


def test_declared_length_over_the_limit_is_refused_before_its_payload(proxy: Sheaf) -> None:
    before = proxy.memory_kib()
    with RawWebSocket(proxy.port, "/ws") as socket:
        socket.send(frame(BINARY, b"", length_bytes=8, declared=1 << 40))
        assert socket.read_close().code == 1009
    assert is_sanitized() or proxy.memory_kib() - before < 2 * 1024


def test_bad_utf8_is_refused_before_the_message_is_over(proxy: Sheaf) -> None:
    with RawWebSocket(proxy.port, "/ws") as socket:
        socket.send(frame(TEXT, b"ok \xff and", fin=False))
        assert socket.read_close().code == 1007


def test_bad_utf8_is_refused_before_the_frame_is_over(proxy: Sheaf) -> None:
    """Autobahn 6.4.x, the strict form: the fault is in the first bytes of a frame that has not come whole."""
    with RawWebSocket(proxy.port, "/ws") as socket:
        socket.send(frame(TEXT, b"\xf4\x90\x80\x80" + bytes(1000))[:-900])
        assert socket.read_close().code == 1007


def test_answers_to_what_came_before_a_bad_frame_go_first(proxy: Sheaf, recorder: Recorder) -> None:
    """Autobahn 3.2 and its like in their strict form: whatever the backend sends until it has answered our Close."""
    with RawWebSocket(proxy.port, "/ws") as socket:
        upstream = recorder.latest.connection
        socket.send(frame(TEXT, b"question") + frame(TEXT, b"bad", rsv=4) + frame(TEXT, b"late"))
        wait_until(lambda: len(frames_at(upstream)) == 2, 3, "the backend gets the question and a Close")
        upstream.send(frame(TEXT, b"answer", masked=False) + close_frame(1002, masked=False))
        assert socket.read_message() == (TEXT, b"answer")
        assert socket.read_close().code == 1002
        assert socket.ended(5)
    question, close = frames_at(upstream)
    assert (question.opcode, question.payload) == (TEXT, b"question")
    assert (close.opcode, close.code) == (CLOSE, 1002)


def test_backend_that_goes_on_after_a_clients_bad_frame_is_not_waited_for(proxy: Sheaf, recorder: Recorder) -> None:
    with RawWebSocket(proxy.port, "/ws") as socket:
        upstream = recorder.latest.connection
        socket.send(frame(TEXT, b"bad", rsv=4))
        received = []
        for number in range(100):
            upstream.send(frame(TEXT, b"%d" % number, masked=False))
            received.append(socket.read_frame())
            if received[-1] is None or received[-1].opcode == CLOSE:
                break
            time.sleep(0.05)
        assert received[-1] is not None and received[-1].code == 1002
        assert [one.payload for one in received[:-1]] == [b"%d" % number for number in range(len(received) - 1)]
        assert socket.ended(5)


def test_backend_that_breaks_off_after_a_clients_bad_frame_delays_nothing(proxy: Sheaf, recorder: Recorder) -> None:
    with RawWebSocket(proxy.port, "/ws") as socket:
        upstream = recorder.latest.connection
        socket.send(frame(TEXT, b"bad", rsv=4))
        wait_until(lambda: frames_at(upstream), 3, "the backend gets a Close")
        upstream.close()
        assert socket.read_close().code == 1002


GOOD_FRAMES = {
    "49: a message of exactly the limit": (frame(BINARY, bytes(MAX_MESSAGE)), BINARY, bytes(MAX_MESSAGE)),
    "50: fragments of exactly the limit": (
        fragments(bytes(MAX_MESSAGE // 2), bytes(MAX_MESSAGE // 2), opcode=BINARY),
        BINARY,
        bytes(MAX_MESSAGE),
    ),
    "50: as many fragments as may be": (fragments(*[b"x"] * 8), TEXT, b"x" * 8),
    "51: a ping within a message": (
        frame(TEXT, b"a", fin=False) + frame(PING, b"p") + frame(CONTINUATION, b"b"),
        TEXT,
        b"ab",
    ),
    "51: empty fragments": (fragments(b"", b"a", b"", b"b", b""), TEXT, b"ab"),
    "52: a character over the border of fragments": (fragments("é".encode()[:1], "é".encode()[1:]), TEXT, "é".encode()),
    "52: the highest character": (frame(TEXT, b"\xf4\x8f\xbf\xbf"), TEXT, b"\xf4\x8f\xbf\xbf"),
    "52: any bytes in a binary message": (frame(BINARY, bytes(range(256))), BINARY, bytes(range(256))),
    "an empty text": (frame(TEXT), TEXT, b""),
    "an empty binary": (frame(BINARY), BINARY, b""),
    **{
        f"48: a length of {length}": (frame(BINARY, bytes(length)), BINARY, bytes(length))
        for length in (1, 125, 126, 127, 65535)
    },
}


@pytest.mark.parametrize("bytewise", [False, True], ids=["whole", "bytewise"])
@pytest.mark.parametrize("name", GOOD_FRAMES)
def test_good_frames_arrive_as_they_were_sent(sheaf: Sheaf, name: str, bytewise: bool) -> None:
    data, opcode, payload = GOOD_FRAMES[name]
    with RawWebSocket(sheaf.port) as socket:
        (piecewise if bytewise else RawWebSocket.send)(socket, data)
        assert socket.read_message() == (opcode, payload)


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999])
def test_every_code_that_may_be_sent_is_answered_in_kind(proxy: Sheaf, recorder: Recorder, code: int) -> None:
    with RawWebSocket(proxy.port, "/ws") as socket:
        upstream = recorder.latest.connection
        socket.send(close_frame(code, "héllo".encode()))

        def passed_on() -> bool:
            tail = upstream.received.split(b"\r\n\r\n", 1)[1]
            return len(tail) >= 14 and tail[0] == 0x88

        wait_until(passed_on, 3, "the Close goes upstream")
        tail = upstream.received.split(b"\r\n\r\n", 1)[1]
        assert tail[1] & 0x80, "a client's frame is not masked (RFC 6455 5.1)"
        assert apply_mask(tail[6:14], tail[2:6]) == code.to_bytes(2, "big") + "héllo".encode()
        upstream.send(close_frame(code, "héllo".encode(), masked=False))
        received = socket.read_close()
        assert (received.code, received.reason) == (code, "héllo")
        assert socket.ended(5)


def test_close_without_a_code_is_answered_without_one(sheaf: Sheaf) -> None:
    with RawWebSocket(sheaf.port) as socket:
        socket.send_frame(CLOSE)
        assert socket.read_close().code in (1000, 1005)
        assert socket.ended(5)


def test_pings_are_ponged_with_their_payload(proxy: Sheaf, recorder: Recorder) -> None:
    with RawWebSocket(proxy.port, "/ws") as socket:
        upstream = recorder.latest.connection
        for payload in (b"", b"x", bytes(125)):
            socket.send_frame(PING, payload)
            received = socket.read_frame()
            assert received is not None and (received.opcode, received.payload) == (PONG, payload)
        recorder.settle()
        assert upstream.received.endswith(b"\r\n\r\n"), "a ping went upstream: each side's are answered by Sheaf"


def test_a_ping_split_over_two_reads_is_ponged_though_more_follows_it(sheaf: Sheaf) -> None:
    ping = frame(PING, b"are you there")
    with RawWebSocket(sheaf.port) as socket:
        socket.send(ping[:9])
        time.sleep(0.1)
        socket.send(ping[9:] + frame(TEXT, b"and more"))
        received = [socket.read_frame(), socket.read_frame()]
        assert {(one.opcode, one.payload) for one in received if one} == {(PONG, b"are you there"), (TEXT, b"and more")}


def test_a_few_pings_at_once_are_ponged_each_in_order(proxy: Sheaf) -> None:
    with RawWebSocket(proxy.port, "/ws") as socket:
        socket.send(b"".join(frame(PING, b"%d" % number) for number in range(10)))
        received = [socket.read_frame() for _ in range(10)]
        assert [(one.opcode, one.payload) for one in received if one] == [(PONG, b"%d" % number) for number in range(10)]


def test_of_many_pings_at_once_the_latest_is_ponged(proxy: Sheaf) -> None:
    with RawWebSocket(proxy.port, "/ws") as socket:
        socket.send(b"".join(frame(PING, b"%d" % number) for number in range(20)))
        payloads = [b""]
        while payloads[-1] != b"19":
            received = socket.read_frame()
            assert received is not None and received.opcode == PONG
            payloads.append(received.payload)


def test_ping_flood_is_closed_with_1008(proxy: Sheaf) -> None:
    with RawWebSocket(proxy.port, "/ws") as socket:
        socket.send_quietly(frame(PING, b"x") * 200)
        assert socket.read_close().code == 1008


def test_pings_under_the_rate_are_all_right(proxy: Sheaf) -> None:
    with RawWebSocket(proxy.port, "/ws") as socket:
        for number in range(30):
            socket.send_frame(PING, b"%d" % number)
            received = socket.read_frame()
            assert received is not None and (received.opcode, received.payload) == (PONG, b"%d" % number)
            time.sleep(0.08)


def test_pongs_nobody_asked_for_are_ignored(sheaf: Sheaf) -> None:
    with RawWebSocket(sheaf.port) as socket:
        socket.send(frame(PONG, b"hello") * 20 + frame(TEXT, b"still here"))
        assert socket.read_message() == (TEXT, b"still here")


def test_unread_pongs_do_not_pile_up(make_sheaf, make_recorder) -> None:
    """A client that pings and never reads: only the latest ping needs an answer (RFC 6455 5.5.3)."""
    recorder = make_recorder(upgrade_answer, at_head=True)
    proxy = make_sheaf(recorder.url, {"limits": {"max_ping_rate": 100_000}})
    with RawWebSocket(proxy.port, "/ws", receive_buffer=4096, timeout=1) as socket:
        before, pings = proxy.memory_kib(), frame(PING, bytes(125)) * 1000
        try:
            for _ in range(200):
                socket.send(pings)
        except (TimeoutError, ConnectionError):
            pass  # not being read any more, or closed: both bound the memory
        assert is_sanitized() or proxy.memory_kib() - before < 4 * 1024
