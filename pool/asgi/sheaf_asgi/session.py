"""A session: one client's WebSocket, and the half of it that the application calls `send`."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Optional, Protocol

from .asgi import Data, Event
from .denial import Denial
from .fields import encode_fields
from .incoming import CLOSED, CONNECTING, CROWDED, GONE, OPEN, Incoming, wake
from .large import Large
from .log import logger
from .records import ABNORMAL, MAX_CREDIT, MAX_PAYLOAD, Violation, accept, close, may_close_with, u32
from .tick import MAX_PENDING, Tick

_MAX_REASON = 123

_FORBIDDEN = Denial(403, ())
_ERROR = Denial(500, [(b"content-type", b"text/plain; charset=utf-8")], b"Internal Server Error")


class ClientGone(OSError):
    """send() was called after the client, or the link that it came by, has gone. A handler may let it escape."""


class Home(Protocol):
    """What a session knows of its link."""

    largest_message: int
    """Bytes that the proxy takes in one message; 0: any."""

    def line_up(self, large: Large) -> None:
        """Its pieces are written from now on, in turn with others."""

    def large_message(self, data: Data, body: bytes) -> Large:
        """The one of this very object that has not begun, or a new one; it is in the line."""

    async def drained(self) -> None:
        """Returns when not too much waits to be written on the link."""

    def forget(self, session: Session) -> None:
        """Nothing more goes to the client."""


class Session(Incoming):
    """The application's tasks call receive() and send(), the link everything else; all on the loop of the link."""

    __slots__ = ("_backlog", "_denial", "_held", "_home", "_waiters", "credit", "key", "last")

    def __init__(self, stream: int, home: Home, tick: Tick, window: int) -> None:
        """`window`: bytes that may be on their way to the proxy."""
        super().__init__(stream, tick)
        self.key = u32(stream)
        self.last = -1
        self.credit = window
        """What the application may send before it waits: the proxy's credit less what waits in the backlog."""
        self._held = 0  # what the backlog costs, for which the proxy's credit is not used yet
        self._home = home
        self._denial: Optional[Denial] = None
        self._backlog: Optional[deque[Large | bytes]] = None  # a message in pieces, and what waits behind it
        self._waiters: Optional[deque[asyncio.Future[None]]] = None  # calls of send() that wait for credit, in order

    async def send(self, message: Event) -> None:
        """ASGI's `send`. Raises ClientGone after the client has gone, RuntimeError for what is out of order."""
        if self.state != OPEN or message["type"] != "websocket.send":
            await self._send_event(message)
            return
        data = message.get("text")
        if data is None:
            data = message.get("bytes")
        tick = self.tick
        if self.credit > 0:
            if data is tick.tail and self.last < tick.tail_index:
                tick.tail_keys.append(self.key)
                self.last = tick.tail_index
                self.credit -= tick.tail_cost
                return
            if isinstance(data, (str, bytes)) and len(data) <= tick.surely_small:
                tick.message(self, data)
                if tick.pending > MAX_PENDING:
                    await self._home.drained()
                return
        await self._send_data(data)

    def offer(self, data: Data) -> bool:
        """Sends a message if nothing makes it wait, as send() does. False: it must go by send()."""
        tick = self.tick
        if self.state != OPEN or self.credit <= 0:
            return False
        if data is tick.tail and self.last < tick.tail_index:
            tick.tail_keys.append(self.key)
            self.last = tick.tail_index
            self.credit -= tick.tail_cost
        elif len(data) > tick.surely_small or tick.pending > MAX_PENDING:
            return False
        else:
            tick.message(self, data)
        return True

    async def _send_event(self, message: Event) -> None:
        kind = message["type"]
        if self.state == GONE:
            raise ClientGone(f"{kind} after the client has gone")
        if self.state == CLOSED:
            raise RuntimeError(f"{kind} after the WebSocket was closed or refused")
        if self.state == CONNECTING:
            self._answer(kind, message)
        elif kind == "websocket.send":
            data = message.get("text")
            await self._send_data(message.get("bytes") if data is None else data)
        elif kind == "websocket.close":
            self._close(message.get("code", 1000), message.get("reason") or "")
        else:
            raise RuntimeError(f"{kind} on a WebSocket that is open: websocket.send or websocket.close is expected")

    def _answer(self, kind: str, message: Event) -> None:
        if self._denial is not None:
            self._add_to_denial(self._denial, kind, message)
        elif kind == "websocket.accept":
            subprotocol = (message.get("subprotocol") or "").encode("latin-1")
            fields = encode_fields(message.get("headers") or ())
            self._put_records(accept(self.stream, subprotocol, fields))
            self.state = OPEN
        elif kind == "websocket.close":
            self._refuse(_FORBIDDEN)
        elif kind == "websocket.http.response.start":
            self._denial = Denial(message["status"], message.get("headers") or ())
        else:
            raise RuntimeError(f"{kind} on a WebSocket that is not accepted")

    def _add_to_denial(self, denial: Denial, kind: str, message: Event) -> None:
        if kind != "websocket.http.response.body":
            # uvicorn's words, which its own tests compare.
            raise RuntimeError(f"Expected ASGI message 'websocket.http.response.body' but got '{kind}'.")
        denial.body += message.get("body", b"")
        if not message.get("more_body", False):
            self._refuse(denial)

    def _refuse(self, denial: Denial) -> None:
        self._put_records(denial.records(self.stream))
        self._denial = None
        self._end(CLOSED, ABNORMAL, None)

    def _close(self, code: int, reason: str) -> None:
        encoded = reason.encode()
        if not may_close_with(code) or len(encoded) > _MAX_REASON:
            raise ValueError(f"a Close cannot have code {code} and a reason of {len(encoded)} bytes")
        self._put_records([close(self.stream, code, encoded)])
        self._end(CLOSED, code, reason)

    async def _send_data(self, data: Any) -> None:
        if not isinstance(data, (str, bytes)):
            if data is None:
                raise ValueError("websocket.send with neither text nor bytes")
            data = bytes(data)  # the application may change its buffer later
        if self._waiters or self.credit <= 0:
            await self._wait_for_credit()
        body = data.encode() if isinstance(data, str) else data
        if len(body) > self._home.largest_message > 0:
            self.fail(1009, f"a message of {len(body)} bytes, where the proxy takes {self._home.largest_message}")
            return
        if self._backlog is None and len(body) <= MAX_PAYLOAD:
            self.tick.message(self, data)
        else:
            self._put_large(data, body)
        self._settle()
        if self.tick.pending > MAX_PENDING:
            await self._home.drained()

    def _put_large(self, data: Data, body: bytes) -> None:
        if self._backlog is None:
            large = self._home.large_message(data, body)
            self._backlog = deque((large,))
        else:
            large = Large(data, body)
            self._backlog.append(large)
        large.sessions.append(self)
        self.credit -= large.cost
        self._held += large.cost

    def _put_records(self, records: list[bytes]) -> None:
        if self._backlog is not None:
            self._backlog.extend(records)
            return
        for one in records:
            self.last = self.tick.record(one)

    async def _wait_for_credit(self) -> None:
        """Returns in the order of the calls. Raises as send() does if the session has ended meanwhile."""
        if self._waiters is None:
            self._waiters = deque()
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        self.state = CROWDED
        try:
            await waiter
        finally:
            if self._waiters is not None:
                self._waiters.remove(waiter)
                if self.state < CLOSED:
                    # What follows until the next await is the caller's turn; after a cancellation it is the next one's.
                    asyncio.get_running_loop().call_soon(self._settle)
        if self.state == GONE:
            raise ClientGone("the client has gone")
        if self.state == CLOSED:
            raise RuntimeError("the WebSocket was closed")

    def _settle(self) -> None:
        """Lets the next call of send() go on if it can, and finds out whether anything waits."""
        if self.state not in (OPEN, CROWDED):
            return
        if self._waiters and self.credit > 0:
            wake(self._waiters[0])
        if not self._waiters:
            self._waiters = None
        self.state = CROWDED if self._waiters or self._backlog else OPEN

    def on_credit(self, size: int) -> None:
        """A CREDIT has come. Raises Violation."""
        if self.state == CONNECTING:
            raise Violation(f"a CREDIT for session {self.stream}, which is not accepted")
        self.credit += size
        if self.credit + self._held > MAX_CREDIT:
            raise Violation(f"a credit of more than 2^31-1 for session {self.stream}")
        if self._waiters:
            self._settle()
        if self._backlog is not None:
            front = self._backlog[0]
            if isinstance(front, Large) and front.is_parked:
                self._home.line_up(front)

    def take_for_piece(self, cost: int) -> bool:
        """See large.Sender."""
        if self.credit + self._held <= 0:
            return False
        self._held -= cost
        return True

    def is_over(self) -> bool:
        return self._backlog is None

    def advance(self) -> None:
        """The message at the front of the backlog is written."""
        backlog = self._backlog
        if backlog is None:
            return
        front = backlog.popleft()
        if isinstance(front, Large) and len(front.sessions) > 1:
            self._held -= front.cost
        while backlog:
            front = backlog[0]
            if isinstance(front, Large):
                self._home.line_up(front)
                return
            self.last = self.tick.record(front)
            backlog.popleft()
        self._backlog = None
        if self.state == CLOSED:
            self._home.forget(self)
        self._settle()

    def fail(self, code: int, why: str) -> None:
        """Closes the session because of what cannot be sent or taken; to the application it is as if the client had."""
        logger.warning("session %d closed with %d: %s", self.stream, code, why)
        self._backlog = None
        self._put_records([close(self.stream, code, b"")])
        self._end(GONE, code, "")

    def is_gone(self, code: int, reason: Optional[str]) -> None:
        """The client has gone, with this reason in its Close, or the link is lost (None)."""
        if self.state == CONNECTING:
            code = ABNORMAL  # there is no WebSocket yet that could have a Close
        if self.state < CLOSED:
            self._end(GONE, code, None if code == ABNORMAL else reason)
        self._backlog = None
        self._home.forget(self)

    def finish(self, error: Optional[BaseException]) -> None:
        """The application has returned or raised."""
        if self.state == CONNECTING:
            denial = self._denial
            self._refuse(denial if denial is not None and denial.is_whole() else _ERROR)
        elif self.state in (OPEN, CROWDED):
            self._close(1000 if error is None else 1011, "")

    def _end(self, state: int, code: int, reason: Optional[str]) -> None:
        self.state = state
        self.code = code
        self.reason = reason
        self.wake_reader()
        for waiter in self._waiters or ():
            wake(waiter)
        if self._backlog is None:
            self._home.forget(self)
