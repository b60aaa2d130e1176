"""A Service: what kube-proxy does with new connections to its address, in user space.

Each goes to one of the endpoints at random, and stays there whatever becomes of the endpoint; where that one refuses it,
it is reset, and nobody else is asked. Endpoints are the pods that are ready and not terminating; where there is none,
those that terminate and still are ready; where there is none of them either, connections are refused. What becomes of a
pod reaches the node some time later (PROPAGATION), as with EndpointSlices.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Iterable

from .pod_kubelet import Pod
from .pod_manifest import Document

PROPAGATION = 1.0  # seconds: from the kubelet's verdict to the last node's rules
CHUNK = 65536


class Service:
    """`address`: of 10.96.0.0/24. `seconds`: in the place of PROPAGATION."""

    def __init__(self, document: Document, address: str, seconds: float = PROPAGATION) -> None:
        (port,) = (one for one in document["spec"]["ports"] if one.get("name", "http") == "http")
        assert isinstance(port["targetPort"], int), "a port's name of a native sidecar resolves from 1.32 on only"
        self.address = address
        self.port: int = port["port"]
        self.connections = 0  # so far
        self._target: int = port["targetPort"]
        self._seconds = seconds
        self._endpoints: list[str] = []
        self._open: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"{self.address}:{self.port}"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._on_client, self.address, self.port, backlog=1024)

    async def stop(self) -> None:
        self._server.close()
        for one in list(self._open):
            one.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    def tell(self, pods: Iterable[Pod]) -> None:
        """So it is now with the pods; it is heeded when the news has spread."""
        ready = [pod for pod in pods if pod.ready]
        serving = [pod.address for pod in ready if not pod.terminating] or [pod.address for pod in ready]
        asyncio.get_running_loop().call_later(self._seconds, self._take, serving)

    def _take(self, endpoints: list[str]) -> None:
        self._endpoints = endpoints

    async def _on_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._open.add(task)
        self.connections += 1
        try:
            await self._carry(reader, writer)
        except (OSError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            self._open.discard(task)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._endpoints:
            raise ConnectionRefusedError
        there, to_there = await asyncio.open_connection(random.choice(self._endpoints), self._target)
        try:
            await asyncio.gather(_pump(reader, to_there), _pump(there, writer))
        except BaseException:
            to_there.transport.abort()
            raise
        for one in (writer, to_there):
            with contextlib.suppress(OSError):
                one.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One direction, to its end, which is passed on. Raises OSError where the connection breaks."""
    while data := await reader.read(CHUNK):
        writer.write(data)
        await writer.drain()
    writer.write_eof()
