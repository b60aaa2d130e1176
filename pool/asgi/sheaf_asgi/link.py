"""A link: one WebSocket of the proxy, on which many clients have theirs."""

from __future__ import annotations

import asyncio
from typing import Optional

from .asgi import CoroutineApp, Data, Event, Receive, Scope, Send
from .fields import FieldTable
from .hello import LINK_WINDOW, Hello, own_hello, read_hello
from .incoming import CONNECTING
from .large import Large
from .log import logger
from .records import (
    ABNORMAL,
    BINARY,
    CLOSE,
    CREDIT,
    GOAWAY,
    HELLO,
    MAX_HEAD,
    OPEN,
    PING,
    PONG,
    TEXT,
    Violation,
    charge,
    close,
    credit,
    read_close,
    read_credit,
    read_records,
    record,
)
from .scope import Scopes
from .session import ClientGone, Session
from .tick import Tick
from .writer import Writer

_PROTOCOL_ERROR = 1002
_SERVICE_RESTART = 1012
_TOO_BIG = 1009


class Link:
    """Reads what the proxy sends, never waiting for a session, and keeps the sessions and their tasks.

    run() ends only when all tasks of its sessions have ended: so a server that waits for its connections' tasks before
    it stops waits for theirs.
    """

    def __init__(
        self, app: CoroutineApp, scope: Scope, receive: Receive, send: Send, table: FieldTable, max_message: int
    ) -> None:
        """`scope`, `receive` and `send` are the link's. `max_message`: bytes of a client's message; 0: any."""
        self.largest_message = 0
        self._max_message = max_message
        self._app = app
        self._receive = receive
        self._scopes = Scopes(scope, table)
        self._tick = Tick()
        self._writer = Writer(self._tick, send)
        self._hello: Optional[Hello] = None
        self._sessions: dict[int, Session] = {}  # streams on which something may still come or go
        self._tasks: dict[asyncio.Task[None], Session] = {}  # the application's
        self._is_lost = False
        self._last_stream = 0
        self._opening: list[bytes] = []  # pieces of an OPEN of which more are to come
        self._allowance = LINK_WINDOW

    async def run(self, siblings: bool) -> None:
        """`siblings`: whether other processes take links at the same address. Raises only CancelledError."""
        writing = asyncio.create_task(self._write(own_hello(self._max_message, siblings)))
        try:
            code = await self._read()
            self._lose(_SERVICE_RESTART if code == _SERVICE_RESTART else ABNORMAL)
            if self._tasks:
                await asyncio.wait(self._tasks)
        except asyncio.CancelledError:
            self._lose(_SERVICE_RESTART)
            for task in self._tasks:
                task.cancel()
            if self._tasks:
                await asyncio.wait(self._tasks)
            raise
        finally:
            writing.cancel()

    def end(self) -> list[asyncio.Task[None]]:
        """The server shuts down: ends the link if it has not been told, and returns the tasks that sessions still have."""
        if not self._is_lost:
            self._writer.close(_SERVICE_RESTART, "the process ends")
            self._lose(_SERVICE_RESTART)
        return [*self._tasks]

    async def _write(self, hello: bytes) -> None:
        try:
            await self._writer.run(hello)
        except Exception as error:  # whatever a server raises when the connection is lost
            logger.debug("a link is lost: %r", error)
            self._lose(ABNORMAL)
        finally:
            self._writer.stop()

    async def _read(self) -> int:
        """Reads until the link ends, and returns the code of its end."""
        while True:
            event = await self._receive()
            if event["type"] != "websocket.receive":
                return int(event.get("code") or ABNORMAL)
            if self._is_lost:
                continue  # it cannot be answered any more
            try:
                self._on_frame(event)
            except Violation as violation:
                logger.warning("link closed with %d: the proxy sent %s", _PROTOCOL_ERROR, violation)
                self._writer.close(_PROTOCOL_ERROR, str(violation))
                self._lose(ABNORMAL)

    def _lose(self, code: int) -> None:
        """Nothing more comes or goes: tells all sessions."""
        self._is_lost = True
        for session in [*self._sessions.values()]:
            session.is_gone(code, None)
        self._writer.stop()  # it may be in a send() of the server's that never returns

    def _on_frame(self, event: Event) -> None:
        frame = event.get("bytes")
        if frame is None:
            raise Violation("a text message")
        if self._hello is None:
            self._on_hello(frame)
            return
        before = self._allowance
        for kind, more, stream, payload in read_records(frame):
            if self._opening and (kind != OPEN or stream != self._last_stream):
                raise Violation(f"a record of type {kind} amid an OPEN")
            if kind in (TEXT, BINARY):
                self._count(payload)
                self._on_data(kind, more, stream, payload)
            elif kind == OPEN:
                self._count(payload, goes_on=bool(self._opening))
                self._on_open(more, stream, payload)
            else:
                self._on_other(kind, stream, payload)
        if self._allowance != before:
            self._tick.record(credit(0, before - self._allowance))
            self._allowance = before

    def _on_hello(self, frame: bytes) -> None:
        records = [*read_records(frame)]
        if len(records) != 1 or records[0][0] != HELLO:
            raise Violation("a first frame that is no HELLO alone")
        payload = records[0][3]
        self._hello = read_hello(payload)
        self.largest_message = self._hello.largest_message
        if self.largest_message:
            self._tick.surely_small = min(self._tick.surely_small, self.largest_message // 4)
        if not self._hello.version():
            logger.error("the proxy speaks versions %d to %d of the mux protocol: update the package, or the proxy",
                         self._hello.lowest, self._hello.highest)  # fmt: skip

    def _count(self, payload: bytes, goes_on: bool = False) -> None:
        """`goes_on`: a piece of an OPEN that has begun, between which nothing may stand, and so no wait either."""
        if self._allowance <= 0 and not goes_on:
            raise Violation("data without credit for the link")
        self._allowance -= charge(len(payload))

    def _on_data(self, kind: int, more: bool, stream: int, payload: bytes) -> None:
        session = self._find(stream)
        if session is None:
            return
        if session.state == CONNECTING:
            raise Violation(f"data for session {stream}, which is not accepted")
        if not session.on_data(kind, more, payload, self._max_message):
            session.fail(_TOO_BIG, f"the client sends a message of more than {self._max_message} bytes")

    def _on_open(self, more: bool, stream: int, payload: bytes) -> None:
        if not self._opening:
            if stream <= self._last_stream:
                raise Violation(f"an OPEN of session {stream} after one of {self._last_stream}")
            self._last_stream = stream
        self._opening.append(payload)
        if sum(map(len, self._opening)) > MAX_HEAD:
            raise Violation(f"an OPEN of more than {MAX_HEAD} bytes")
        if not more:
            whole = b"".join(self._opening)
            self._opening = []
            self._start(stream, self._scopes.make(whole))

    def _on_other(self, kind: int, stream: int, payload: bytes) -> None:
        if kind == PING:
            self._writer.urgent(record(PONG, 0, payload))
        elif kind == CREDIT:
            size = read_credit(payload)
            session = self._find(stream) if stream else None
            if session is not None:
                session.on_credit(size)
        elif kind == CLOSE:
            code, reason = read_close(payload)
            session = self._find(stream)
            if session is not None:
                session.is_gone(code, reason)
                self._tick.record(close(stream, code, b""))  # behind all that the application has sent
        elif kind not in (PONG, GOAWAY):
            raise Violation("a second HELLO")

    def _find(self, stream: int) -> Optional[Session]:
        """None: its stream has ended, and the record has crossed with that."""
        session = self._sessions.get(stream)
        if session is None and stream > self._last_stream:
            raise Violation(f"a record for session {stream}, which was never opened")
        return session

    def _start(self, stream: int, scope: Scope) -> None:
        assert self._hello is not None
        session = Session(stream, self, self._tick, self._hello.session_window)
        scope["extensions"]["sheaf"] = {"session": session}
        self._sessions[stream] = session
        logger.debug("session %d: %s", stream, scope["path"])
        # This task is the link's, whose context the new one copies: no session sees another's variables.
        task = asyncio.create_task(self._app(scope, session.receive, session.send))
        self._tasks[task] = session
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        session = self._tasks.pop(task)
        if task.cancelled():
            session.finish(asyncio.CancelledError())
            return
        error = task.exception()
        if isinstance(error, ClientGone) or (error is not None and isinstance(error.__context__, ClientGone)):
            # Also as what a framework makes of it: Starlette's WebSocketDisconnect.
            logger.debug("session %d: the application went on sending after the client had gone", session.stream)
        elif error is not None:
            logger.error("exception in the application, session %d", session.stream, exc_info=error)
        elif session.state == CONNECTING:
            logger.error("the application has returned without an answer, session %d", session.stream)
        session.finish(error)

    # What sessions ask of the link: see session.Home.

    def line_up(self, large: Large) -> None:
        self._writer.line_up(large)

    def large_message(self, data: Data, body: bytes) -> Large:
        return self._writer.large_message(data, body)

    async def drained(self) -> None:
        await self._writer.drained()

    def forget(self, session: Session) -> None:
        self._sessions.pop(session.stream, None)
