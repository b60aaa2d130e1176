"""An application's end that breaks the mux protocol: its link is closed, and nothing else comes to harm.

Each row of "Violations" in proxy/wire/mux_frame.md, seen from the app's side, and beside them what looks alike and is right.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness import mux_records as records
from harness.frames import BINARY, CLOSE, TEXT, RawWebSocket, upgrade
from harness.modes import MUX_CONF
from harness.mux_fake_app import (
    AppLink,
    FakeApp,
    Script,
    accept,
    app_hello,
    group,
    multicast,
    polite,
    refuse,
    streams,
    to_group,
)
from harness.mux_records import BINARY_FLAG, GROUP_FLAG, MORE, Record
from harness.raw import RawClient, Response
from harness.reloading import ReloadableSheaf
from harness.sheaf import merged

WAIT = 15


class Stage:
    """A fake app and a Sheaf before it, with one worker, that gives it one link at a time."""

    def __init__(self, folder: Path) -> None:
        self.fake = FakeApp()
        self._tokens = itertools.count()
        conf = {
            "workers": 1,
            "pool": {"max_size": 20, "backoff_min": "10ms", "backoff_max": "50ms"},
            "limits": {"max_upstream_message": "1MiB"},
            "timeouts": {"response": "2s"},
        }
        self.proxy = ReloadableSheaf(folder, self.fake.url, merged(MUX_CONF, conf))
        self.port = self.proxy.port

    def play(self, script: Script, *, anew: bool = False) -> AppLink:
        """From now on clients come by links that follow the script; returns the first of these, when it has come about.
        `anew`: Sheaf asks an app again that did not speak mux the last time, for which it has a new token."""
        count = len(self.fake.links)
        self.fake.play(script)
        if anew:
            self.proxy.reload({"upstream": {"token": f"the-token-number-{next(self._tokens)}"}})
        return self.fake.nth(count)

    def stop(self) -> None:
        self.proxy.stop()
        self.fake.stop()


@pytest.fixture(scope="module")
def running(folder: Path) -> Iterator[Stage]:
    one = Stage(folder)
    yield one
    one.stop()


def is_well(stage: Stage, link: AppLink) -> None:
    """A client comes by a link of which nothing bad is to be said."""
    tunnels = stage.fake.tunnels
    with RawWebSocket(stage.port) as client:
        client.check_echo(b"all is well")
    assert stage.fake.tunnels == tunnels and not link.over.is_set()


@pytest.fixture
def stage(running: Stage) -> Iterator[Stage]:
    """After each test a polite app is served as if nothing had been."""
    yield running
    is_well(running, running.play(polite))


@pytest.fixture
def asking_again(running: Stage) -> Iterator[Stage]:
    """The same where the test's app does not speak mux."""
    yield running
    is_well(running, running.play(polite, anew=True))


def handshake(stage: Stage) -> Response:
    """The answer to a client's upgrade."""
    with RawClient(stage.port, timeout=WAIT) as client:
        return client.request(upgrade("/ws/echo"))


# ---- violations with a session open


def raw(kind: int, stream: int, payload: bytes = b"", flags: int = 0, length: int | None = None) -> bytes:
    """A record with any numbers."""
    size = len(payload) if length is None else length
    return struct.pack("<II", kind | flags | size << 8, stream) + payload


def one(kind: str, stream: int = 0, payload: bytes = b"", flags: int = 0) -> bytes:
    return Record(kind, stream, payload, flags).encode()


def several(*some: Record) -> bytes:
    return b"".join(record.encode() for record in some)


TEXT_TYPE = records.KINDS.index("TEXT")
OTHER = 4_000_000  # a stream that nobody has opened

