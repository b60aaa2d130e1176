"""The REST side: quotes, and requests that show how bodies, statuses and fields fare on their way through a proxy."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

from .quotes import Ticker

CHUNK_BYTES = 256 * 1024


def pattern(total_bytes: int) -> AsyncIterator[bytes]:
    """`total_bytes` zeros in chunks: a body of any size that needs no memory."""

    async def generate() -> AsyncIterator[bytes]:
        chunk = bytes(CHUNK_BYTES)
        left = total_bytes
        while left > 0:
            yield chunk if left >= CHUNK_BYTES else chunk[:left]
            left -= CHUNK_BYTES

    return generate()


class EchoResponse(StreamingResponse):
    """A response made of the request's body.

    The base class listens for the client's leaving meanwhile, which would take the body's messages from the stream.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.stream_response(send)


def _add_quotes(router: APIRouter, ticker: Ticker) -> None:
    """The quotes: all of them, one, and as they change."""

    @router.get("/api/quotes")
    async def quotes() -> list[dict[str, object]]:
        return ticker.all()

    @router.get("/api/quotes/{symbol}")
    async def quote(symbol: str) -> dict[str, object]:
        found = ticker.get(symbol)
        if found is None:
            raise HTTPException(404, f"no such symbol: {symbol}")
        return found

    @router.get("/sse")
    async def server_sent_events(count: int = 0, interval: float = 0.2) -> StreamingResponse:
        """`count` events (0: without end), one every `interval` seconds."""

        async def events() -> AsyncIterator[str]:
            number = 0
            while count == 0 or number < count:
                yield f"id: {number}\nevent: quotes\ndata: {json.dumps(ticker.all())}\n\n"
                number += 1
                await asyncio.sleep(interval)

        return StreamingResponse(events(), media_type="text/event-stream", headers={"cache-control": "no-store"})


def _add_bodies(router: APIRouter) -> None:
    """Bodies of any size, both ways, whole and broken off."""

    @router.post("/api/echo")
    async def echo(request: Request) -> EchoResponse:
        """Streams the body back while it comes."""
        media_type = request.headers.get("content-type", "application/octet-stream")
        return EchoResponse(request.stream(), media_type=media_type)

    @router.get("/download")
    async def download(bytes: int, length: bool = False) -> StreamingResponse:
        """`bytes` zeros: chunked, or with Content-Length where `length` is set."""
        fields = {"content-length": str(bytes)} if length else {}
        return StreamingResponse(pattern(bytes), media_type="application/octet-stream", headers=fields)

    @router.post("/upload")
    async def upload(request: Request, pause: float = 0.0) -> dict[str, object]:
        """Counts and hashes the body as it comes, keeping none of it; reads nothing for the first `pause` seconds."""
        await asyncio.sleep(pause)
        digest, total = hashlib.sha256(), 0
        async for chunk in request.stream():
            digest.update(chunk)
            total += len(chunk)
        return {"bytes": total, "sha256": digest.hexdigest()}

    @router.get("/cut")
    async def cut(length: bool = False) -> StreamingResponse:
        """A response that breaks off in the middle: chunked, or 100,000 bytes short of its Content-Length."""

        async def half() -> AsyncIterator[bytes]:
            yield bytes(CHUNK_BYTES)
            await asyncio.sleep(0.2)
            raise ConnectionAbortedError("the demo breaks this response off on purpose")

        fields = {"content-length": str(CHUNK_BYTES + 100_000)} if length else {}
        return StreamingResponse(half(), media_type="application/octet-stream", headers=fields)


def _add_answers(router: APIRouter) -> None:
    """Statuses and fields, and what the request looked like from here."""

    @router.api_route("/headers", methods=["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
    async def headers(request: Request) -> JSONResponse:
        pairs = [[name.decode("latin-1"), value.decode("latin-1")] for name, value in request.scope["headers"]]
        seen = {
            "headers": pairs,
            "client": request.client.host if request.client else None,
            "path": request.scope["raw_path"].decode("latin-1"),
            "scheme": request.scope["scheme"],
            "query": request.scope["query_string"].decode("latin-1"),
            "method": request.method,
        }
        return JSONResponse(seen)

    @router.api_route("/slow", methods=["GET", "POST"])
    async def slow(seconds: float) -> dict[str, float]:
        await asyncio.sleep(seconds)
        return {"slept": seconds}

    @router.api_route("/status/{code}", methods=["GET", "HEAD", "POST"])
    async def status(code: int) -> Response:
        """An answer with this status; 204 and 304 have no body, whatever a proxy may wait for."""
        if code in (204, 304):
            return Response(status_code=code, headers={"etag": '"demo"'})
        return JSONResponse({"status": code}, status_code=code)

    @router.api_route("/page", methods=["GET", "HEAD"])
    async def page() -> Response:
        """The same head for GET and HEAD: a Content-Length that HEAD must not follow with a body."""
        return Response(b"x" * 1234, media_type="text/plain", headers={"x-demo": "page"})

    @router.get("/cookies")
    async def cookies(request: Request) -> Response:
        """Sets two cookies in two lines and tells which came."""
        response = JSONResponse(request.cookies)
        response.set_cookie("first", "1", httponly=True)
        response.set_cookie("second", "2", samesite="lax")
        return response


def make_router(ticker: Ticker) -> APIRouter:
    """All plain HTTP routes but the page."""
    router = APIRouter()
    _add_quotes(router, ticker)
    _add_bodies(router)
    _add_answers(router)
    return router
