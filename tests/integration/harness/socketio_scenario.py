"""What stock Socket.IO clients do in front of the demo backend, and what they must have seen (tests/clients/socketio.cjs)."""

from __future__ import annotations

import asyncio
import ssl

import aiohttp
import socketio

# What the JavaScript client is told, its transport at first, and the one that it ends with.
TRANSPORTS = [
    ("polling", "polling", "polling"),
    ("websocket", "websocket", "websocket"),
    ("polling,websocket", "polling", "websocket"),
]


def check_scenario(seen: dict[str, object], first: str, last: str) -> None:
    """What the JavaScript client printed; its transport at first and at last."""
    assert seen["transports"] == ([first] if first == last else [first, last])
    assert seen["forwardedFor"] == "127.0.0.1"
    assert seen["ack"] == ["text", {"nested": [1, None, "é€𝄞"]}]
    assert seen["binaryAck"] is True and seen["binaryEvent"] is True and seen["acksInOrder"] is True
    assert (seen["room"], seen["said"], seen["broadcasts"]) == ("traders", ["inside"], ["all", "all"])
    assert seen["disconnect"] == "io client disconnect"


async def python_scenario(url: str, transports: list[str], context: ssl.SSLContext | None) -> dict[str, object]:
    """Connects two Python clients and exercises events, acknowledgements, binaries and rooms; see check_python."""
    connector = aiohttp.TCPConnector(ssl=context) if context else None
    async with aiohttp.ClientSession(connector=connector) as session:
        first = socketio.AsyncClient(http_session=session, reconnection=False)
        second = socketio.AsyncClient(http_session=session, reconnection=False)
        seen: dict[str, object] = {"said": [], "prices": 0}
        binary: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        @first.on("price_update")
        def _(_: object) -> None:
            seen["prices"] += 1  # type: ignore[operator]

        @first.on("said")
        def _(message: dict[str, str]) -> None:
            seen["said"].append(message["text"])  # type: ignore[attr-defined]

        @first.on("binary")
        def _(data: bytes) -> None:
            binary.set_result(data)

        await first.connect(url, transports=transports)
        await second.connect(url, transports=transports)
        try:
            seen["transport"] = first.transport()
            seen["ack"] = await first.call("echo", ("é", b"\x00\xff", {"a": [1]}))
            await first.emit("binary", bytes(range(256)) * 100)
            seen["binary"] = await asyncio.wait_for(binary, 5) == bytes(range(256)) * 100
            await first.call("join", "traders")
            await second.call("say", ("traders", "inside"))
            await first.call("leave", "traders")
            await second.call("say", ("traders", "outside"))
            await asyncio.sleep(0.5)
        finally:
            # On polling the client's own disconnect() waits out its last poll, 30 s, with or without a proxy.
            for client in (first, second):
                await (client.eio.disconnect(abort=True) if transports == ["polling"] else client.disconnect())
        return seen


def check_python(seen: dict[str, object], final: str) -> None:
    """What python_scenario saw, and the transport that it ends with."""
    assert seen["transport"] == final
    assert list(seen["ack"]) == ["é", b"\x00\xff", {"a": [1]}]  # type: ignore[call-overload]
    assert seen["binary"] is True
    assert seen["said"] == ["inside"]
    assert seen["prices"] > 0  # type: ignore[operator]
