"""The Python decoders: the helper for `python-socketio`, in front of a server that sends scripted frames."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any

import engineio
import pytest
import socketio
from sheaf_batch.socketio import unbatch

from harness.batch_server import ENGINE_OPEN, BatchServer, frames, socketio_frames
from harness.ports import wait_until

Seen = list[tuple[Any, ...]]


def batch(*entries: str, head: str = "42", count: int | None = None) -> str:
    """A frame in the envelope `socketio-event`."""
    size = len(entries) if count is None else count
    return f'{head}["batch",{{"type":"batch","batch_size":{size},"messages":[{",".join(entries)}]}}]'


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(coroutine, 20))


async def until(seen: Seen, count: int) -> None:
    """Waits for `count` entries; asyncio's time-out of the test ends it otherwise."""
    while len(seen) < count:
        await asyncio.sleep(0.005)


async def until_received(server: BatchServer, text: str) -> None:
    while text not in server.received:
        await asyncio.sleep(0.005)


A, B = '{"event":"a","data":1}', '{"event":"b","data":{"x":[2,"],["]}}'
A_AND_B: Seen = [("a", 1), ("b", {"x": [2, "],["]})]
END = '42["end",0]'


def test_each_event_reaches_its_handler_in_order() -> None:
    async def client(server: BatchServer) -> None:
        seen: Seen = []
        sio = unbatch(socketio.AsyncClient(reconnection=False))
        sio.on("a", lambda data: seen.append(("a", data)))
        sio.on("*", lambda event, *data: seen.append((event, *data)))
        await sio.connect(f"http://{server.authority}?sheaf=socketio-event", transports=["websocket"])
        await until(seen, 6)
        assert seen == [("first", 0), *A_AND_B, ("second", 0), ("", None), ("end", 0)]
        assert sio.connected
        await sio.disconnect()

    sent = ['42["first",0]', batch(A, B), '42["second",0]', batch('{"event":"","data":null}'), END]
    with BatchServer(socketio_frames(*sent), "socketio-event") as server:
        run(client(server))
        assert "sheaf=socketio-event" in server.paths[0]


def test_handlers_of_a_batch_do_not_wait_for_each_other() -> None:
    """As when events come alone: one whose handler waits holds up neither those after it, nor their order."""

    async def client(server: BatchServer) -> None:
        seen: Seen = []
        second = asyncio.Event()
        sio = unbatch(socketio.AsyncClient(reconnection=False))

        @sio.on("a")
        async def _(data: object) -> None:
            seen.append(("a begins", data))
            await second.wait()
            seen.append(("a ends", data))

        @sio.on("b")
        async def _(_: object) -> None:
            seen.append(("b",))

        @sio.on("end")
        async def _(_: object) -> None:
            seen.append(("end",))
            second.set()

        await sio.connect(f"http://{server.authority}", transports=["websocket"])
        await until(seen, 5)
        assert seen[:5] == [("a begins", 1), ("b",), ("a begins", 1), ("end",), ("a ends", 1)]
        await sio.disconnect()

    with BatchServer(socketio_frames(batch(A, B, A), END)) as server:
        run(client(server))


def test_namespaces_of_both_kinds_get_their_events() -> None:
    class Admin(socketio.AsyncClientNamespace):
        def on_a(self, data: object) -> None:
            seen.append(("class", data))

    seen: Seen = []

    async def client(server: BatchServer) -> None:
        sio = unbatch(socketio.AsyncClient(reconnection=False))
        sio.register_namespace(Admin("/admin"))
        sio.on("a", lambda data: seen.append(("function", data)), namespace="/x")
        sio.on("a", lambda data: seen.append(("default", data)))
        await sio.connect(
            f"http://{server.authority}", transports=["websocket"], namespaces=["/", "/admin", "/x"], wait_timeout=5
        )
        await until(seen, 6)
        assert seen == [("class", 1), ("class", 1), ("function", 1), ("function", 1), ("default", 1), ("default", 1)]
        await sio.disconnect()

    sent = [batch(A, A, head=head) for head in ("42/admin,", "42/x,", "42")]
    with BatchServer(socketio_frames(*sent, namespaces=("/", "/admin", "/x"))) as server:
        run(client(server))


