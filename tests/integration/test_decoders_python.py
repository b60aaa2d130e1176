"""The Python decoders by themselves: golden vectors, the law of envelopes.md, and the helper for `websockets`."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Coroutine
from itertools import groupby
from typing import Any

import pytest
from sheaf_batch import EnvelopeError, Message, decode_frame, with_envelope
from sheaf_batch.websockets import batch_connect, batch_connect_sync
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK
from websockets.sync.server import ServerConnection

from harness.batch_server import BatchServer, frames
from harness.sheaf import ROOT

VECTORS = json.loads((ROOT / "tests/vectors/envelopes.json").read_text())


def cases(kind: str) -> list[Any]:
    return [
        pytest.param(envelope, vector, id=f"{envelope}: {vector['name']}")
        for envelope, lists in VECTORS.items()
        for vector in lists[kind]
    ]


def payload(item: dict[str, Any]) -> Message:
    """The payload of a message or frame of the vectors."""
    data = item["data"]
    if isinstance(data, list):
        data = "".join(piece if isinstance(piece, str) else piece[0] * piece[1] for piece in data)
    return data if item["type"] == "text" else bytes.fromhex(data)


def same_packet(got: Message, wanted: Message) -> bool:
    """Equal, or, as rebuilt events are allowed to be, equal but for white space around name and argument."""
    if got == wanted or isinstance(got, bytes) or isinstance(wanted, bytes):
        return got == wanted
    head, bracket, rest = wanted.partition("[")
    # repr: NaN is not equal to itself
    return got.startswith(head + bracket) and repr(json.loads(got[len(head) :])) == repr(json.loads(bracket + rest))


@pytest.mark.parametrize("envelope,vector", cases("encode"))
def test_frames_of_the_vectors_give_the_messages(envelope: str, vector: dict[str, Any]) -> None:
    got = [message for frame in vector["frames"] for message in decode_frame(envelope, payload(frame))]
    wanted = [payload(message) for message in vector["messages"]]
    if envelope == "socketio-event":
        assert len(got) == len(wanted) and all(map(same_packet, got, wanted)), got
    else:
        assert got == wanted


@pytest.mark.parametrize("envelope,vector", cases("decode"))
def test_each_frame_of_the_vectors_is_taken_apart_as_they_say(envelope: str, vector: dict[str, Any]) -> None:
    if vector.get("error"):
        with pytest.raises(EnvelopeError):
            decode_frame(envelope, payload(vector["frame"]))
    else:
        assert decode_frame(envelope, payload(vector["frame"])) == [payload(message) for message in vector["messages"]]


# A small encoder, from envelopes.md alone.

PREFIX = '{"type":"batch","batch_size":'
MAGIC = b"SHF\x01"
# A group of messages that may share a frame has a common key; a message that cannot be carried has None.
Carry = Callable[[Message], object]
Wrap = Callable[[list[Message]], Message]


def refuse(_: str) -> None:
    raise ValueError


def json_carries(message: Message) -> object:
    try:
        json.loads(message, parse_constant=refuse)
    except ValueError:
        return None
    return True if isinstance(message, str) else None


def json_wrap(messages: list[Message]) -> Message:
    if json_carries(messages[0]):
        return f'{PREFIX}{len(messages)},"messages":[{",".join(map(str, messages))}]}}'
    return f'{PREFIX}1,"text":{json.dumps(messages[0])}}}'


def binary_wrap(messages: list[Message]) -> Message:
    records = [
        (len(data) | (0 if isinstance(message, str) else 1 << 31)).to_bytes(4, "big") + data
        for message in messages
        for data in [message.encode() if isinstance(message, str) else message]
    ]
    return MAGIC + b"".join(records)


def engineio_carries(message: Message) -> object:
    if not isinstance(message, str) or not message.startswith("4") or message[1:2] in ("5", "6") or "\x1e" in message:
        return None
    return True


def event_parts(message: Message) -> tuple[str, list[Any]] | None:
    """Namespace (with its comma) and array of an event without acknowledgement id; None for other messages."""
    head, _, rest = message.partition("[") if isinstance(message, str) else ("", "", "")
    if head[:2] != "42" or (head[2:] and not (head[2] == "/" and head.endswith(",") and head.count(",") == 1)):
        return None
    try:
        array = json.loads("[" + rest, parse_constant=refuse)
    except ValueError:
        return None
    return (head[2:], array) if len(array) == 2 and isinstance(array[0], str) else None


def event_carries(message: Message) -> object:
    parts = event_parts(message)
    return f"in {parts[0]}" if parts and parts[1][0] != "connect" else None


def event_wrap(messages: list[Message]) -> Message:
    parts = [event_parts(message) or ("", []) for message in messages]
    entries = [f'{{"event":{json.dumps(array[0])},"data":{json.dumps(array[1])}}}' for _, array in parts]
    return f'42{parts[0][0]}["batch",{PREFIX}{len(entries)},"messages":[{",".join(entries)}]}}]'


def is_app_batch(message: Message) -> bool:
    parts = event_parts(message)
    return parts is not None and parts[1][0] == "batch"


ENCODERS: dict[str, tuple[Carry, Wrap, Callable[[Message], bool]]] = {
    "json": (json_carries, json_wrap, lambda message: isinstance(message, str) and message.startswith(PREFIX)),
    "binary": (lambda _: True, binary_wrap, lambda message: isinstance(message, bytes) and message.startswith(MAGIC)),
    "engineio": (
        engineio_carries,
        lambda messages: ("\x1e" if len(messages) == 1 else "") + "\x1e".join(map(str, messages)),
        lambda message: isinstance(message, str) and "\x1e" in message,
    ),
    "socketio-event": (event_carries, event_wrap, is_app_batch),
}


def encode(envelope: str, messages: list[Message]) -> list[Message]:
    carries, wrap, is_look_alike = ENCODERS[envelope]
    sent: list[Message] = []
    for key, run in groupby(messages, carries):
        group = list(run)
        if key is not None and len(group) > 1:
            sent.append(wrap(group))
        else:
            sent += [wrap([message]) if is_look_alike(message) else message for message in group]
    return sent


PIECES = ["42", "4", "45", "2", "/n,", "7", "\x1e", "[", "]", "{", "}", ",", ":", '"', "\\", " ", "\n", "é", "𝄞", "1e999"]
WHOLE = ['{"a":[1,"],["]}', '"\\"\\ud800\\\\"', "[[],[{}]]", " [2] ", "", "null", '{"k":1,"k":2}', "NaN", PREFIX]
WHOLE += [f'{PREFIX}1,"messages":[1]}}', f'{PREFIX}1,"text":"a"}}', f'{PREFIX}2,"messages":[1]}}', PREFIX[:-1]]
NAMES = ["a", "batch", "connect", 'q"],[\\', "é\x1e"]
ARGUMENTS: list[Any] = [1, None, "],[", {"event": "x"}, [{}], {"type": "batch", "batch_size": 1, "messages": [{}]}]


def random_text(chance: random.Random) -> str:
    kind = chance.random()
    if kind < 0.3:
        return chance.choice(WHOLE)
    if kind < 0.6:
        count = chance.choice([1, 1, 1, 0, 2])
        array = [chance.choice(NAMES), *chance.choices(ARGUMENTS, k=count)]
        return f"42{chance.choice(['', '', '/n,', '/m,', '3'])}{json.dumps(array)}"
    return "".join(chance.choices(PIECES, k=chance.randrange(1, 9)))


def random_messages(chance: random.Random, envelope: str) -> list[Message]:
    messages: list[Message] = []
    for _ in range(chance.randrange(1, 9)):
        text = random_text(chance)
        if chance.random() < 0.1 and messages and isinstance(messages[-1], str):
            text = str(encode(envelope, messages[-1:] * 2)[0])  # an app that sends what Sheaf would
        messages.append(text if chance.random() < 0.8 else chance.choice([b"", MAGIC]) + text.encode())
    return messages


@pytest.mark.parametrize("envelope", ENCODERS)
def test_decoding_undoes_encoding(envelope: str) -> None:
    chance = random.Random(3)
    batches = 0
    for _ in range(5000):
        messages = random_messages(chance, envelope)
        sent = encode(envelope, messages)
        batches += len(sent) < len(messages)
        got = [message for frame in sent for message in decode_frame(envelope, frame)]
        same = same_packet if envelope == "socketio-event" else are_equal
        assert len(got) == len(messages) and all(map(same, got, messages)), (messages, sent, got)
    assert batches > 100


def are_equal(got: Message, wanted: Message) -> bool:
    return got == wanted


@pytest.mark.parametrize("envelope", ENCODERS)
def test_bytes_of_any_kind_raise_nothing_but_envelope_errors(envelope: str) -> None:
    """Each frame of a batch, cut and changed at every place: the messages come back or the frame does."""
    batch = encode(envelope, ['42["a",{"b":"c"}]', '42["d",2]'] if "io" in envelope else ['{"a":["b\\n"]}', "[2]"])[0]
    assert len(decode_frame(envelope, batch)) == 2
    for place in range(len(batch)):
        for other in ('"', "\\", "[", "}", "9", "\x1e"):
            put = other if isinstance(batch, str) else other.encode()
            for changed in (batch[:place], batch[:place] + put + batch[place + 1 :]):  # type: ignore[operator]
                try:
                    assert decode_frame(envelope, changed)
                except EnvelopeError:
                    assert envelope == "binary"


def test_great_messages_need_no_great_memory_or_recursion() -> None:
    for message in ('"' + "\\n" * 1_000_000 + '"', "[" + ",".join(['"a"'] * 500_000) + "]", "[" * 99_999 + "]" * 99_999):
        assert decode_frame("json", f'{PREFIX}2,"messages":[{message},1]}}') == [message, "1"]
    count = "9" * 5000
    assert decode_frame("json", f'{PREFIX}{count},"messages":[1]}}') == [f'{PREFIX}{count},"messages":[1]}}']


@pytest.mark.parametrize(
    "url,asked",
    [
        ("ws://h/p", "ws://h/p?sheaf=json"),
        ("ws://h", "ws://h?sheaf=json"),
        ("ws://h/p?", "ws://h/p?sheaf=json"),
        ("ws://h/p?b=%2f&a&b=", "ws://h/p?b=%2f&a&b=&sheaf=json"),
        ("ws://h/p?sheaf=binary&x=1&%73heaf=a", "ws://h/p?x=1&sheaf=json"),
        ("http://h/?xsheaf=1#f?g", "http://h/?xsheaf=1&sheaf=json#f?g"),
    ],
)
def test_query_keeps_everything_but_the_envelope(url: str, asked: str) -> None:
    assert with_envelope(url, "json") == asked


def test_unknown_envelopes_are_refused() -> None:
    for call in (lambda: decode_frame("xml", ""), lambda: with_envelope("ws://h", "xml"), lambda: batch_connect("ws://h", "")):
        with pytest.raises(ValueError, match="unknown envelope"):
            call()


# The helper for `websockets`, in front of a server that sends scripted frames.


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(coroutine, 20))


BATCH = f'{PREFIX}3,"messages":[1, "two",{{"three":3}}]}}'
THREE = ["1", ' "two"', '{"three":3}']


def test_messages_come_one_by_one_and_in_order() -> None:
    async def client(server: BatchServer) -> None:
        async with batch_connect(server.url + "?a=1") as socket:
            assert isinstance(socket, ClientConnection) and socket.subprotocol is None
            assert [await socket.recv() for _ in range(5)] == ["0", *THREE, b"\x00"]
            await (await socket.ping())
            await socket.send("hello")
            assert [await socket.recv() for _ in range(3)] == THREE
        assert server.close_code() == 1000

    with BatchServer(frames("0", BATCH, b"\x00", BATCH), "json") as server:
        run(client(server))
        assert server.paths == ["/live?a=1&sheaf=json"] and server.received == ["hello"]


def test_queued_messages_are_handed_out_before_the_close_is_told() -> None:
    def script(connection: ServerConnection) -> None:
        connection.send(BATCH)
        connection.close(1000, "done")

    async def client(server: BatchServer) -> None:
        async with batch_connect(server.url) as socket:
            assert await socket.recv() == "1"
            await socket.wait_closed()
            assert [await socket.recv() for _ in range(2)] == THREE[1:]
            for _ in range(2):
                with pytest.raises(ConnectionClosedOK) as closed:
                    await socket.recv()
                assert closed.value.rcvd and closed.value.rcvd.reason == "done"
        async with batch_connect(server.url) as socket:
            assert [message async for message in socket] == THREE

    with BatchServer(script, "json") as server:
        run(client(server))


def test_cancelled_recv_loses_nothing() -> None:
    total = 3000

    def script(connection: ServerConnection) -> None:
        for start in range(0, total, 3):
            connection.send(f'{PREFIX}3,"messages":[{start},{start + 1},{start + 2}]}}')

    async def client(server: BatchServer) -> None:
        chance = random.Random(7)
        got: list[int] = []
        cancelled = 0
        async with batch_connect(server.url) as socket:
            while len(got) < total:
                task = asyncio.ensure_future(socket.recv())
                for _ in range(chance.randrange(3)):
                    await asyncio.sleep(0)
                cancelled += task.cancel() if chance.random() < 0.5 else 0
                try:
                    got.append(int(await task))
                except asyncio.CancelledError:
                    pass
        assert got == list(range(total)) and cancelled > 100

    with BatchServer(script, "json") as server:
        run(client(server))


@pytest.mark.parametrize("confirmed", ["", "xml", "JSON"])
def test_without_a_confirmation_frames_pass_unchanged(confirmed: str) -> None:
    sent = [BATCH, MAGIC, '42["a"]\x1e4', "plain", ""]

    async def client(server: BatchServer) -> None:
        for envelope in ENCODERS:
            async with batch_connect(server.url, envelope) as socket:
                assert [await socket.recv() for _ in sent] == sent
        async with batch_connect(server.url) as socket:
            assert await socket.recv(decode=False) == BATCH.encode()
            assert [piece async for piece in socket.recv_streaming()] == [MAGIC]

    with BatchServer(frames(*sent), confirmed) as server:
        run(client(server))


def test_the_confirmed_envelope_counts_not_the_one_asked_for() -> None:
    async def client(server: BatchServer) -> None:
        async with batch_connect(server.url, "json") as socket:
            assert [await socket.recv() for _ in range(3)] == ["hi", b"\x00\xff", BATCH]

    with BatchServer(frames(binary_wrap(["hi", b"\x00\xff"]), BATCH), "binary") as server:
        run(client(server))


def test_a_broken_batch_closes_with_1002_and_is_no_normal_end() -> None:
    async def client(server: BatchServer) -> None:
        async with batch_connect(server.url, "binary") as socket:
            assert await socket.recv() == "hi"
            for _ in range(2):
                with pytest.raises(ConnectionClosedError) as closed:
                    await socket.recv()
                assert isinstance(closed.value.__cause__, EnvelopeError)
            with pytest.raises(ConnectionClosedError):
                async for _ in socket:
                    pass
        assert server.close_code() == 1002

    with BatchServer(frames("hi", MAGIC + b"\x00\x00", "never"), "binary") as server:
        run(client(server))


def test_a_broken_batch_is_no_normal_end_when_the_server_has_closed() -> None:
    def script(connection: ServerConnection) -> None:
        connection.send(MAGIC)
        connection.close()

    async def client(server: BatchServer) -> None:
        async with batch_connect(server.url, "binary") as socket:
            await socket.wait_closed()
            with pytest.raises(ConnectionClosedError):
                await socket.recv()

    with BatchServer(script, "binary") as server:
        run(client(server))


def test_recv_decodes_as_it_is_told() -> None:
    async def client(server: BatchServer) -> None:
        async with batch_connect(server.url, "binary") as socket:
            assert await socket.recv(decode=False) == "é".encode()
            assert await socket.recv(decode=True) == "é"
            assert [piece async for piece in socket.recv_streaming()] == ["a"]
            with pytest.raises(ConnectionClosedError) as closed:
                await socket.recv(decode=True)
            assert isinstance(closed.value.__cause__, UnicodeDecodeError)
        assert server.close_code() == 1007

    with BatchServer(frames(binary_wrap(["é", "é".encode(), "a", b"\xff", "never"])), "binary") as server:
        run(client(server))


def test_batch_connect_reconnects_as_connect_does() -> None:
    def script(connection: ServerConnection) -> None:
        connection.send(BATCH)
        connection.close(1012)

    async def client(server: BatchServer) -> None:
        got: list[Message] = []
        async for socket in batch_connect(server.url):
            try:
                while True:
                    got.append(await socket.recv())
            except ConnectionClosedError:
                if len(got) == 9:
                    break
        assert got == THREE * 3

    with BatchServer(script, "json") as server:
        run(client(server))


def test_sync_connection_does_the_same() -> None:
    with BatchServer(frames("0", BATCH), "json") as server, batch_connect_sync(server.url) as socket:
        assert [socket.recv() for _ in range(2)] == ["0", "1"]
        assert socket.recv(timeout=0) == THREE[1]
        assert list(socket.recv_streaming()) == [THREE[2]]
        with pytest.raises(TimeoutError):
            socket.recv(timeout=0.01)
        socket.send("hello")
        socket.close()
        with pytest.raises(ConnectionClosedOK):
            socket.recv()
        assert server.close_code() == 1000 and server.received == ["hello"]


def test_sync_connection_hands_out_before_the_end_and_breaks_on_a_broken_batch() -> None:
    def script(connection: ServerConnection) -> None:
        connection.send(binary_wrap(["a", b"b"]))
        connection.close()

    with BatchServer(script, "binary") as server, batch_connect_sync(server.url, "binary") as socket:
        assert list(socket) == ["a", b"b"]
    with BatchServer(frames(MAGIC), "binary") as server, batch_connect_sync(server.url, "binary") as socket:
        with pytest.raises(ConnectionClosedError):
            list(socket)
        assert server.close_code() == 1002
    with BatchServer(frames(BATCH)) as server, batch_connect_sync(server.url) as socket:
        assert socket.recv(decode=False) == BATCH.encode()
