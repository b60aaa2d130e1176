"""Lets a client that speaks no TLS reach a port that does."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from types import TracebackType

from .ports import free_port


class TlsRelay:
    """Listens on a plain port of its own; what comes there goes over TLS to `port` of 127.0.0.1, and back."""

    def __init__(self, port: int, context: ssl.SSLContext) -> None:
        self.port = free_port()
        self._target = port
        self._context = context
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> TlsRelay:
        self._thread.start()
        server = asyncio.start_server(self._serve, "127.0.0.1", self.port)
        asyncio.run_coroutine_threadsafe(server, self._loop).result(5)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        away_reader, away_writer = await asyncio.open_connection("127.0.0.1", self._target, ssl=self._context)
        await asyncio.gather(_copy(reader, away_writer), _copy(away_reader, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until the end, which is passed on."""
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()
