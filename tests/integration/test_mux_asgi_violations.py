"""What breaks the protocol closes the link with 1002, says why in the log, and ends the sessions with 1006."""

from __future__ import annotations

import pytest

from harness import mux_records as records
from harness.backend import Backend
from harness.fixtures import linked
from harness.mux_driver import MuxDriver, connect_link
from harness.mux_records import MORE, Record
from harness.ports import wait_until

app, _ = linked()


def raw(*some: Record) -> bytes:
    return b"".join(one.encode() for one in some)


def opening(stream: int, target: str = "/echo", **more: int) -> Record:
    return Record("OPEN", stream, records.open_payload(target, **more))


# Session 1 is accepted, session 2 is not answered; the last id is 2. What is sent, and what the log says of it.
TEXT_1 = Record("TEXT", 1, b"a", MORE)
AFTER_HELLO: dict[str, tuple[bytes | str, str]] = {
    "a second HELLO": (raw(records.hello()), "a second HELLO"),
    "a text message": ("hello", "a text message"),
    "a frame that ends amid a header": (raw(Record("PONG", 0, b"12345678"))[:-12], "amid a record's header"),
    "a frame that ends amid a record": (raw(Record("TEXT", 1, b"abc"))[:-1], "amid a record"),
    "a frame too large": (raw(*[Record("TEXT", 1, b"")] * 16_385), "a frame of 131080 bytes"),
    "an unknown type": (b"\x0e" + bytes(7), "a record of type 14"),
    "a type of the app's": (raw(Record("ACCEPT", 1, bytes(4))), "a record of type 2"),
    "a flag": (raw(Record("CLOSE", 1, b"\xe8\x03", MORE)), "a record of type 10 with flags"),
    "a stream where none belongs": (raw(Record("PING", 1, b"12345678")), "a record of type 12 for stream 1"),
    "no stream where one belongs": (raw(Record("TEXT", 0, b"x")), "a record of type 5 for stream 0"),
    "a payload over the limit upwards": (raw(Record("TEXT", 1, bytes(16_385))), "a record of type 5 with 16385 bytes"),
    "an OPEN that does not fit": (raw(Record("OPEN", 3, b"\0\1")), "an OPEN that ends amid its texts"),
    "an OPEN without a target": (raw(opening(3, "")), "a target of 0 bytes"),
    "an OPEN of an old stream": (raw(opening(2)), "an OPEN of session 2 after one of 2"),
    "a record amid an OPEN": (raw(Record("OPEN", 3, b"x", MORE), Record("PING", 0, b"12345678")), "amid an OPEN"),
    "another OPEN amid an OPEN": (raw(Record("OPEN", 3, b"x", MORE), opening(4)), "amid an OPEN"),
    "a stream that was never opened": (raw(Record("TEXT", 3, b"x")), "session 3, which was never opened"),
    "a CLOSE of such a one": (raw(records.close(3)), "session 3, which was never opened"),
    "TEXT before ACCEPT": (raw(Record("TEXT", 2, b"x")), "session 2, which is not accepted"),
    "CREDIT before ACCEPT": (raw(records.credit(2, 1)), "session 2, which is not accepted"),
    "another type amid a message": (raw(TEXT_1, Record("BINARY", 1, b"b")), "another type amid a message of session 1"),
    "a CREDIT of 0": (raw(records.credit(1, 0)), "a CREDIT of 0"),
    "a CREDIT of 2^31": (raw(records.credit(1, 2**31)), "a CREDIT of 2147483648"),
    "credit for more than 2^31-1": (raw(records.credit(1, 2**31 - 1)), "a credit of more than 2^31-1 for session 1"),
    "TEXT that is no UTF-8": (raw(Record("TEXT", 1, b"\xc3(")), "a text of session 1 that is no UTF-8"),
    "TEXT that is none as a whole": (raw(TEXT_1, Record("TEXT", 1, b"\xc3")), "a text of session 1 that is no UTF-8"),
    "a CLOSE with a code of nobody's": (raw(records.close(1, 999)), "a CLOSE with code 999"),
    "a CLOSE whose reason is no UTF-8": (raw(Record("CLOSE", 1, b"\xe8\x03\xff")), "a CLOSE whose reason is no UTF-8"),
}


