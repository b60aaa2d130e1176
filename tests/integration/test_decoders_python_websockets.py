"""The Python decoders: the helper for `websockets`, in front of a server that sends scripted frames."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine
from typing import Any

import pytest
from sheaf_batch import EnvelopeError, Message
from sheaf_batch.websockets import batch_connect, batch_connect_sync
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK
from websockets.sync.server import ServerConnection

from harness.batch_server import BatchServer, frames
from harness.encoding import ENCODERS, MAGIC, PREFIX, binary_wrap


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
        with pytest.raises(ValueError, match="unknown envelope"):
            batch_connect(server.url, "")
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
