"""What Sheaf makes of the application's messages, in tunnel and in mux alike: batches, shared compression, pushes."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import socketio
from sheaf_batch.socketio import unbatch
from websockets.asyncio.client import connect
from websockets.sync.client import connect as connect_sync

from harness.decoding import DECODERS
from harness.frames import BINARY, CLOSE, TEXT, RawWebSocket
from harness.modes import MODES, Served, served_in
from harness.pushing import post
from harness.reloading import TOKEN
from harness.room_members import BYE, expected, path_of, run_room, texts_until_bye
from harness.scripts import scripted

served = served_in(
    "tunnel",
    "mux",
    conf={"workers": 1, "batching": {"adaptive": False, "timeout": "100ms"}},
    routes=[{"path": "/room/always", "delivery": "always", "envelope": "binary"}],
)
ROUNDS = 30


@pytest.fixture(scope="module", params=[mode for mode in MODES if mode != "direct"])
def socketio_served(request: pytest.FixtureRequest, folder: Path) -> Iterator[Served]:
    with Served(folder, request.param, app="harness.sio_app:app") as running:
        yield running


def texts_of_raw(socket: RawWebSocket, envelope: str) -> tuple[list[str], int]:
    """What a member has got by the decoder that is the tests' own, until the last, and in how many frames."""
    texts: list[str] = []
    frames = 0
    while not texts or texts[-1] != BYE:
        opcode, payload = socket.read_message()
        assert opcode != CLOSE, payload
        frames += 1
        texts += [text.decode() for _, text in DECODERS[envelope](opcode, payload)]
    return texts, frames


@pytest.mark.parametrize("envelope", ["json", "binary"])
def test_batches_for_who_asks(served: Served, envelope: str) -> None:
    with ExitStack() as stack:
        sockets = [
            stack.enter_context(RawWebSocket(served.port, path_of(f"asks-{envelope}", own, f"&sheaf={envelope}")))
            for own in range(10)
        ]
        assert {socket.handshake.get("sheaf-batch") for socket in sockets} == {envelope}
        assert run_room(served, f"asks-{envelope}", ROUNDS) == 10
        for own, socket in enumerate(sockets):
            texts, frames = texts_of_raw(socket, envelope)
            assert texts == expected(own, ROUNDS)
            assert frames < len(texts), "nothing was batched"


def test_batches_for_all(served: Served) -> None:
    with ExitStack() as stack:
        sockets = [stack.enter_context(RawWebSocket(served.port, path_of("always", own))) for own in range(10)]
        assert run_room(served, "always", ROUNDS) == 10
        assert [texts_of_raw(socket, "binary")[0] for socket in sockets] == [expected(own, ROUNDS) for own in range(10)]


def test_broadcast_is_encoded_and_compressed_once_for_many(served: Served) -> None:
    """Once they have had enough in common: what came first was for each alone, and earned it a context of its own."""
    count = 50
    rounds = 6 * ROUNDS

    async def scenario() -> list[list[str]]:
        async with AsyncExitStack() as stack:
            sockets = [
                await stack.enter_async_context(connect(served.ws_url + path_of("deflate", own * 6 + 2)))
                for own in range(count)
            ]
            running = asyncio.create_task(asyncio.to_thread(run_room, served, "deflate", rounds, size=300))
            got = await asyncio.gather(*map(texts_until_bye, sockets))
            await running
            return got

    before = figures(served)
    assert asyncio.run(asyncio.wait_for(scenario(), 60)) == [expected(own * 6 + 2, rounds, 300) for own in range(count)]
    messages, frames = (now - then for now, then in zip(figures(served), before))
    assert frames >= count * rounds
    assert messages <= frames / 3, f"{messages} compressions for {frames} frames"


def figures(served: Served) -> tuple[float, float]:
    """Messages that were compressed, and compressed frames that clients got."""
    sheaf = served.sheaf
    return sheaf.metric("sheaf_deflate_messages_total"), sheaf.metric("sheaf_deflate_frames_total")


def test_socketio_events_in_batches(socketio_served: Served) -> None:
    """The stock Python client with the decoder, which asks for events as the envelope."""

    async def scenario() -> list[int]:
        got: list[int] = []
        async with aiohttp.ClientSession() as session:
            client = unbatch(socketio.AsyncClient(http_session=session, reconnection=False))
            client.on("own", got.append)
            await client.connect(f"{socketio_served.url}?sheaf=socketio-event", transports=["websocket"])
            await client.emit("run", ("nobody", ROUNDS))
            while len(got) < ROUNDS:
                await asyncio.sleep(0.01)
            await client.call("session")
            await client.disconnect()
        return got

    assert asyncio.run(asyncio.wait_for(scenario(), 30)) == list(range(ROUNDS))


def reached(served: Served, **message: Any) -> int:
    """Sessions that took a pushed message."""
    status, answer = post(served.sheaf.admin_port, TOKEN, message)
    assert status == 200 and answer["late_workers"] == [], answer
    return int(answer["sessions"])


def test_pushed_messages(served: Served) -> None:
    """By path and to all, text and binary, amid the application's."""
    with RawWebSocket(served.port) as one, RawWebSocket(served.port, "/ws/closed?tag=pushed") as other:
        for socket in (one, other):
            socket.check_echo(b"here")
        assert reached(served, path="/ws/echo", text="é") == 1
        assert reached(served, path="/ws", binary=base64.b64encode(b"\0\xff").decode()) == 2
        one.send_frame(TEXT, b"after")
        assert [one.read_message() for _ in range(3)] == [(TEXT, "é".encode()), (BINARY, b"\0\xff"), (TEXT, b"after")]
        assert other.read_message() == (BINARY, b"\0\xff")


def test_pushed_to_the_user_that_the_application_names(served: Served) -> None:
    accept = {"type": "websocket.accept", "headers": [["X-User-ID", "alice"]]}
    with scripted(served, "alice", "receive", accept, "receive") as socket:
        assert reached(served, user_id="alice", text="hello alice") == 1
        assert socket.read_message() == (TEXT, b"hello alice")


def test_pushed_socketio_event(socketio_served: Served) -> None:
    async def scenario() -> list[Any]:
        got: list[Any] = []
        async with aiohttp.ClientSession() as session:
            client = socketio.AsyncClient(http_session=session, reconnection=False)
            client.on("news", got.append)
            await client.connect(socketio_served.url, transports=["polling", "websocket"])
            await client.call("session")
            assert await asyncio.to_thread(partial(reached, socketio_served, all=True, event="news", data={"n": 1})) == 1
            while not got:
                await asyncio.sleep(0.01)
            await client.disconnect()
        return got

    assert asyncio.run(asyncio.wait_for(scenario(), 30)) == [{"n": 1}]


def test_messages_are_counted(served: Served) -> None:
    def counted() -> list[float]:
        names = [f"sheaf_message{what}_to_{whom}_total" for what in ("s", "_bytes") for whom in ("clients", "upstream")]
        return [served.sheaf.metric(name) for name in names]

    before = counted()
    with connect_sync(f"{served.ws_url}/ws/echo") as socket:
        for number in range(10, 20):
            socket.send(str(number))
            assert socket.recv() == str(number)
    assert [now - then for now, then in zip(counted(), before)] == [10, 10, 20, 20]
