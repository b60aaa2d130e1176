"""Clients of harness.pod_app as they are in the world: they number what they send, send again what was not acknowledged,
come back when they are closed, and go on reading where they stopped. And callers of GET.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from abc import ABC, abstractmethod
from collections import Counter
from typing import Any

import aiohttp
import socketio
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, WebSocketException

BACK = (0.1, 0.4)  # seconds until a client comes back


class Talker(ABC):
    """`address`: host:port; `every`: seconds between its messages."""

    def __init__(self, name: str, address: str, every: float) -> None:
        self.name = name
        self.address = address
        self.acknowledged: set[int] = set()
        self.attempts: Counter[int] = Counter()  # by number: how often it was sent
        self.lines: list[str] = []
        self.faults: list[str] = []
        self.ends: list[str] = []  # of its sessions, by code or reason
        self.refused: list[str] = []  # attempts to come back that failed
        self._every = every
        self._task = asyncio.create_task(self.run())
        self.finishing = False
        self._sending: asyncio.Task[None] | None = None

    @abstractmethod
    async def run(self) -> None:
        """Until it is cancelled."""

    @abstractmethod
    async def send(self, message: dict[str, int]) -> None:
        """Raises what the library raises where the connection is gone."""

    @property
    def unacknowledged(self) -> list[int]:
        return sorted(self.attempts.keys() - self.acknowledged)

    async def stop(self) -> None:
        """Without another word."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    def begin_session(self) -> None:
        """It is connected, again perhaps."""
        self._sending = asyncio.create_task(self._send_all())

    def end_session(self, why: str) -> None:
        """It is not."""
        self.ends.append(why)
        if self._sending:
            self._sending.cancel()

    async def _send_all(self) -> None:
        with contextlib.suppress(OSError, WebSocketException, socketio.exceptions.SocketIOError):
            for number in self.unacknowledged:
                await self._send(number)
            while not self.finishing:
                await self._send(len(self.attempts) + 1)
                await asyncio.sleep(self._every)

    async def _send(self, number: int) -> None:
        self.attempts[number] += 1
        await self.send({"number": number, "attempt": self.attempts[number]})

    def on_line(self, message: dict[str, Any]) -> None:
        """A line of the room, which must be the next."""
        if message["line"] != len(self.lines):
            self.faults.append(f"line {message['line']} came when {len(self.lines)} was next")
        self.lines.append(message["id"])

    def on_acknowledged(self, number: int) -> None:
        if number in self.acknowledged and self.attempts[number] == 1:
            self.faults.append(f"{number} was acknowledged twice")
        self.acknowledged.add(number)


class PlainTalker(Talker):
    """A page with a WebSocket of its own, by `websockets`."""

    _socket: ClientConnection

    async def run(self) -> None:
        while True:
            url = f"ws://{self.address}/ws?client={self.name}&since={len(self.lines)}"
            try:
                async with connect(url, ping_interval=None, open_timeout=5, close_timeout=1) as self._socket:
                    await self._listen()
            except (OSError, InvalidHandshake) as error:
                self.refused.append(f"{type(error).__name__}: {error}")
            await asyncio.sleep(random.uniform(*BACK))

    async def _listen(self) -> None:
        self.begin_session()
        try:
            with contextlib.suppress(WebSocketException):
                async for text in self._socket:
                    message = json.loads(text)
                    if "ack" in message:
                        self.on_acknowledged(message["ack"])
                    else:
                        self.on_line(message)
        finally:
            self.end_session(str(self._socket.close_code))

    async def send(self, message: dict[str, int]) -> None:
        await self._socket.send(json.dumps(message))


class SocketIoTalker(Talker):
    """python-socketio's client, which comes back by itself."""

    async def run(self) -> None:
        self._client = socketio.AsyncClient(reconnection_delay=BACK[0], reconnection_delay_max=BACK[1])
        self._client.on("connect", self._on_connect)
        self._client.on("disconnect", self.end_session)
        self._client.on("line", self.on_line)
        try:
            await self._client.connect(
                f"http://{self.address}", auth=self._auth, transports=["websocket"], retry=True, wait_timeout=5
            )
            await asyncio.Future()
        finally:
            await self._client.disconnect()

    def _auth(self) -> dict[str, Any]:
        return {"client": self.name, "since": len(self.lines)}

    async def _on_connect(self) -> None:
        self.begin_session()

    async def send(self, message: dict[str, int]) -> None:
        await self._client.emit("say", message, callback=self.on_acknowledged)


class Caller:
    """GET / over and over; on one connection as long as that lasts (`keeps`), or a new one each time."""

    def __init__(self, address: str, every: float, *, keeps: bool) -> None:
        self.statuses: Counter[int | str] = Counter()
        self._url = f"http://{address}/"
        self._every = every
        self._keeps = keeps
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        connector = aiohttp.TCPConnector(force_close=not self._keeps)
        async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(5)) as session:
            while True:
                try:
                    async with session.get(self._url) as answer:
                        await answer.read()
                        self.statuses[answer.status] += 1
                except (aiohttp.ClientError, OSError) as error:
                    self.statuses[f"{type(error).__name__}: {error}"] += 1
                await asyncio.sleep(self._every)

    async def stop(self) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