# By name: what the app sends once it has accepted the session `s`; a list: several frames.
VIOLATIONS: dict[str, Callable[[int], bytes | str | list[bytes]]] = {
    "a text message": lambda s: "hello",
    "a header cut": lambda s: one("TEXT", s, b"a")[:7],
    "a payload cut": lambda s: one("TEXT", s, b"abc")[:-1],
    "bytes behind a record": lambda s: one("TEXT", s, b"abc") + b"\0",
    "an unknown type": lambda s: raw(14, s),
    "the largest type": lambda s: raw(31, 0),
    "an OPEN": lambda s: several(*records.opening(s + 1)),
    "a second HELLO": lambda s: app_hello().encode(),
    "BINARY flag on a TEXT": lambda s: one("TEXT", s, b"a", BINARY_FLAG),
    "GROUP flag on a BINARY": lambda s: one("BINARY", s, b"a", GROUP_FLAG),
    "MORE on a CREDIT": lambda s: one("CREDIT", s, b"\1\0\0\0", MORE),
    "MORE on a CLOSE": lambda s: one("CLOSE", s, b"\xe8\3", MORE),
    "MORE on a MULTICAST without a group": lambda s: one("MULTICAST", 0, streams(s) + b"a", MORE),
    "a TEXT for the link": lambda s: one("TEXT", 0, b"a"),
    "a PING for a session": lambda s: one("PING", s, bytes(8)),
    "a GOAWAY for a session": lambda s: one("GOAWAY", s, bytes(2)),
    "a MULTICAST for a session": lambda s: one("MULTICAST", s, streams(s) + b"a"),
    "group 0": lambda s: one("GROUP", 0, streams(s)),
    "group 65": lambda s: one("GROUP", 65, streams(s)),
    "a MULTICAST to group 65": lambda s: one("MULTICAST", 65, b"a", GROUP_FLAG),
    "a PING of 7 bytes": lambda s: one("PING", 0, bytes(7)),
    "a PONG of 9 bytes": lambda s: one("PONG", 0, bytes(9)),
    "a GOAWAY of 1 byte": lambda s: one("GOAWAY", 0, b"\0"),
    "a CREDIT of 3 bytes": lambda s: one("CREDIT", s, b"\1\0\0"),
    "a CLOSE of 1 byte": lambda s: one("CLOSE", s, b"\3"),
    "a CLOSE of 126 bytes": lambda s: one("CLOSE", s, b"\xe8\3" + b"x" * 124),
    "a CLOSE with 1015": lambda s: one("CLOSE", s, struct.pack("<H", 1015)),
    "a CLOSE whose reason is no UTF-8": lambda s: one("CLOSE", s, b"\xe8\3\xff"),
    "a TEXT of 65,536 bytes": lambda s: one("TEXT", s, bytes(65_536)),
    "a TEXT of the largest length, at once": lambda s: raw(TEXT_TYPE, s, b"abc", length=(1 << 24) - 1),
    "a MULTICAST with fewer streams than it says": lambda s: one("MULTICAST", 0, struct.pack("<II", 2, s)),
    "a MULTICAST whose count overflows": lambda s: one("MULTICAST", 0, struct.pack("<II", 1 << 30, s)),
    "a MULTICAST of 65,536 bytes": lambda s: one("MULTICAST", 0, streams(s) + bytes(65_536)),
    "a GROUP with bytes behind": lambda s: one("GROUP", 1, streams(s) + b"\0"),
    "a GROUP that descends": lambda s: one("GROUP", 1, streams(s + 1, s)),
    "a GROUP with one twice": lambda s: one("GROUP", 1, streams(s, s)),
    "a MULTICAST for nobody": lambda s: multicast(b"a", s, OTHER).encode(),
    "a MULTICAST for stream 0": lambda s: multicast(b"a", 0).encode(),
    "a TEXT for nobody": lambda s: one("TEXT", OTHER, b"a"),
    "a CREDIT for nobody": lambda s: records.credit(OTHER, 1).encode(),
    "a CLOSE for nobody": lambda s: records.close(OTHER).encode(),
    "an ACCEPT for nobody": lambda s: accept(OTHER).encode(),
    "a second ACCEPT": lambda s: accept(s).encode(),
    "a REFUSE after the ACCEPT": lambda s: several(*refuse(s, 403)),
    "a BODY without a REFUSE": lambda s: one("BODY", s, b"a"),
    "another type amid a message": lambda s: several(Record("TEXT", s, b"a", MORE), Record("BINARY", s, b"b")),
    "a MULTICAST amid a message": lambda s: several(Record("TEXT", s, b"a", MORE), multicast(b"b", s)),
    "a group that was not named": lambda s: to_group(7, b"a").encode(),
    "a GROUP amid its MULTICAST": lambda s: several(group(1, s), to_group(1, b"a", MORE), group(1, s)),
    "a group's binary piece amid its text": lambda s: several(
        group(1, s), to_group(1, b"a", MORE), to_group(1, b"b", BINARY_FLAG)
    ),
    "a session's message amid a MULTICAST": lambda s: several(
        group(1, s), to_group(1, b"a", MORE), Record("TEXT", s, b"b")
    ),
    "CREDIT of 0": lambda s: records.credit(s, 0).encode(),
    "CREDIT of 2^31": lambda s: records.credit(s, 1 << 31).encode(),
    "CREDIT of more than 2^31-1 in all": lambda s: several(*[records.credit(s, (1 << 31) - 1)] * 2),
    "CREDIT of 0 for the link": lambda s: records.credit(0, 0).encode(),
    "CREDIT of more than 2^31-1 in all for the link": lambda s: several(*[records.credit(0, (1 << 31) - 1)] * 2),
    "a TEXT that is no UTF-8": lambda s: one("TEXT", s, b"a\xff"),
    "a TEXT that ends amid a character": lambda s: several(Record("TEXT", s, b"\xe2\x82", MORE), Record("TEXT", s)),
    "a TEXT that is wrong in its second piece": lambda s: [
        one("TEXT", s, b"\xe2", MORE), one("TEXT", s, b"\xff", MORE)
    ],
    "a MULTICAST that is no UTF-8": lambda s: multicast(b"\xc0\xaf", s).encode(),
    "a MULTICAST to a group that is no UTF-8": lambda s: several(group(1, s), to_group(1, b"\xed\xa0\x80")),
}  # fmt: skip


