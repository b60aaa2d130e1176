"""The application's end of mux, record by record: the golden vectors, order under random sends, and random bytes."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import random
import struct
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sheaf_asgi import records as own
from sheaf_asgi.fields import FieldTable, encode_fields, read_fields
from sheaf_asgi.groups import Groups, define
from sheaf_asgi.hello import own_hello, process_id, read_hello
from sheaf_asgi.scope import Scopes

from harness import mux_records as records
from harness.mux_memory import MemoryLink
from harness.mux_records import Record
from harness.sheaf import ROOT, scaled

VECTORS = json.loads((ROOT / "tests/vectors/mux.json").read_text())["vectors"]
FLAGS = {"group": own.GROUP_FLAG, "binary": own.BINARY_FLAG, "more": own.MORE}
NAMES = [kind.lower() for kind in records.KINDS]
# What a Violation says, by the vectors' cause.
SAYS = {
    "unknown_type": "of type", "wrong_direction": "of type", "bad_flags": "with flags", "bad_stream": "for stream",
    "bad_length": r"with \d+ bytes", "cut_record": "ends amid", "bad_hello": "HELLO with", "bad_credit": "CREDIT of",
    "bad_payload": "OPEN|CLOSE|field|HELLO",
}  # fmt: skip


def unpacked(parts: list[Any]) -> bytes:
    """Bytes as the vectors have them."""
    whole = b""
    for part in parts:
        if isinstance(part, str):
            whole += bytes.fromhex(part)
        elif isinstance(part, list):
            whole += bytes.fromhex(part[0]) * part[1]
        else:
            whole += struct.pack(f"<{part['count']}I", *range(part["from"], part["from"] + part["count"]))
    return whole


def pairs(fields: list[Any]) -> list[tuple[bytes, bytes]]:
    return [(unpacked(name), unpacked(value)) for name, value in fields]


class Reading:
    """Reads frames as the link does, apart from its state."""

    def __init__(self) -> None:
        self.said: list[dict[str, Any]] = []
        self._head = b""

    def read(self, frame: bytes) -> None:
        for kind, more, stream, payload in own.read_records(frame):
            values = self._values(kind, more, payload)
            self.said.append({"type": NAMES[kind], "stream": stream, "more": more, "length": len(payload), **values})

    def _values(self, kind: int, more: bool, payload: bytes) -> dict[str, Any]:
        if kind == own.HELLO:
            return read_hello(payload)._asdict()
        if kind == own.OPEN:
            self._head += payload
            return {} if more else self._opened()
        if kind == own.CREDIT:
            return {"bytes": own.read_credit(payload)}
        if kind == own.CLOSE:
            return dict(zip(("code", "reason"), own.read_close(payload)))
        return {"reason": struct.unpack("<H", payload)[0]} if kind == own.GOAWAY else {"payload": payload}

    def _opened(self) -> dict[str, Any]:
        scope = Scopes({"path": "/.sheaf/mux"}, FieldTable()).make(self._head)
        query = scope["query_string"]
        address, port = scope["client"] or ("", 0)
        return {"scheme": scope["scheme"], "minor": int(scope["http_version"][-1]), "port": port, "address": address.encode(),
                "target": scope["raw_path"] + (b"?" + query if query else b""), "fields": scope["headers"]}  # fmt: skip


def expected(record: dict[str, Any]) -> dict[str, Any]:
    """What Reading says of a record of the vectors."""
    said = {**record, "more": "more" in record["flags"]}
    del said["flags"]
    for name in ("payload", "address", "target"):
        if name in said:
            said[name] = unpacked(said[name])
    if "fields" in said:
        said["fields"] = pairs(said["fields"])
    if said["type"] == "close":
        said["reason"] = unpacked(said["reason"]).decode()
    if said["type"] == "hello":
        del said["traits"], said["process"]
    return said


@pytest.mark.parametrize("vector", [one for one in VECTORS if one["to"] == "app"], ids=lambda one: one["name"])
def test_what_the_proxy_sends_is_read_as_the_vectors_say(vector: dict[str, Any]) -> None:
    reading = Reading()
    *before, last = [unpacked(frame) for frame in vector["frames"]] or [b""]
    for frame in before:
        reading.read(frame)
    if vector["error"] == "bad_utf8":
        return  # that is for the whole message to say: test_mux_asgi_violations.py
    if vector["error"]:
        with pytest.raises(own.Violation, match=SAYS[vector["error"]]):
            reading.read(last)
    else:
        reading.read(last)
    assert reading.said == [expected(record) for record in vector["records"]]


def encoded(record: dict[str, Any], vector: dict[str, Any]) -> bytes | None:
    """The record as the package's encoders make it; None for those that it never sends so."""
    kind, stream = record["type"], record["stream"]
    flags = sum(FLAGS[flag] for flag in record["flags"])
    if kind in ("text", "binary", "body", "ping", "pong"):
        return own.record(NAMES.index(kind), stream, unpacked(record["payload"]), flags)
    if kind == "credit":
        return own.credit(stream, record["bytes"])
    if kind == "close":
        return own.close(stream, record["code"], unpacked(record["reason"]))
    if kind == "multicast" and "streams" not in record:
        return own.record(own.MULTICAST, stream, unpacked(record["payload"]), flags)
    if kind == "multicast" and record["streams"]:
        keys = [own.u32(one) for (one,) in struct.iter_unpack("<I", unpacked(record["streams"]))]
        (parts,) = Groups().multicast(keys, unpacked(record["payload"]), flags)
        return b"".join(parts)
    if kind == "group":
        return define(stream, [own.u32(one) for (one,) in struct.iter_unpack("<I", unpacked(record["streams"]))])
    if kind == "accept" and len(vector["records"]) == 1:
        return b"".join(own.accept(stream, unpacked(record["subprotocol"]), encode_fields(pairs(record["fields"]))))
    if kind == "refuse":
        body = b"".join(unpacked(one["payload"]) for one in vector["records"][1:])
        return own.refuse(stream, record["status"], encode_fields(pairs(record["fields"])), body)[0]
    return None


