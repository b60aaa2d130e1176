"""The ASGI application that is put around the user's."""

from __future__ import annotations

import asyncio
import hmac
import inspect
import os
from typing import Optional, cast

from .asgi import App, CoroutineApp, Event, Receive, Scope, Send
from .fields import FieldTable
from .link import Link
from .log import logger
from .scope import LINK_PATH
from .siblings import has_siblings

_SUBPROTOCOL = "sheaf-mux"
_MAX_MESSAGE = 16 << 20


class SheafMiddleware:
    """Takes the links of Sheaf apart into ordinary ASGI WebSockets, for an application that is left as it is.

    To be put outside all other middleware. All but the path of the links goes to the application untouched.
    """

    def __init__(
        self,
        app: App,
        token: Optional[str] = None,
        *,
        max_message: int = _MAX_MESSAGE,
        siblings: Optional[bool] = None,
    ) -> None:
        """`token`: the secret that Sheaf has as upstream.token; None: that in the environment's SHEAF_TOKEN.
        `max_message`: bytes that a client may send in one message; 0: any. `siblings`: whether other processes take
        connections at the same address; None: it is found out.

        Raises ValueError without a token.
        """
        token = os.environ.get("SHEAF_TOKEN", "") if token is None else token
        if not token:
            raise ValueError(
                "SheafMiddleware needs a token, the same as Sheaf's upstream.token: "
                "give it as token=..., or set SHEAF_TOKEN"
            )
        self.app = app
        self._coroutine = _as_coroutine(app)
        self._credentials = token.encode()
        self._max_message = max_message
        self._siblings = siblings
        self._links: set[Link] = set()
        self._table = FieldTable()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" and _is_link_path(scope):
            await self._serve_link(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self.app(scope, self._watch(receive), send)
        else:
            await self.app(scope, receive, send)

    def _watch(self, receive: Receive) -> Receive:
        """A lifespan's `receive` that ends the links first, for servers that do not tell them of a shutdown."""

        async def watched() -> Event:
            event = await receive()
            if event["type"] == "lifespan.shutdown":
                await self._end_links()
            return event

        return watched

    async def _end_links(self) -> None:
        tasks = [task for link in self._links for task in link.end()]
        if tasks:
            await asyncio.wait(tasks)

    async def _serve_link(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        if not self._is_authorized(scope):
            logger.warning("a link with a wrong token, or without one, from %s", scope.get("client"))
            await _refuse(scope, send, 401, b"wrong token", [(b"www-authenticate", b"Bearer")])
            return
        if _SUBPROTOCOL not in scope.get("subprotocols", ()):
            await _refuse(scope, send, 400, b"the subprotocol is sheaf-mux", [])
            return
        await send({"type": "websocket.accept", "subprotocol": _SUBPROTOCOL})
        siblings = has_siblings() if self._siblings is None else self._siblings
        link = Link(self._coroutine, scope, receive, send, self._table, self._max_message)
        self._links.add(link)
        try:
            await link.run(siblings)
        finally:
            self._links.discard(link)

    def _is_authorized(self, scope: Scope) -> bool:
        values = [value for name, value in scope["headers"] if name.lower() == b"authorization"]
        value: bytes = values[0] if len(values) == 1 else b""
        scheme, _, token = value.partition(b" ")
        is_right: bool = hmac.compare_digest(token.strip(), self._credentials)
        return is_right and scheme.lower() == b"bearer"


def _as_coroutine(app: App) -> CoroutineApp:
    """The application, so that calling it never raises; as it is if it is an `async def` already."""
    if inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(getattr(type(app), "__call__", None)):
        return cast(CoroutineApp, app)

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope, receive, send)

    return call


def _is_link_path(scope: Scope) -> bool:
    """Some servers put the root path in front, some do not."""
    path: str = scope["path"]
    return path == LINK_PATH or path == f"{scope.get('root_path', '')}{LINK_PATH}"


async def _refuse(scope: Scope, send: Send, status: int, body: bytes, fields: list[tuple[bytes, bytes]]) -> None:
    """An answer of one's own where the server can send it; else a close, which becomes 403."""
    if "websocket.http.response" not in (scope.get("extensions") or {}):
        await send({"type": "websocket.close"})
        return
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode()), *fields]
    await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": body})
