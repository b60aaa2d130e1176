"""Notes which of many clients is closed when, and answers each Close as browsers do."""

from __future__ import annotations

import selectors
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType

from .frames import CLOSE, PING, PONG, RawWebSocket, close_frame, frame, parse_frame
from .ports import wait_until


@dataclass
class Closing:
    """The end of a client: its place among the watched, the Close's code (0: none came) and reason, and when (s)."""

    index: int
    code: int
    reason: str
    at: float


class Closings:
    """Watches clients from a thread of its own, which alone reads from them; others may send."""

    def __init__(self, clients: Sequence[RawWebSocket]) -> None:
        self.clients = clients
        self.closed: list[Closing] = []
        self.messages: list[list[bytes]] = [[] for _ in clients]
        self.pings = [0] * len(clients)
        self._stopped = threading.Event()
        self._selector = selectors.DefaultSelector()
        for index, client in enumerate(clients):
            self._selector.register(client.socket, selectors.EVENT_READ, index)
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    @property
    def indices(self) -> list[int]:
        """Those that are closed, in the order in which that came."""
        return [one.index for one in self.closed]

    def wait_for(self, count: int, seconds: float) -> list[Closing]:
        wait_until(lambda: len(self.closed) >= count, seconds, f"{count} clients are closed")
        return self.closed

    def _watch(self) -> None:
        while not self._stopped.is_set():
            for key, _ in self._selector.select(0.1):
                self._read(key.data)

    def _read(self, index: int) -> None:
        client = self.clients[index]
        if not client.fill():
            return self._end(index, 0, "")
        while (whole := _first_frame(client.buffer)) is not None:
            client.buffer = client.buffer[len(whole) :]
            position = 0

            def read(count: int, data: bytes = whole) -> bytes:
                nonlocal position
                position += count
                return data[position - count : position]

            received = parse_frame(read)
            assert received is not None
            if received.opcode == CLOSE:
                client.send_quietly(close_frame(received.code))
                return self._end(index, received.code, received.reason)
            if received.opcode == PING:
                self.pings[index] += 1
                client.send_quietly(frame(PONG, received.payload))
            elif received.opcode != PONG:
                self.messages[index].append(received.payload)

    def _end(self, index: int, code: int, reason: str) -> None:
        self.closed.append(Closing(index, code, reason, time.monotonic()))
        self._selector.unregister(self.clients[index].socket)

    def stop(self) -> None:
        """Stops watching, and closes every client."""
        self._stopped.set()
        self._thread.join()
        for client in self.clients:
            client.close()

    def __enter__(self) -> Closings:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


def _first_frame(buffer: bytes) -> bytes | None:
    """The first unmasked frame of `buffer`; None while it is not whole."""
    if len(buffer) < 2:
        return None
    form, head = buffer[1], 2
    size = form
    if form >= 126:
        head += 2 if form == 126 else 8
        if len(buffer) < head:
            return None
        size = int.from_bytes(buffer[2:head], "big")
    return buffer[: head + size] if len(buffer) >= head + size else None