@pytest.mark.parametrize(
    "vector", [one for one in VECTORS if one["to"] == "proxy" and not one["error"]], ids=lambda one: one["name"]
)
def test_what_the_package_encodes_are_the_vectors_bytes(vector: dict[str, Any]) -> None:
    frame = b"".join(unpacked(frame) for frame in vector["frames"])
    position = 0
    for record in vector["records"]:
        end = position + 8 + record["length"]
        made = encoded(record, vector)
        assert made is None or made == frame[position:end], record["type"]
        assert made is not None or record["type"] in ("hello", "goaway", "accept", "multicast")
        position = end
    assert position == len(frame)


def test_hello_says_what_the_contract_wants() -> None:
    said = records.read_hello(records.decode(own_hello(123, True))[0])
    assert (said.lowest, said.highest, said.traits, said.largest) == (1, 1, 1, 123)
    assert (said.link_window, said.session_window, said.process) == (49_152, 262_144, process_id())


def test_fields_are_shared_but_for_what_is_a_clients_own() -> None:
    table = FieldTable()
    block = encode_fields([(b"Host", b"example"), (b"Cookie", b"secret")])
    first, second = read_fields(block, 0, table), read_fields(block, 0, table)
    assert first == second == [(b"host", b"example"), (b"cookie", b"secret")]
    assert first[0] is second[0] and first[1] is not second[1] and first[1][0] is second[1][0]
    for number in range(3 * FieldTable.MOST):
        table.field(b"x", str(number).encode())
    assert len(table._fields) <= FieldTable.MOST
    assert not [field for field in table._fields if field[0] == b"cookie"]


def test_lists_of_the_same_ends_and_length_are_not_taken_for_each_other() -> None:
    groups = Groups()
    first = [own.u32(stream) for stream in range(1, 31)]
    second = [*first[:10], own.u32(1000), *first[11:]]
    for recipients in (first, first, second, second, first, first):
        sent = [records.decode(b"".join(parts))[0] for parts in groups.multicast([*recipients], b"x", 0)]
        named = [records.read_streams(one.payload)[0] for one in sent if one.kind == "GROUP"]
        listed = [records.read_streams(one.payload)[0] for one in sent if one.kind == "MULTICAST" and one.stream == 0]
        expected_streams = sorted(struct.unpack("<30I", b"".join(recipients)))
        assert [sorted(streams) for streams in named + listed] == [expected_streams], "neither named nor listed anew"


class Sessions:
    """An application that hands its sends to the test."""

    def __init__(self) -> None:
        self.sends: dict[int, Callable[[dict[str, Any]], Awaitable[None]]] = {}

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        stream = int(scope["query_string"])
        self.sends[stream] = send
        while (await receive())["type"] != "websocket.disconnect":
            pass
        self.sends.pop(stream, None)


