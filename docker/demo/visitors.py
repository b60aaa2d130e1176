"""Clients that the backend runs for a page, each kind in a process of its own: three on slow links, and a crowd.

They need SHEAF_DEMO_PROXY, and a backend that listens on a port.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import StreamingResponse

from .feed import Feeds

FeedName = Annotated[str, Query(pattern="^[A-Za-z0-9-]{1,40}$")]
Visitors = Literal["slow", "crowd"]
PATHS = ("/ws/feed", "/ws/feed/conflated")
SLOW_LINK_BYTES_PER_SECOND = 12_000
CROWD_RATE = 20


async def lines_of(module: str, *arguments: object) -> AsyncIterator[str]:
    """Runs a module of the demo and gives what it prints, as server-sent events; ends it when the page leaves."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", f"demo.{module}", *map(str, arguments),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).resolve().parents[1],
    )  # fmt: skip
    assert process.stdout
    try:
        async for line in process.stdout:
            yield f"data: {line.decode().strip()}\n\n"
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def events(lines: AsyncIterator[str]) -> StreamingResponse:
    """The answer that carries them."""
    return StreamingResponse(lines, media_type="text/event-stream", headers={"cache-control": "no-store"})


def addresses(request: Request, proxy: str) -> tuple[str, str]:
    """The WebSocket URLs of this backend and of Sheaf before it. Raises HTTPException (409) where one is not known."""
    server = request.scope.get("server")
    if not proxy or not server or not server[1]:
        raise HTTPException(409, "other clients need SHEAF_DEMO_PROXY, and a backend on a port")
    return f"ws://{server[0]}:{server[1]}", proxy.replace("http", "ws", 1)


def add_routes(router: APIRouter, feeds: Feeds, proxy: str) -> None:
    """Server-sent events of both kinds. `proxy`: the URL of Sheaf, or empty."""

    metrics = f"{admin}/metrics" if (admin := os.environ.get("SHEAF_DEMO_ADMIN")) else ""
    crowded = asyncio.Lock()  # two crowds would measure each other

    @router.get("/api/feed/slow-clients")
    async def slow_clients(request: Request, feed: FeedName) -> StreamingResponse:
        """How old the quotes are that three clients on a slow link get, while the page wants to know; see slow_client.py."""
        direct, through = addresses(request, proxy)
        found = feeds.get(feed)
        if found is None:
            raise HTTPException(409, f"nobody reads a feed named {feed}")
        query = f"?feed={feed}&readers=slow&rate={found.rate}"
        urls = (direct + PATHS[0] + query, through + PATHS[0] + query, through + PATHS[1] + query)
        return events(lines_of("slow_client", *urls, SLOW_LINK_BYTES_PER_SECOND))

    @router.get("/api/feed/crowd")
    async def crowd(request: Request, feed: FeedName) -> StreamingResponse:
        """What a message to a crowd costs, directly and through Sheaf, measured once; see crowd.py."""
        direct, through = addresses(request, proxy)
        if crowded.locked():
            raise HTTPException(409, "there is a crowd already, of another page")
        path = f"{PATHS[0]}?feed={feed}&readers=crowd&rate={CROWD_RATE}"

        async def measured() -> AsyncIterator[str]:
            async with crowded:
                async for line in lines_of("crowd", direct + path, through + path, os.getpid(), metrics):
                    yield line

        return events(measured())