@pytest.mark.parametrize("name", VIOLATIONS)
def test_violation_closes_the_link(stage: Stage, name: str) -> None:
    """With 1002; its clients get 1012; the log says it once."""

    def script(link: AppLink) -> None:
        link.greet()
        sent = VIOLATIONS[name](link.accepted())
        for frame in sent if isinstance(sent, list) else [sent]:
            link.send_frame(frame)

    link = stage.play(script)
    with RawWebSocket(stage.port) as client:
        assert read_close_code(client) == 1012
        assert link.over.wait(WAIT)
        assert link.close_code == 1002


def read_close_code(client: RawWebSocket) -> int:
    """Of the Close that comes, whatever messages come before it."""
    return client.read_close().code


BEFORE_THE_ANSWER: dict[str, Callable[[int], bytes]] = {
    "a TEXT before the ACCEPT": lambda s: one("TEXT", s, b"a"),
    "a CREDIT before the ACCEPT": lambda s: records.credit(s, 1).encode(),
    "a CLOSE before the ACCEPT": lambda s: records.close(s).encode(),
    "an ACCEPT without fields": lambda s: one("ACCEPT", s, b"\0\0"),
    "an ACCEPT that ends amid its fields": lambda s: accept(s, [("a", "b")]).encode()[:-1] + b"",
    "an ACCEPT with bytes behind": lambda s: one("ACCEPT", s, accept(s).payload + b"\0"),
    "an ACCEPT whose subprotocol is cut": lambda s: one("ACCEPT", s, b"\5\0abc"),
    "a REFUSE of 3 bytes": lambda s: one("REFUSE", s, b"\x93\1\0"),
    "a REFUSE whose fields are cut": lambda s: one("REFUSE", s, refuse(s, 403, [("a", "b")])[0].payload[:-1]),
    "a TEXT amid an ACCEPT": lambda s: several(Record("ACCEPT", s, b"\0\0", MORE), Record("TEXT", s, b"a")),
    "an ACCEPT of more than 128 KiB": lambda s: b"",  # in pieces, see below
}