@pytest.mark.parametrize("seed", range(4))
def test_no_message_is_lost_doubled_or_out_of_order(seed: int) -> None:
    asyncio.run(asyncio.wait_for(send_at_random(random.Random(seed), scaled(300, 60)), 60))


async def send_at_random(chance: random.Random, turns: int) -> None:
    """Shared messages, own ones and large ones interleaved, while sessions come and go and credit runs out."""
    app = Sessions()
    link = MemoryLink(app, window=65_536)
    await link.start()
    sent: dict[int, list[str | bytes]] = defaultdict(list)
    waiting: list[asyncio.Task[None]] = []
    opened = 0
    shared: list[str | bytes] = ["tick", "\u20ac", b"\x00\xff", "", b""]

    async def send(stream: int, message: str | bytes) -> None:
        kind = "text" if isinstance(message, str) else "bytes"
        await app.sends[stream]({"type": "websocket.send", kind: message})

    for turn in range(turns):
        while len(app.sends) < 30:
            opened += 1
            link.open(opened, f"/?{opened}")
            await link.turn(3)
        streams = [stream for stream in app.sends if link.checker.streams[stream].state == "accepted"]
        messages = chance.sample(shared, 2) + [f"turn {turn}"]
        if chance.random() < 0.1:
            messages.append("large" * chance.choice([13_108, 20_000]) + str(turn))
        for message in messages:
            for stream in chance.sample(streams, chance.randrange(len(streams) + 1)):
                if chance.random() < 0.2:
                    own_message = f"own {turn} {stream}"
                    sent[stream].append(own_message)
                    waiting.append(asyncio.create_task(send(stream, own_message)))
                sent[stream].append(message)
                waiting.append(asyncio.create_task(send(stream, message)))
        await link.turn(chance.randrange(4))
        for stream in chance.sample(streams, 5):
            link.checker.streams[stream].credit += 200_000
            link.up(records.credit(stream, 200_000).encode())
        if chance.random() < 0.3:
            gone = chance.choice(streams)
            link.up(records.close(gone).encode())
            link.checker.closed(gone)
            app.sends.pop(gone)
    for stream in app.sends:
        link.checker.streams[stream].credit += 1 << 28
        link.up(records.credit(stream, 1 << 28).encode())
    await link.turn(2000)
    for stream, session in link.checker.streams.items():
        if session.state == "accepted":
            assert session.messages == sent[stream]
        else:
            assert session.messages == sent[stream][: len(session.messages)]
    assert link.checker.multicasts > turns
    await link.stop()
    await asyncio.gather(*waiting, return_exceptions=True)


def test_a_large_message_waits_for_all_records_of_the_one_before_it() -> None:
    asyncio.run(asyncio.wait_for(send_large_behind_a_group(), 60))


