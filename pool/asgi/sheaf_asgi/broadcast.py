"""One message for many clients, said outright. Sending it to each in a loop does as well, for more CPU."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from typing import Any, Generic, Optional, TypeVar

from .asgi import Data
from .log import logger
from .session import Session

_Socket = TypeVar("_Socket")


async def broadcast(sockets: Iterable[_Socket], message: Data) -> list[_Socket]:
    """Sends `message` (str: as text, bytes: as binary) to all of `sockets`, and returns those that it could not be sent
    to, since they are closed.

    A socket is what the application holds: a WebSocket of Starlette or FastAPI, or anything else with ASGI's scope as
    `scope` and ASGI's send as `send`; or `send` itself, as an ASGI application gets it. Those that came by a link cost
    a fraction of a send() each; all others get a plain one, as without Sheaf. A slow client holds up this call alone.
    Order is that of the calls, as with send().
    """
    return await _send_to_all([(socket, _session_of(socket)) for socket in sockets], message)


class Group(Generic[_Socket]):
    """A set of sockets, in order of their coming, for those who broadcast to the same ones again and again."""

    def __init__(self, sockets: Iterable[_Socket] = ()) -> None:
        self._sessions = {socket: _session_of(socket) for socket in sockets}

    def add(self, socket: _Socket) -> None:
        self._sessions[socket] = _session_of(socket)

    def discard(self, socket: _Socket) -> None:
        self._sessions.pop(socket, None)

    def __contains__(self, socket: object) -> bool:
        return socket in self._sessions

    def __iter__(self) -> Iterator[_Socket]:
        return iter(self._sessions)

    def __len__(self) -> int:
        return len(self._sessions)

    async def send(self, message: Data) -> None:
        """See broadcast(). Sockets that are closed leave the group."""
        for socket in await _send_to_all(self._sessions.items(), message):
            self.discard(socket)


async def _send_to_all(sockets: Iterable[tuple[_Socket, Optional[Session]]], message: Data) -> list[_Socket]:
    if not isinstance(message, (str, bytes)):
        raise TypeError(f"a message is str or bytes, not {type(message).__name__}")
    others = [socket for socket, session in sockets if session is None or not session.offer(message)]
    if not others:
        return []
    event = {"type": "websocket.send", "text" if isinstance(message, str) else "bytes": message}
    results = await asyncio.gather(*(_send_of(socket)(event) for socket in others), return_exceptions=True)
    closed = [socket for socket, result in zip(others, results) if isinstance(result, Exception)]
    if closed:
        logger.debug("a broadcast to %d has met %d that are closed", len(results), len(closed))
    return closed


def _send_of(socket: Any) -> Any:
    return getattr(socket, "send", socket)


def _session_of(socket: Any) -> Optional[Session]:
    """None: it did not come by a link."""
    scope = getattr(socket, "scope", None)
    if scope is None:
        owner = getattr(socket, "__self__", None)
        return owner if isinstance(owner, Session) else None
    extension = (scope.get("extensions") or {}).get("sheaf")
    return extension["session"] if extension else None
