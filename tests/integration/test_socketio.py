"""Socket.IO works unchanged: the stock JavaScript and Python clients, every transport, plain and TLS."""

from __future__ import annotations

import asyncio
import ssl

import aiohttp
import pytest
import socketio

from harness.backend import Backend
from harness.certificates import Authority, Pair
from harness.clients_js import node
from harness.sheaf import Sheaf


def check_scenario(seen: dict[str, object], first: str, last: str) -> None:
    assert seen["transports"] == ([first] if first == last else [first, last])
    assert seen["forwardedFor"] == "127.0.0.1"
    assert seen["ack"] == ["text", {"nested": [1, None, "é€𝄞"]}]
    assert seen["binaryAck"] is True and seen["binaryEvent"] is True and seen["acksInOrder"] is True
    assert (seen["room"], seen["said"], seen["broadcasts"]) == ("traders", ["inside"], ["all", "all"])
    assert seen["disconnect"] == "io client disconnect"


TRANSPORTS = [
    ("polling", "polling", "polling"),
    ("websocket", "websocket", "websocket"),
    ("polling,websocket", "polling", "websocket"),
]


@pytest.mark.parametrize("transports,first,last", TRANSPORTS, ids=["polling", "websocket", "upgrade"])
def test_javascript_client_runs_the_whole_scenario(sheaf: Sheaf, transports: str, first: str, last: str) -> None:
    check_scenario(node("socketio.cjs", sheaf.url, transports), first, last)


@pytest.mark.parametrize("transports,first,last", TRANSPORTS, ids=["polling", "websocket", "upgrade"])
def test_javascript_client_runs_the_whole_scenario_over_tls(
    make_sheaf, backend: Backend, certificate: Pair, authority: Authority, transports: str, first: str, last: str
) -> None:
    proxy = make_sheaf(
        backend.url, {"listen": {"tls_certificate": str(certificate.certificate), "tls_key": str(certificate.key)}}
    )
    check_scenario(
        node("socketio.cjs", f"https://localhost:{proxy.port}", transports, authority=authority.certificate),
        first,
        last,
    )


def test_ws_client_of_node_echoes_with_compression_offered(sheaf: Sheaf) -> None:
    seen = node("ws.cjs", f"{sheaf.ws_url}/ws/echo")
    assert (seen["received"], seen["inOrder"], seen["pongs"], seen["code"], seen["reason"]) == (
        200,
        True,
        1,
        4001,
        "done",
    )


async def python_scenario(url: str, transports: list[str], context: ssl.SSLContext | None) -> dict[str, object]:
    """Connects two clients and exercises events, acknowledgements, binaries and rooms."""
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


@pytest.mark.parametrize(
    "transports,final",
    [(["polling"], "polling"), (["websocket"], "websocket"), (["polling", "websocket"], "websocket")],
    ids=["polling", "websocket", "upgrade"],
)
def test_python_client_runs_the_whole_scenario(sheaf: Sheaf, transports: list[str], final: str) -> None:
    seen = asyncio.run(asyncio.wait_for(python_scenario(sheaf.url, transports, None), 20))
    assert seen["transport"] == final
    assert list(seen["ack"]) == ["é", b"\x00\xff", {"a": [1]}]  # type: ignore[call-overload]
    assert seen["binary"] is True
    assert seen["said"] == ["inside"]
    assert seen["prices"] > 0  # type: ignore[operator]


def test_connection_refused_by_the_application_reaches_the_client(sheaf: Sheaf) -> None:
    reasons: list[dict[str, str]] = []

    async def attempt() -> None:
        client = socketio.AsyncClient(reconnection=False)
        client.on("connect_error", reasons.append)
        try:
            await client.connect(sheaf.url, auth={"refuse": True}, transports=["websocket"])
        finally:
            await client.disconnect()

    with pytest.raises(socketio.exceptions.ConnectionError):
        asyncio.run(asyncio.wait_for(attempt(), 10))
    assert reasons[0]["message"] == "refused on purpose"