@pytest.mark.parametrize("name", BEFORE_THE_ANSWER)
def test_violation_before_the_answer_closes_the_link(stage: Stage, name: str) -> None:
    def script(link: AppLink) -> None:
        link.greet()
        stream = link.opened()
        if "128 KiB" in name:
            for _ in range(3):
                link.send(Record("ACCEPT", stream, bytes(60_000), MORE))
        else:
            link.send_frame(BEFORE_THE_ANSWER[name](stream))

    link = stage.play(script)
    assert handshake(stage).status in (101, 502, 503)  # the upgrade may be tried again, without mux
    assert link.over.wait(WAIT)
    assert link.close_code == 1002


# ---- the first frame

FIRST_FRAMES: dict[str, bytes | str] = {
    "a text message": "HELLO",
    "a PING": one("PING", 0, bytes(8)),
    "another magic": app_hello().encode().replace(b"SHEAFMUX", b"SHEAFMUY"),
    "lowest over highest": app_hello(lowest=2, highest=1).encode(),
    "lowest 0": app_hello(lowest=0, highest=1).encode(),
    "too small a session window": app_hello(session_window=16_383).encode(),
    "too short": raw(0, 0, app_hello().payload[:-1]),
    "for a session": raw(0, 1, app_hello().payload),
    "twice": app_hello().encode() * 2,
}


@pytest.mark.parametrize("name", FIRST_FRAMES)
def test_wrong_first_frame_closes_the_link(asking_again: Stage, name: str) -> None:
    """What becomes of the client that waits is not said here, but that it gets an answer."""
    link = asking_again.play(lambda link: link.send_frame(FIRST_FRAMES[name]))
    assert handshake(asking_again).status in (101, 502, 503, 504)
    assert link.over.wait(WAIT)
    assert link.close_code == 1002


def test_app_that_says_nothing(asking_again: Stage) -> None:
    """No HELLO: the client is not left waiting for ever."""
    asking_again.play(lambda link: None)
    assert handshake(asking_again).status in (101, 502, 503, 504)


def test_no_common_version_means_the_tunnel(asking_again: Stage) -> None:
    """And the link is closed in order."""
    tunnels = asking_again.fake.tunnels
    link = asking_again.play(lambda link: link.greet(app_hello(lowest=2, highest=7)))
    with RawWebSocket(asking_again.port) as client:
        client.check_echo(b"through the tunnel")
    assert asking_again.fake.tunnels == tunnels + 1
    assert link.over.wait(WAIT)
    assert link.close_code == 1000


# ---- answers that are none: the session's end, not the link's

BAD_ANSWERS: dict[str, Callable[[int], list[Record]]] = {
    "a subprotocol that was not offered": lambda s: [accept(s, subprotocol="z")],
    "a line end in a value": lambda s: [accept(s, [("x-a", "b\r\nx-injected: 1")])],
    "a line end in a name": lambda s: [accept(s, [("x-a\r\nx-injected", "1")])],
    "a NUL in a value": lambda s: [accept(s, [("x-a", "a\0b")])],
    "a space in a name": lambda s: [accept(s, [("x a", "b")])],
    "an empty name": lambda s: [accept(s, [("", "b")])],
    "a REFUSE with 101": lambda s: refuse(s, 101),
    "a REFUSE with 200": lambda s: refuse(s, 200),
    "a REFUSE with 426": lambda s: refuse(s, 426),
    "a REFUSE with 600": lambda s: refuse(s, 600),
    "a REFUSE with a wrong field": lambda s: refuse(s, 403, [("x-a", "b\nc")]),
    "a REFUSE with a wrong field and a body": lambda s: refuse(s, 403, [("x-a", "b\nc")], b"body"),
}


@pytest.mark.parametrize("name", BAD_ANSWERS)
def test_answer_that_is_none_ends_the_session_alone(stage: Stage, name: str) -> None:
    def script(link: AppLink) -> None:
        link.greet()
        neighbour = link.accepted()
        stream = link.opened()
        link.send(*BAD_ANSWERS[name](stream))
        if not name.startswith("a REFUSE"):
            closed = link.next("CLOSE")
            assert (closed.stream, records.read_close(closed)[0]) == (stream, 1002)
            link.send(records.close(stream, 1002))
        link.send(Record("TEXT", neighbour, b"lives"))

    stage.play(script)
    with RawWebSocket(stage.port) as neighbour:
        answer = handshake(stage)
        assert answer.status == 502 and answer.get("x-injected") is None
        assert neighbour.read_message() == (TEXT, b"lives")