async def send_large_behind_a_group() -> None:
    """The half frame after which large messages have their turn is full between a GROUP and its MULTICAST."""
    app = Sessions()
    link = MemoryLink(app)
    await link.start()
    streams = range(1, 31)
    for stream in streams:
        link.open(stream, f"/?{stream}")
    await link.turn()

    async def send(stream: int, data: bytes) -> None:
        await app.sends[stream]({"type": "websocket.send", "bytes": data})

    sent: dict[int, list[bytes]] = defaultdict(list)
    group = len(records.Record("GROUP", 1, struct.pack("<31I", 30, *streams)).encode())
    before = [bytes([number]) * (own.MAX_FRAME // 8 - own.HEADER_SIZE - group // 8) for number in range(4)]
    for messages in [[b"first"], [*before, b"second"]]:
        for message in messages:
            for stream in [1] if message in before else streams:
                sent[stream].append(message)
                await send(stream, message)
        if len(messages) == 1:
            await link.turn()
    sent[7].append(b"large" * 20_000)
    await send(7, sent[7][-1])
    await link.turn(100)
    assert {stream: link.checker.streams[stream].messages for stream in streams} == sent
    await link.stop()


def mutated(chance: random.Random, frame: bytes) -> bytes:
    """A frame with some bytes changed, cut out, doubled or put in."""
    data = bytearray(frame)
    for _ in range(chance.randrange(1, 4)):
        at = chance.randrange(len(data) + 1)
        what = chance.randrange(4)
        if what == 0 and at < len(data):
            data[at] ^= 1 << chance.randrange(8)
        elif what == 1:
            del data[at : at + chance.randrange(9)]
        elif what == 2:
            data[at:at] = data[at : at + chance.randrange(20)]
        else:
            data[at:at] = chance.randbytes(chance.randrange(9))
    return bytes(data)


@pytest.mark.parametrize("seed", range(4))
def test_any_bytes_close_the_link_or_not_but_raise_nothing(seed: int, caplog: pytest.LogCaptureFixture) -> None:
    asyncio.run(asyncio.wait_for(feed(random.Random(seed), scaled(400, 100)), 100))
    assert [line for line in caplog.records if line.levelno >= logging.ERROR and "versions" not in line.getMessage()] == []


async def feed(chance: random.Random, links: int) -> None:
    """Frames of the vectors and what is right amid a session's life, as they are and changed at random."""
    vectors = [unpacked(frame) for vector in VECTORS for frame in vector["frames"]]
    vectors = [frame for frame in vectors if len(frame) < 2000]
    some = [Record("TEXT", 1, b"hello"), Record("BINARY", 1, bytes(50)), records.credit(1, 70), records.credit(0, 1),
            Record("PING", 0, b"12345678"), Record("GOAWAY", 0, b"\1\0"), Record("TEXT", 1, b"caf\xc3\xa9")]  # fmt: skip
    closed = 0
    for _ in range(links):
        app = Sessions()
        link = MemoryLink(app)
        await link.start()
        link.open(1, "/?1")
        for _ in range(chance.randrange(1, 8)):
            frame = b"".join(one.encode() for one in chance.sample(some, 3))
            frame = chance.choice([frame, frame, frame, mutated(chance, frame), chance.choice(vectors), chance.randbytes(40)])
            link.up(mutated(chance, frame) if chance.random() < 0.1 else frame)
        await link.turn()
        closed += link.closed is not None
        assert link.closed in (None, 1002)
        await link.stop()
    assert 0 < closed < links


def test_a_link_that_is_cancelled_takes_its_sessions_along_quietly(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        app = Sessions()
        link = MemoryLink(app)
        await link.start()
        for stream in range(1, 50):
            link.open(stream, f"/?{stream}")
        await link.turn()
        await link.cancel()

    asyncio.run(asyncio.wait_for(run(), 20))
    assert caplog.records == []


def test_a_lost_link_ends_only_when_its_handlers_have() -> None:
    finished: list[str] = []

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        await receive()
        event = await receive()
        await asyncio.sleep(0.05)
        finished.append(f"{event['type']} {event['code']}")

    async def run() -> None:
        for code in (1006, 1012, 1000):
            link = MemoryLink(app)
            await link.start()
            link.open(1)
            await link.turn()
            await link.stop(code)

    asyncio.run(run())
    assert finished == [f"websocket.disconnect {code}" for code in (1006, 1012, 1006)]


def test_what_was_sent_is_no_container_for_the_garbage_collector() -> None:
    async def run() -> None:
        app = Sessions()
        link = MemoryLink(app)
        await link.start()
        for stream in range(1, 201):
            link.open(stream, f"/?{stream}")
        await link.turn(10)
        gc.collect()
        gc.disable()
        before = gc.get_count()[0]
        for stream, send in app.sends.items():
            await send({"type": "websocket.send", "text": f"own {stream}"})
        made = gc.get_count()[0] - before
        gc.enable()
        assert made < 20, f"{made} containers for 200 messages"
        await link.turn()
        await link.stop()

    asyncio.run(run())


def test_credit_is_counted_by_both_ends_alike() -> None:
    """Messages of every length at which the count changes, for one session and, as one object, for two."""
    sessions: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        sessions.append(scope["extensions"]["sheaf"]["session"])
        await receive()

    async def everything() -> None:
        link = MemoryLink(app, window=2_000_000)
        await link.start()
        for stream in (1, 2):
            link.open(stream)
        await link.turn()
        for size in (0, 1, 7, 8, 9, 65_535, 65_536, 65_542, 65_543, 131_070, 131_077):
            shared = "s" * size
            for session in sessions:
                await session.send({"type": "websocket.send", "text": shared})
            await sessions[0].send({"type": "websocket.send", "bytes": b"o" * size})
            await link.turn(50)
            assert [one.credit for one in sessions] == [link.checker.streams[one.stream].credit for one in sessions]
        await link.stop()

    asyncio.run(asyncio.wait_for(everything(), 20))
