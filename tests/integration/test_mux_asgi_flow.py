"""The application's end of mux: credit in both directions, large messages, and turns."""

from __future__ import annotations

import json
import struct

import pytest

from harness import mux_records as records
from harness.backend import Backend
from harness.fixtures import linked
from harness.mux_driver import MuxDriver
from harness.mux_records import MORE, UP, Record
from harness.ports import wait_until
from harness.raw import get

WINDOW = 262_144

app, link = linked()


def send_large(link: MuxDriver, stream: int, payload: bytes, kind: str = "BINARY") -> None:
    """Sends a message in pieces, keeping to the link's window and the session's."""
    before = link.checker.given[stream]
    sent = 0
    for piece in records.pieces(kind, stream, payload):
        link.read_until(lambda: sent - (link.checker.given[stream] - before) < WINDOW)
        link.send(piece)
        sent += len(piece.payload)
        link.next("CREDIT", 0)


def test_messages_of_no_bytes_use_up_credit_too(link: MuxDriver) -> None:
    """First of all: later the handler hears."""
    deaf, other = link.accepted("/deaf?flood"), link.accepted("/echo?beside")
    for _ in range(WINDOW // (8 * 1024)):
        link.send(*[Record("TEXT", deaf, b"")] * 1024)
        link.take(lambda one: one == records.credit(0, 8 * 1024))
    link.text(other, "still here")
    assert link.messages(other, 1) == ["still here"]
    link.send(Record("TEXT", deaf, b""))
    assert link.close_code() == 1002


def test_every_frame_is_credited_to_the_link_at_once(link: MuxDriver) -> None:
    stream = link.accepted("/deaf?credit")
    before = link.checker.given[0]
    link.send(Record("BINARY", stream, bytes(UP)), Record("TEXT", stream, b"abc"), Record("PING", 0, b"12345678"))
    link.next("PONG")
    link.read_until(lambda: link.checker.given[0] == before + UP + 8)
    assert link.frames[-1] == [records.credit(0, UP + 8)] or records.credit(0, UP + 8) in link.frames[-1]


def test_a_handler_that_never_receives_stops_its_client_alone(app: Backend, link: MuxDriver) -> None:
    deaf = link.accepted("/deaf?alone")
    for _ in range(WINDOW // UP):
        link.send(Record("BINARY", deaf, bytes(UP)))
        link.next("CREDIT", 0)
    echo = link.accepted("/echo?beside")
    link.text(echo, "hello")
    assert link.messages(echo, 1) == ["hello"]
    assert link.checker.given[deaf] == 0
    assert get(app.port).status == 200
    link.read_until(lambda: link.checker.given[deaf] == WINDOW)
    link.close(deaf)
    wait_until(lambda: f"NOTE alone heard {WINDOW // UP}" in app.log(), 5, "all were received")


def test_a_client_that_never_reads_stops_its_handler_alone(app: Backend, link: MuxDriver) -> None:
    flood = link.accepted("/flood?alone")
    link.messages(flood, WINDOW // 1024)
    echo = link.accepted("/echo?beside")
    link.text(echo, "hello")
    assert link.messages(echo, 1) == ["hello"]
    assert link.checker.streams[flood].credit == 0
    link.credit(flood, 1)
    assert len(link.messages(flood, WINDOW // 1024 + 1)) == WINDOW // 1024 + 1
    link.close(flood)
    wait_until(lambda: f"NOTE alone flooded {WINDOW // 1024 + 1}" in app.log(), 5, "the handler is told")


@pytest.mark.parametrize("size", [65_535, 65_536, 65_537, 1_000_000])
def test_large_messages_pass_both_ways(link: MuxDriver, size: int) -> None:
    stream = link.accepted("/echo?large")
    payload = (b"0123456789" * (size // 10 + 1))[:size]
    send_large(link, stream, payload)
    session = link.checker.streams[stream]
    while not session.messages:
        if session.credit <= 0:
            link.credit(stream, 100_000)
        link.next(stream=stream)
    assert session.messages == [payload]


def test_a_text_is_cut_amid_a_character_and_put_together(link: MuxDriver) -> None:
    stream = link.accepted("/echo?cut")
    text = "\u20ac" * 30_000
    send_large(link, stream, text.encode(), "TEXT")
    assert link.messages(stream, 1) == [text]
    kinds = [record for frame in link.frames for record in frame if record.kind == "TEXT"]
    assert [record.more for record in kinds] == [True, False]


def test_a_large_message_waits_for_credit_and_others_pass_it(link: MuxDriver) -> None:
    large, echo = link.accepted("/own?large"), link.accepted("/echo?beside")
    link.text(large, "1000000")
    link.read_until(lambda: link.checker.streams[large].credit <= 0)
    link.text(large, "5")
    link.text(echo, "hello")
    assert link.messages(echo, 1) == ["hello"]
    link.credit(large, 2_000_000)
    first, second = link.messages(large, 2)
    assert (len(first), second) == (1_000_000, b"BBBBB")


def test_large_messages_take_turns_with_each_other_and_with_small_ones(link: MuxDriver) -> None:
    streams = [link.accepted("/own?turns") for _ in range(3)]
    echo = link.accepted("/echo?turns")
    for stream in streams:
        link.credit(stream, 2_000_000)
    link.send(*[Record("TEXT", stream, b"1000000") for stream in streams], Record("TEXT", echo, b"hello"))
    for stream in streams:
        link.messages(stream, 1)
    order = [record.stream for frame in link.frames for record in frame if record.kind in ("BINARY", "TEXT")]
    pieces = [stream for stream in order if stream in streams]
    assert len(pieces) == 48
    assert all(len(set(pieces[at : at + 3])) == 3 for at in range(0, 45, 3)), "they do not take turns"
    assert echo in order[:4]
    assert all(sum(record.more for record in frame) <= 2 for frame in link.frames)


def test_a_message_before_a_large_one_comes_before_it_and_one_after_it_after(link: MuxDriver) -> None:
    stream = link.accepted("/room?order")
    link.text(stream, json.dumps(["loop", ["a", ["b", 70_000], "c", ["d", 70_000], "e"]]))
    assert link.messages(stream, 5) == ["a", "b" * 70_000, "c", "d" * 70_000, "e"]


def test_a_large_broadcast_is_no_copy_each_and_keeps_the_order(link: MuxDriver) -> None:
    streams = [link.accepted("/room?cast") for _ in range(5)]
    link.text(streams[0], json.dumps(["loop", ["a", ["b", 100_000], "c"]]))
    for stream in streams:
        assert link.messages(stream, 3) == ["a", "b" * 100_000, "c"]
    sent = sum(len(record.payload) for frame in link.frames for record in frame)
    assert sent < 120_000


def test_a_client_that_leaves_amid_a_large_broadcast_takes_nothing_from_the_others(link: MuxDriver) -> None:
    streams = [link.accepted("/room?leave") for _ in range(3)]
    link.text(streams[0], json.dumps(["broadcast", [["b", 200_000], "c"]]))
    link.close(streams[1])
    for stream in (streams[0], streams[2]):
        assert link.messages(stream, 2) == ["b" * 200_000, "c"]


def test_a_client_that_leaves_amid_a_large_message_stops_it(link: MuxDriver) -> None:
    large, echo = link.accepted("/own?gone"), link.accepted("/echo?gone")
    link.text(large, "10000000")
    link.read_until(lambda: link.checker.streams[large].credit <= 0)
    link.close(large)
    link.text(echo, "hello")
    assert link.messages(echo, 1) == ["hello"]


def test_a_client_message_over_the_limit_closes_its_session_with_1009(link: MuxDriver, app: Backend) -> None:
    assert link.app.largest == 16 << 20
    stream = link.accepted("/echo?huge")
    piece = Record("BINARY", stream, bytes(UP), MORE)
    sent = 0
    while sent <= link.app.largest:
        link.read_until(lambda: sent - link.checker.given[stream] < WINDOW)
        link.send(piece)
        sent += UP
        if sent <= link.app.largest:
            link.next("CREDIT", 0)
    assert records.read_close(link.next("CLOSE", stream)) == (1009, "")
    wait_until(lambda: "NOTE huge disconnect 1009 -" in app.log(), 5, "the application is told")


def test_a_message_over_the_proxys_limit_closes_its_session_with_1009(app: Backend) -> None:
    with MuxDriver(app.port, records.hello(largest=1000)) as link:
        stream = link.accepted("/own?over")
        link.text(stream, "1000")
        assert len(link.messages(stream, 1)[0]) == 1000
        link.text(stream, "1001")
        assert records.read_close(link.next("CLOSE", stream)) == (1009, "")


def test_credit_tells_what_the_application_has_received(link: MuxDriver) -> None:
    stream = link.accepted("/own?received")
    for _ in range(10):
        link.send(Record("TEXT", stream, b" " * 16_000 + b"1"))
        link.next("CREDIT", 0)
    link.messages(stream, 10)
    given = [struct.unpack("<I", r.payload)[0] for f in link.frames for r in f if (r.kind, r.stream) == ("CREDIT", stream)]
    assert 10 * 16_001 - sum(given) < WINDOW // 4 and min(given) >= WINDOW // 4