@pytest.mark.parametrize("name", AFTER_HELLO)
def test_a_violation_closes_the_link(app: Backend, name: str) -> None:
    frame, why = AFTER_HELLO[name]
    before = app.log().count(why)
    with MuxDriver(app.port) as link:
        assert link.accepted(f"/echo?{name}") == 1
        link.open("/mute?")
        link.socket.send(frame)
        assert link.close_code() == 1002
    lines = [line for line in app.log().splitlines() if "link closed with 1002" in line and why in line]
    assert lines and app.log().count(why) > before
    wait_until(lambda: f"NOTE {name} disconnect 1006 -" in app.log(), 5, "the session is told")


@pytest.mark.parametrize("name, frame", {
    "no HELLO": raw(Record("PING", 0, b"12345678")),
    "nothing": b"",
    "HELLO and more": raw(records.hello(), Record("PING", 0, b"12345678")),
    "other magic": raw(Record("HELLO", 0, b"SHEAFMUY" + records.hello().payload[8:])),
    "versions that are no range": raw(records.hello(lowest=2, highest=1)),
    "version 0": raw(records.hello(lowest=0)),
    "a small window": raw(records.hello(session_window=16_383)),
}.items())  # fmt: skip
def test_a_wrong_first_frame_closes_the_link(app: Backend, name: str, frame: bytes) -> None:
    with connect_link(app.port) as socket:
        records.read_hello(records.decode(socket.recv(timeout=10))[0])  # type: ignore[arg-type]
        socket.send(frame)
        with pytest.raises(Exception) as closed:
            socket.recv(timeout=10)
        assert closed.value.rcvd.code == 1002  # type: ignore[attr-defined]


def test_a_hello_without_a_common_version_leaves_closing_to_the_proxy(app: Backend) -> None:
    with connect_link(app.port) as socket:
        socket.recv(timeout=10)
        socket.send(raw(records.hello(lowest=2, highest=9)))
        socket.close(1000)
        assert socket.close_code == 1000
    assert "speaks versions 2 to 9" in app.log()


def test_data_without_credit_closes_the_link(app: Backend) -> None:
    with MuxDriver(app.port) as link:
        stream = link.accepted("/deaf?")
        sent = 0
        while sent < 262_144:
            link.send(Record("BINARY", stream, bytes(16_384)))
            link.next("CREDIT", 0)
            sent += 16_384
        link.quiet()
        link.send(Record("BINARY", stream, b"x"))
        assert link.close_code() == 1002
    assert f"data without credit for session {stream}" in app.log()


def test_a_frame_over_the_links_window_closes_the_link(app: Backend) -> None:
    with MuxDriver(app.port) as link:
        stream = link.accepted("/deaf?")
        link.send(*[Record("BINARY", stream, bytes(16_384))] * 3)
        link.next("CREDIT", 0)
        link.send(*[Record("BINARY", stream, bytes(16_384))] * 3, Record("BINARY", stream, b"x"))
        assert link.close_code() == 1002
    assert "data without credit for the link" in app.log()


def test_an_open_that_has_begun_needs_no_more_credit(app: Backend) -> None:
    """Its pieces follow each other whatever the window: heads of 64 KiB are any client's to send."""
    with MuxDriver(app.port) as link:
        deaf = link.accepted("/deaf?")
        link.checker.opened(deaf + 1)
        link.send(
            *[Record("BINARY", deaf, bytes(16_384))] * 2,
            *records.opening(deaf + 1, "/echo", [("x-long", "x" * 50_000)]),
        )
        assert link.next("ACCEPT").stream == deaf + 1


def test_an_open_over_its_limit_closes_the_link(app: Backend) -> None:
    with MuxDriver(app.port) as link:
        for _ in range(8):
            link.send(Record("OPEN", 1, bytes(16_384), MORE))
            link.next("CREDIT", 0)
        link.send(Record("OPEN", 1, b"x"))
        assert link.close_code() == 1002
    assert "an OPEN of more than 131072 bytes" in app.log()