def test_message_over_the_limit_ends_the_session_alone(stage: Stage) -> None:
    """limits.max_upstream_message is 1 MiB; the app's end gets CLOSE 1009, and what crosses with it is dropped."""

    def script(link: AppLink) -> None:
        link.greet()
        neighbour, stream = link.accepted(), link.accepted()
        for _ in range(17):
            link.send(Record("BINARY", stream, bytes(65_535), MORE))
            link.next("CREDIT", "CLOSE")
        link.send(Record("BINARY", stream, b"the end"))
        link.send(Record("TEXT", neighbour, b"lives"))

    stage.play(script)
    with RawWebSocket(stage.port) as neighbour, RawWebSocket(stage.port) as client:
        assert read_close_code(client) == 1009
        assert neighbour.read_message() == (TEXT, b"lives")


# ---- flow control


def test_data_without_credit_closes_the_link(stage: Stage) -> None:
    """A client that reads nothing; the app goes on when its window is used up."""

    def script(link: AppLink) -> None:
        link.send(app_hello())
        window = struct.unpack("<8sHHIQIII", link.next("HELLO").payload[:36])[6]
        stream = link.accepted()
        for _ in range(window // 1000 + 40_000):
            link.send(Record("BINARY", stream, bytes(1000)))

    link = stage.play(script)
    with RawWebSocket(stage.port, receive_buffer=4096):
        assert link.over.wait(WAIT)
        assert link.close_code == 1002


# ---- the link's end


@pytest.mark.parametrize("how", ["drop", "close"])
def test_lost_link_ends_all_its_sessions_with_1012(stage: Stage, how: str) -> None:
    def script(link: AppLink) -> None:
        link.greet()
        for _ in range(5):
            link.accepted()
        link.drop() if how == "drop" else link._socket.close(1011, "why not")  # noqa: SLF001

    stage.play(script)
    clients = [RawWebSocket(stage.port) for _ in range(5)]
    assert [read_close_code(client) for client in clients] == [1012] * 5
    for client in clients:
        client.close()


def test_session_that_is_not_answered(stage: Stage) -> None:
    """timeouts.response is 2 s; the app is told that the client has gone, and the link lives."""
    told = []

    def script(link: AppLink) -> None:
        link.greet()
        neighbour, stream = link.accepted(), link.opened()
        closed = link.next("CLOSE")
        told.append((closed.stream == stream, records.read_close(closed)[0]))
        link.send(records.close(stream, told[0][1]), Record("TEXT", neighbour, b"lives"))

    stage.play(script)
    with RawWebSocket(stage.port) as neighbour:
        assert handshake(stage).status == 504
        assert neighbour.read_message() == (TEXT, b"lives")
    assert told[0][0]


# ---- what looks wrong and is right


def served_by(stage: Stage, sent: Callable[[int], list[bytes]], hello: Record | None = None) -> list[tuple[int, bytes]]:
    """The messages that a client gets of these frames, until a binary "end"."""

    def script(link: AppLink) -> None:
        link.greet(hello)
        stream = link.accepted()
        for frame in [*sent(stream), one("BINARY", stream, b"end")]:
            link.send_frame(frame)

    stage.play(script)
    with RawWebSocket(stage.port) as client:
        return list(itertools.takewhile(lambda message: message != (BINARY, b"end"), iter(client.read_message, None)))


RIGHT: dict[str, tuple[Callable[[int], list[bytes]], list[tuple[int, bytes]]]] = {
    "a CREDIT amid a message": (
        lambda s: [several(Record("TEXT", s, b"a", MORE), records.credit(s, 5), Record("TEXT", s, b"b"))],
        [(TEXT, b"ab")],
    ),
    "a CREDIT amid a MULTICAST": (
        lambda s: [several(group(1, s), to_group(1, b"a", MORE), records.credit(s, 5), to_group(1, b"b"))],
        [(TEXT, b"ab")],
    ),
    "a character over two pieces": (
        lambda s: [one("TEXT", s, b"\xe2\x82", MORE), one("TEXT", s, b"\xac")],
        [(TEXT, "€".encode())],
    ),
    "empty pieces": (
        lambda s: [several(*[Record("BINARY", s, b"", MORE)] * 3, Record("BINARY", s, b"x"), Record("TEXT", s))],
        [(BINARY, b"x"), (TEXT, b"")],
    ),
    "a MULTICAST to nobody": (lambda s: [multicast(b"a").encode()], []),
    "an empty group": (lambda s: [several(group(1, s), group(1), group(2), group(2, s), to_group(2, b"a"))], [(TEXT, b"a")]),
    "a group that is named again": (lambda s: [several(group(3), group(3, s), to_group(3, b"a"))], [(TEXT, b"a")]),
    "all groups": (
        lambda s: [several(*[group(number, s) for number in range(1, 65)], *[to_group(n, b"%d" % n) for n in range(1, 65)])],
        [(TEXT, b"%d" % number) for number in range(1, 65)],
    ),
    "a large message by a group": (
        lambda s: [group(1, s).encode(), *[to_group(1, b"x" * 65_535, MORE).encode()] * 3, to_group(1, b"y").encode()],
        [(TEXT, b"x" * 65_535 * 3 + b"y")],
    ),
    "a binary MULTICAST": (
        lambda s: [several(Record("MULTICAST", 0, streams(s) + b"\xff", BINARY_FLAG), group(1, s), to_group(1, b"\0", BINARY_FLAG))],
        [(BINARY, b"\xff"), (BINARY, b"\0")],
    ),
    "PING, PONG and GOAWAY": (
        lambda s: [several(Record("PING", 0, bytes(8)), Record("PONG", 0, bytes(8)), Record("GOAWAY", 0, b"\1\0"), Record("TEXT", s, b"a"))],
        [(TEXT, b"a")],
    ),
    "a frame of many": (
        lambda s: [several(*[Record("TEXT", s, b"%d" % number) for number in range(5000)])],
        [(TEXT, b"%d" % number) for number in range(5000)],
    ),
    "the largest message of a record": (
        lambda s: [one("TEXT", s, b"x" * 65_535), multicast(b"y" * 65_535, s).encode()],
        [(TEXT, b"x" * 65_535), (TEXT, b"y" * 65_535)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_what_looks_wrong_and_is_right(stage: Stage, name: str) -> None:
    sent, expected = RIGHT[name]
    assert served_by(stage, sent) == expected


def test_longer_hello_with_unknown_traits_and_a_higher_version(stage: Stage) -> None:
    payload = bytearray(app_hello(highest=9).payload + b"more of a later version")
    payload[12:16] = b"\xfe\xff\xff\xff"
    hello = Record("HELLO", 0, bytes(payload))
    assert served_by(stage, lambda s: [one("TEXT", s, b"a")], hello) == [(TEXT, b"a")]


def test_what_crosses_with_the_end_of_a_session_is_dropped(stage: Stage) -> None:
    """The client has closed; the app goes on for a while, and answers then."""

    def script(link: AppLink) -> None:
        link.greet()
        neighbour, stream = link.accepted(), link.accepted()
        closed = link.next("CLOSE")
        assert closed.stream == stream and records.read_close(closed) == (4001, "bye")
        link.send(Record("TEXT", stream, b"late"), multicast(b"later", stream, neighbour), records.credit(stream, 1))
        link.send(records.close(stream, 4001))
        link.send(group(1, stream, neighbour) if stream < neighbour else group(1, neighbour, stream), to_group(1, b"to the rest"))

    stage.play(script)
    with RawWebSocket(stage.port) as neighbour:
        with RawWebSocket(stage.port) as client:
            client.send_frame(CLOSE, struct.pack(">H", 4001) + b"bye")
            assert read_close_code(client) == 4001
        assert [neighbour.read_message() for _ in range(2)] == [(TEXT, b"later"), (TEXT, b"to the rest")]