def test_the_apps_own_batch_events_reach_its_handler_unchanged() -> None:
    inner = '{"type":"batch","batch_size":1,"messages":[{"event":"a","data":1}]}'
    own = {"type": "batch", "batch_size": 1, "messages": [{"event": "a", "data": 1}]}

    async def client(server: BatchServer) -> None:
        seen: Seen = []
        sio = unbatch(socketio.AsyncClient(reconnection=False))
        sio.on("a", lambda data: seen.append(("a", data)))
        sio.on("batch", lambda *data: seen.append(data))
        sio.on("end", lambda data: seen.append(("end", data)))
        await sio.connect(f"http://{server.authority}", transports=["websocket"])
        await until(seen, 7)
        resolved = {"type": "batch", "batch_size": 1, "messages": [b"\x01"]}
        assert seen == [(own,), (own, 2), (7,), ({"type": "batch"},), (own,), (resolved,), ("end", 0)]
        await until_received(server, "437[]")  # the one that asked for an acknowledgement got its own
        await sio.disconnect()

    sent = [
        batch('{"event":"batch","data":' + inner + "}"),
        f'42["batch",{inner},2]',
        batch('{"event":"batch","data":7}'),
        '42["batch",{"type":"batch"}]',
        f'427["batch",{inner}]',
        batch(
            '{"event":"batch","data":{"type":"batch","batch_size":1,"messages":[{"_placeholder":true,"num":0}]}}',
            head="451-",
        ),
        b"\x01",
        END,
    ]
    with BatchServer(socketio_frames(*sent)) as server:
        run(client(server))


@pytest.mark.parametrize("envelope", ["socketio-event", "engineio"])
def test_binary_events_and_pings_between_batches_stay_whole(envelope: str) -> None:
    two = batch(A, A) if envelope == "socketio-event" else '42["a",1]\x1e42["a",1]'

    async def client(server: BatchServer) -> None:
        seen: Seen = []
        sio = unbatch(socketio.AsyncClient(reconnection=False), envelope)
        sio.on("*", lambda *data: seen.append(data))
        await sio.connect(f"http://{server.authority}", transports=["websocket"])
        await until(seen, 6)
        assert seen == [("a", 1), ("a", 1), ("f", b"\x01\x02"), ("a", 1), ("a", 1), ("end", 0)]
        await until_received(server, "3")  # the pong
        await sio.disconnect()

    sent = [two, '451-["f",{"_placeholder":true,"num":0}]', b"\x01\x02", "2", two, END]
    with BatchServer(socketio_frames(*sent), envelope) as server:
        run(client(server))


@pytest.mark.parametrize("envelope", ["socketio-event", "engineio"])
def test_threaded_client_gets_every_event_once(envelope: str) -> None:
    """It runs each handler in a thread of its own, batched or not, so the order is not its promise."""
    entries = [f'{{"event":"n","data":{number}}}' for number in range(50)]
    packets = [f'42["n",{number}]' for number in range(50)]
    frame = batch(*entries) if envelope == "socketio-event" else "\x1e".join(packets)
    with BatchServer(socketio_frames(frame)) as server:
        lock = threading.Lock()
        seen: list[int] = []

        def handler(number: int) -> None:
            with lock:
                seen.append(number)

        sio = unbatch(socketio.Client(reconnection=False, handle_sigint=False), envelope)
        sio.on("n", handler)
        sio.connect(f"http://{server.authority}", transports=["websocket"], wait_timeout=5)
        wait_until(lambda: len(seen) >= 50, 5, "50 events")
        assert sorted(seen) == list(range(50))
        sio.disconnect()


def test_engineio_client_gets_each_message_with_its_type() -> None:
    async def client(server: BatchServer) -> None:
        seen: list[Any] = []
        eio = unbatch(engineio.AsyncClient(), "engineio")
        eio.on("message", seen.append)
        await eio.connect(f"ws://{server.authority}", transports=["websocket"])
        await until(seen, 5)
        assert seen == [{"a": 1}, "text", [2], b"\x00", "end"]
        await eio.disconnect()

    with BatchServer(frames(ENGINE_OPEN, '4{"a":1}\x1e4text\x1e4[2]', b"\x00", "4end"), "engineio") as server:
        run(client(server))


def test_a_part_that_is_no_packet_does_not_end_the_connection() -> None:
    async def client(server: BatchServer) -> None:
        seen: list[Any] = []
        eio = unbatch(engineio.AsyncClient(), "engineio")
        eio.on("message", seen.append)
        await eio.connect(f"ws://{server.authority}", transports=["websocket"])
        await until(seen, 2)
        assert seen == ["a\x1ex\x1e", "end"] and eio.state == "connected"
        await eio.disconnect()

    with BatchServer(frames(ENGINE_OPEN, "4a\x1ex\x1e", "4end"), "engineio") as server:
        run(client(server))


def test_only_envelopes_for_socketio_are_taken() -> None:
    for envelope in ("json", "binary", "xml"):
        with pytest.raises(ValueError):
            unbatch(socketio.AsyncClient(), envelope)
    with pytest.raises(AttributeError):
        unbatch(object())
