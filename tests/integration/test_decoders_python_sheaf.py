"""The Python decoders in front of the real proxy and the real backend, with the stock clients."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
import socketio
from sheaf_batch import Message, with_envelope
from sheaf_batch.socketio import unbatch
from sheaf_batch.websockets import batch_connect, batch_connect_sync
from websockets.asyncio.client import connect

from harness.backend import Backend
from harness.sheaf import Sheaf

COUNT = 500
# What an envelope must not change: look-alikes, white space, what is no JSON, empty ones, binary ones.
ODD: list[Message] = [
    '{"type":"batch","batch_size":1,"messages":[1]}',
    '{"type":"batch","batch_size":x',
    b"SHF\x01",
    b"SHF\x01\x00\x00\x00\x01a",
    b"",
    "",
    " [1 , 2] ",
    '"\\ud800"',
    "no JSON \x1e 𝄞",
    "4a\x1e4b",
]
MESSAGES: list[Message] = [*(json.dumps({"n": number, "s": "],["}) for number in range(COUNT)), *ODD, *ODD]


@pytest.fixture(scope="module")
def sheaf(folder: Path, backend: Backend) -> Iterator[Sheaf]:
    """One that waits for the time-out even on a slow machine, where an adaptive window has nothing to gather."""
    running = Sheaf(folder, backend.url, {"batching": {"adaptive": False}})
    yield running
    running.stop()


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(coroutine, 30))


async def echoes(socket: Any) -> list[Message]:
    for message in MESSAGES:
        await socket.send(message)
    return [await socket.recv() for _ in MESSAGES]


@pytest.mark.parametrize("envelope", ["json", "binary"])
def test_messages_are_those_of_the_backend_in_fewer_frames(sheaf: Sheaf, envelope: str) -> None:
    frames: list[Message] = []

    async def client() -> None:
        async with batch_connect(f"{sheaf.ws_url}/ws/echo?a=1", envelope) as socket:
            assert socket.response and socket.response.headers["Sheaf-Batch"] == envelope
            assert await echoes(socket) == MESSAGES
        async with connect(with_envelope(f"{sheaf.ws_url}/ws/echo", envelope)) as plain:
            for message in MESSAGES[:COUNT]:
                await plain.send(message)
            while not frames or str(COUNT - 1) not in str(frames[-1]):
                frames.append(await plain.recv())

    run(client())
    assert 0 < len(frames) < COUNT / 2, "batches were expected"


def test_sync_client_gets_the_same(sheaf: Sheaf) -> None:
    with batch_connect_sync(f"{sheaf.ws_url}/ws/echo") as socket:
        for message in MESSAGES:
            socket.send(message)
        assert [socket.recv(timeout=10) for _ in MESSAGES] == MESSAGES


def test_backend_never_sees_the_question(sheaf: Sheaf) -> None:
    with batch_connect_sync(f"{sheaf.ws_url}/ws/headers?b=%2f&a") as socket:
        assert json.loads(socket.recv())["query"] == "b=%2f&a"


def test_cancelling_recv_loses_nothing_of_a_real_batch(sheaf: Sheaf) -> None:
    async def client() -> None:
        got: list[Message] = []
        async with batch_connect(f"{sheaf.ws_url}/ws/echo") as socket:
            for message in MESSAGES:
                await socket.send(message)
            while len(got) < len(MESSAGES):
                try:
                    got.append(await asyncio.wait_for(socket.recv(), 0.0005))
                except asyncio.TimeoutError:
                    pass
        assert got == MESSAGES

    run(client())


def test_without_the_proxy_nothing_changes(backend: Backend) -> None:
    async def client() -> None:
        for envelope in ("json", "binary"):
            async with batch_connect(f"ws://127.0.0.1:{backend.port}/ws/echo", envelope) as socket:
                assert await echoes(socket) == MESSAGES

    run(client())


def test_close_of_the_backend_comes_after_its_message(sheaf: Sheaf) -> None:
    async def client() -> None:
        async with batch_connect(f"{sheaf.ws_url}/ws/close?code=1000&first=bye") as socket:
            assert [message async for message in socket] == ["bye"]

    run(client())


async def socketio_scenario(url: str, envelope: str, transports: list[str]) -> tuple[list[Any], int]:
    """Emits events that the backend sends back, with an acknowledgement and a binary event among them. Returns what the
    handlers got, and how many frames with several events came."""
    seen: list[Any] = []
    frames = 0
    sio = socketio.AsyncClient(reconnection=False)
    async def count(packet: Any) -> None:
        nonlocal frames
        frames += str(packet.data).startswith('2["batch"') or "\x1e" in str(packet.data)
        await unbatch_receive(packet)

    unbatch(sio, envelope)
    unbatch_receive, sio.eio._receive_packet = sio.eio._receive_packet, count
    sio.on("echoed", seen.append)
    sio.on("binary", seen.append)
    await sio.connect(with_envelope(url, envelope), transports=transports)
    for number in range(COUNT):
        await sio.emit("echo_event", {"n": number, "s": "],[\x1e"})
        if number == COUNT // 2:
            await sio.emit("binary", b"\x00\xff")
            assert await sio.call("echo", ("a", 1), timeout=10) == ("a", 1)
    while len(seen) < COUNT + 1:
        await asyncio.sleep(0.01)
    assert sio.transport() == "websocket"
    await sio.disconnect()
    return seen, frames


@pytest.mark.parametrize("envelope", ["socketio-event", "engineio"])
@pytest.mark.parametrize("transports", [["websocket"], ["polling", "websocket"]], ids=["websocket", "upgrade"])
def test_socketio_events_arrive_as_without_batches(sheaf: Sheaf, envelope: str, transports: list[str]) -> None:
    async def client() -> None:
        seen, frames = await socketio_scenario(sheaf.url, envelope, transports)
        wanted: list[Any] = [{"n": number, "s": "],[\x1e"} for number in range(COUNT)]
        # The backend handles each event in a task of its own, so the binary one may come between any two of its time.
        assert [one for one in seen if isinstance(one, dict)] == wanted and seen.count(b"\x00\xff") == 1
        assert frames > 0, "batches were expected"

    run(client())


def test_threaded_socketio_client_gets_every_event_once(sheaf: Sheaf) -> None:
    seen: list[int] = []
    sio = unbatch(socketio.Client(reconnection=False, handle_sigint=False))
    sio.on("echoed", lambda data: seen.append(data["n"]))
    sio.connect(with_envelope(sheaf.url, "socketio-event"), transports=["websocket"])
    for number in range(200):
        sio.emit("echo_event", {"n": number})
    for _ in range(500):
        if len(seen) >= 200:
            break
        sio.sleep(0.02)
    assert sorted(seen) == list(range(200))
    sio.disconnect()
