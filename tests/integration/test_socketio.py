"""Socket.IO works unchanged: the stock JavaScript and Python clients, every transport, plain and TLS."""

from __future__ import annotations

import asyncio

import pytest
import socketio

from harness.backend import Backend
from harness.certificates import Authority, Pair
from harness.clients_js import node
from harness.sheaf import Sheaf
from harness.socketio_scenario import TRANSPORTS, check_python, check_scenario, python_scenario


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


@pytest.mark.parametrize(
    "transports,final",
    [(["polling"], "polling"), (["websocket"], "websocket"), (["polling", "websocket"], "websocket")],
    ids=["polling", "websocket", "upgrade"],
)
def test_python_client_runs_the_whole_scenario(sheaf: Sheaf, transports: list[str], final: str) -> None:
    seen = asyncio.run(asyncio.wait_for(python_scenario(sheaf.url, transports, None), 20))
    check_python(seen, final)


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
