"""The helper for the asyncio and the sync client of `websockets` 13 and later.

batch_connect() and batch_connect_sync() are drop-ins for the two connect() of that library: their connections are
subclasses of its own, with recv(), recv_streaming() and iteration replaced.

Batch frames are taken apart where Sheaf has confirmed an envelope in its 101 answer. Without that, as when there is no
Sheaf, a connection is that of the library, unchanged.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Iterator
from functools import cached_property
from typing import Any, Optional

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, ConnectionClosedError
from websockets.http11 import Response
from websockets.sync.client import ClientConnection as SyncClientConnection
from websockets.sync.client import connect as connect_sync

from .frames import ENVELOPES, EnvelopeError, Message, decode_frame
from .query import with_envelope

_PROTOCOL_ERROR = 1002
_INVALID_DATA = 1007


def batch_connect(uri: str, envelope: str = "json", **options: Any) -> connect:
    """websockets.asyncio.client.connect() that asks Sheaf for `envelope` ("json" or "binary").

    To be used in every way that connect() is: `async with`, `await`, `async for`. `options` are those of connect(), but
    for create_connection. Its max_size, 1 MiB unless given, is a limit on frames, so on whole batches.

    Raises what connect() does, and ValueError for an unknown envelope.
    """
    return connect(with_envelope(uri, envelope), create_connection=BatchConnection, **options)


def batch_connect_sync(uri: str, envelope: str = "json", **options: Any) -> SyncClientConnection:
    """The same for websockets.sync.client.connect()."""
    connection: SyncClientConnection = connect_sync(
        with_envelope(uri, envelope), create_connection=SyncBatchConnection, **options
    )
    return connection


class _Unpacking:
    """What the two kinds of connection share: the messages that wait, and the reason to give up."""

    def __init__(self, response: Optional[Response]) -> None:
        confirmed = response.headers.get("Sheaf-Batch") if response else None
        self.envelope = confirmed if confirmed in ENVELOPES else None
        self.close_code = 0
        """0: all is well; else the code to close with, because of `error`."""
        self.error: Optional[ValueError] = None
        self._waiting: deque[Message] = deque()

    def next_message(self, decode: Optional[bool]) -> Optional[Message]:
        """The oldest message that waits, as recv(decode=...) wants it; None if none does, or on an error."""
        try:
            message = self._waiting.popleft()
        except IndexError:
            return None
        if decode is None or decode is isinstance(message, str):
            return message
        try:
            return message.encode() if isinstance(message, str) else message.decode()
        except UnicodeDecodeError as error:
            self._fail(_INVALID_DATA, error)
            return None

    def add_frame(self, data: Message) -> None:
        """Puts the messages of a frame at the end of the queue, or sets an error."""
        try:
            self._waiting.extend(decode_frame(self.envelope or "", data))
        except EnvelopeError as error:
            self._fail(_PROTOCOL_ERROR, error)

    def _fail(self, code: int, error: ValueError) -> None:
        self._waiting.clear()
        self.close_code, self.error = code, error

    def closed_error(self, closed: ConnectionClosed) -> ConnectionClosedError:
        """What recv() raises after an error.

        It is no ConnectionClosedOK even if the server was closing: that would end an iteration as if all were well.
        """
        return ConnectionClosedError(closed.rcvd, closed.sent, closed.rcvd_then_sent)


class _Unpacker:
    """Gives a connection its _Unpacking, which can be made only after the handshake."""

    response: Optional[Response]

    @cached_property
    def _unpacking(self) -> _Unpacking:
        return _Unpacking(self.response)


class BatchConnection(_Unpacker, ClientConnection):
    """The connection that batch_connect() makes."""

    async def recv(self, decode: Optional[bool] = None) -> Any:
        """The next message, str or bytes; `decode` set to True or False makes it str or bytes, whatever was sent.

        As in the library, it is safe to cancel, and for one coroutine at a time.

        Raises ConnectionClosed once the connection is closed and every message was handed out; its __cause__ is an
        EnvelopeError where a broken batch was the reason.
        """
        unpacking = self._unpacking
        if unpacking.envelope is None:
            return await (super().recv() if decode is None else super().recv(decode))
        while not unpacking.close_code:
            message = unpacking.next_message(decode)
            if message is not None:
                return message
            if not unpacking.close_code:
                unpacking.add_frame(await super().recv())
        await self.close(unpacking.close_code, "broken batch")
        await self.wait_closed()
        raise unpacking.closed_error(self.protocol.close_exc) from unpacking.error

    async def recv_streaming(self, decode: Optional[bool] = None) -> AsyncIterator[Any]:
        """The next message in fragments. Where batches are confirmed it comes whole, as one fragment."""
        if self._unpacking.envelope is not None:
            yield await self.recv(decode)
            return
        async for fragment in super().recv_streaming() if decode is None else super().recv_streaming(decode):
            yield fragment


class SyncBatchConnection(_Unpacker, SyncClientConnection):
    """The connection that batch_connect_sync() makes."""

    def recv(self, timeout: Optional[float] = None, decode: Optional[bool] = None) -> Any:
        """The next message, str or bytes; see BatchConnection.recv(). `timeout` is in seconds.

        Raises TimeoutError when it has passed without a message; nothing is lost by it.
        """
        unpacking = self._unpacking
        if unpacking.envelope is None:
            return super().recv(timeout) if decode is None else super().recv(timeout, decode)
        while not unpacking.close_code:
            message = unpacking.next_message(decode)
            if message is not None:
                return message
            if not unpacking.close_code:
                unpacking.add_frame(super().recv(timeout))
        self.close(unpacking.close_code, "broken batch")
        raise unpacking.closed_error(self.protocol.close_exc) from unpacking.error

    def recv_streaming(self, decode: Optional[bool] = None) -> Iterator[Any]:
        """The next message in fragments. Where batches are confirmed it comes whole, as one fragment."""
        if self._unpacking.envelope is not None:
            yield self.recv(None, decode)
            return
        yield from super().recv_streaming() if decode is None else super().recv_streaming(decode)
