"""The routes of the comparison: feeds over two paths, their rate, the wire's counters, the clock. Clients beside the page's
own are those of visitors.py.

A feed is made by one process, so whatever is asked about it names it in the query: where there are several processes, Sheaf
sends the same `feed` to the same one.

Environment: SHEAF_DEMO_PROXY (the URL at which Sheaf stands before this backend, as in http://127.0.0.1:8080); without it
there are no other clients, and no counters of Sheaf's side. SHEAF_DEMO_ADMIN (the URL of its admin listener), for the link to
its dashboard and for its CPU time. SHEAF_DEMO_PROCESSES: how many processes there are (1); SHEAF_DEMO_MUX: set where clients
share links (upstream.mode = "mux").
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, HTTPException, Query, Request, WebSocket, WebSocketDisconnect

from . import visitors, wire
from .feed import MAX_RATE, MIN_RATE, Feeds, Subscription, TooManyFeeds
from .visitors import PATHS, FeedName, Visitors

Rate = Annotated[float, Query(ge=MIN_RATE, le=MAX_RATE)]


class Measured:
    """Which TCP connections a page's two WebSockets run on, so that their bytes on the wire can be told."""

    def __init__(self, proxy_port: int | None) -> None:
        self._proxy_port = proxy_port
        # By feed and side: the local port and the other side's.
        self._ports: dict[tuple[str, str], tuple[int, int]] = {}

    def note(self, feed: str, socket: WebSocket) -> None:
        """Before the WebSocket is accepted: remembers what it runs on, or that this cannot be told."""
        is_proxied = "x-forwarded-for" in socket.headers
        found = self._proxied() if is_proxied else self._direct(socket)
        self._ports.pop((feed, "sheaf" if is_proxied else "direct"), None)
        if found:
            self._ports[feed, "sheaf" if is_proxied else "direct"] = found

    def _direct(self, socket: WebSocket) -> tuple[int, int] | None:
        server, client = socket.scope.get("server"), socket.scope.get("client")
        return (server[1], client[1]) if server and server[1] and client else None

    def _proxied(self) -> tuple[int, int] | None:
        # Sheaf has not answered this client yet: its connection is the one on which nothing was sent. Where there are
        # several such, it cannot be told which.
        if self._proxy_port is None:
            return None
        silent = [port for port, sent in wire.sent_by(self._proxy_port).items() if sent.bytes == 0]
        return (self._proxy_port, silent[0]) if len(silent) == 1 else None

    def sent(self, feed: str, side: str) -> wire.Counted | None:
        """What has been sent to the page on that side; None where it cannot be told."""
        ports = self._ports.get((feed, side))
        return wire.sent_by(ports[0]).get(ports[1]) if ports else None

    def forget(self, feed: str) -> None:
        """The feed is over."""
        for side in ("direct", "sheaf"):
            self._ports.pop((feed, side), None)


async def send_until_closed(socket: WebSocket, subscription: Subscription) -> None:
    """Sends what comes from the feed until the client leaves."""

    async def send() -> None:
        while True:
            await socket.send_text(await subscription.get())

    sending = asyncio.create_task(send())
    try:
        while (await socket.receive())["type"] != "websocket.disconnect":
            pass
    finally:
        sending.cancel()
        with contextlib.suppress(asyncio.CancelledError, WebSocketDisconnect, RuntimeError):
            await sending


def _add_feeds(router: APIRouter, feeds: Feeds, measured: Measured) -> None:
    """The feeds, their rate, and what they cost on the wire."""

    # Both do the same: only Sheaf's routes differ.
    @router.websocket(PATHS[0])
    @router.websocket(PATHS[1])
    async def quotes(
        socket: WebSocket, feed: FeedName, rate: Rate | None = None, measure: bool = False, readers: Visitors | None = None
    ) -> None:
        """The quotes of a feed; `measure`: this is the one whose bytes on the wire the page asks for; `readers`: who reads,
        if it is not the page."""
        # What others read is a feed of their own: else the page would not be the only reader of its messages any more, and
        # Sheaf would compress them once for all of their readers.
        feed += f"-{readers}" if readers else ""
        if measure:
            measured.note(feed, socket)
        await socket.accept()
        try:
            subscription = feeds.subscribe(feed, rate)
        except TooManyFeeds as error:
            await socket.close(1013, str(error))
            return
        try:
            await send_until_closed(socket, subscription)
        finally:
            feeds.unsubscribe(feed, subscription)
            if not feeds.get(feed):
                measured.forget(feed)

    @router.put("/api/feed")
    async def set_rate(feed: FeedName, rate: Rate) -> dict[str, float]:
        """Sets the quotes a second of a feed that is being read, and of its slow clients'."""
        if feeds.get(feed) is None:
            raise HTTPException(404, f"nobody reads a feed named {feed}")
        for found in filter(None, (feeds.get(feed), feeds.get(f"{feed}-slow"))):
            found.rate = rate
        return {"rate": rate}

    @router.get("/api/feed/wire")
    async def sent_on_the_wire(feed: FeedName) -> dict[str, object]:
        """What the kernel has counted on the page's two connections; null where that cannot be told."""
        sides = {side: measured.sent(feed, side) for side in ("direct", "sheaf")}
        return {"at": time.monotonic(), **sides}


def _add_place(router: APIRouter, proxy: str) -> None:
    """Where the page's backend is. `proxy`: the URL of Sheaf, or empty."""

    processes = int(os.environ.get("SHEAF_DEMO_PROCESSES", "1"))
    dashboard, shares_links = os.environ.get("SHEAF_DEMO_ADMIN") or None, bool(os.environ.get("SHEAF_DEMO_MUX"))

    # The process that makes the feed answers.
    @router.get("/api/feed/place")
    async def place(request: Request, feed: FeedName) -> dict[str, object]:
        """On which ports the backend and Sheaf listen (null: on none, or not known); the id of this process, and how many
        there are; whether clients share links to it; Sheaf's dashboard, if there is one; this process's clock, in seconds
        since 1970."""
        server = request.scope.get("server")
        ports = {"direct_port": server[1] if server else None, "proxy_port": urlsplit(proxy).port}
        told = {"process": os.getpid(), "processes": processes, "shares_links": shares_links, "dashboard": dashboard}
        return {**ports, **told, "now": time.time()}


def make_router() -> APIRouter:
    """All routes of the comparison."""
    router = APIRouter()
    feeds = Feeds()
    proxy = os.environ.get("SHEAF_DEMO_PROXY", "")
    _add_feeds(router, feeds, Measured(urlsplit(proxy).port))
    _add_place(router, proxy)
    visitors.add_routes(router, feeds, proxy)
    return router
