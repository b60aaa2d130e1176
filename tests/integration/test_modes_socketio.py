"""Socket.IO in every mode, with the stock clients in Python and JavaScript over each transport."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import socketio

from harness.clients_js import node
from harness.modes import MODES, Served, served_in
from harness.ports import wait_until
from harness.sheaf import ROOT
from harness.socketio_scenario import TRANSPORTS, check_python, check_scenario, python_scenario

served = served_in(app="harness.sio_app:app")

WEBSOCKET = ["websocket"]
BOTH = ["polling", "websocket"]


@pytest.fixture(scope="module", params=MODES)
def demo(request: pytest.FixtureRequest, folder: Path) -> Iterator[Served]:
    """The demo backend, for the scenarios that test_socketio.py has as well."""
    with Served(folder, request.param, app="demo.app:app", app_folder=ROOT / "docker") as running:
        yield running


class Seen:
    """What the clients of a test got, in order, by client and event."""

    def __init__(self) -> None:
        self.all: list[dict[str, list[Any]]] = []

    def note(self, client: socketio.AsyncClient, *events: str) -> None:
        mine: dict[str, list[Any]] = {event: [] for event in events}
        self.all.append(mine)
        for event in events:
            client.on(event, mine[event].append)

    async def until(self, event: str, count: int, of: range | None = None) -> None:
        """Until each of these clients has so many; the test's time-out ends it otherwise."""
        while not all(len(self.all[index][event]) >= count for index in of or range(len(self.all))):
            await asyncio.sleep(0.01)


def run(scenario: Any, seconds: float = 40) -> Any:
    return asyncio.run(asyncio.wait_for(scenario, seconds))


async def connected(
    served: Served, session: aiohttp.ClientSession, transports: list[str], auth: Any = "x"
) -> socketio.AsyncClient:
    client = socketio.AsyncClient(http_session=session, reconnection=False)
    await client.connect(served.url, transports=transports, auth=auth, namespaces=["/", "/admin"])
    return client


@pytest.mark.parametrize("transports,first,last", TRANSPORTS, ids=["polling", "websocket", "upgrade"])
def test_javascript_client_runs_the_whole_scenario(demo: Served, transports: str, first: str, last: str) -> None:
    seen = node("socketio.cjs", demo.url, transports)
    if demo.mode == "direct":
        seen["forwardedFor"] = "127.0.0.1"  # which is Sheaf's to say
    check_scenario(seen, first, last)


@pytest.mark.parametrize("transports", [WEBSOCKET, BOTH], ids=["websocket", "upgrade"])
def test_python_client_runs_the_whole_scenario(demo: Served, transports: list[str]) -> None:
    check_python(run(python_scenario(demo.url, transports, None)), "websocket")


def test_session_knows_its_scope(served: Served) -> None:
    async def scenario() -> list[dict[str, Any]]:
        async with aiohttp.ClientSession() as session:
            told = []
            for transports in (WEBSOCKET, BOTH):
                client = await connected(served, session, transports, {"user": "alice"})
                told.append(await client.call("session"))
                await client.disconnect()
            return told

    by_websocket, by_polling = run(scenario())
    assert by_websocket == {"auth": {"user": "alice"}, "kind": "websocket", "client": "127.0.0.1"}
    assert by_polling == {**by_websocket, "kind": "http"}


@pytest.mark.parametrize("transports", [WEBSOCKET, BOTH], ids=["websocket", "upgrade"])
def test_acknowledgements_both_ways(served: Served, transports: list[str]) -> None:
    """The server asks back within an event; text, binary, nested, 300 KiB."""
    values: list[Any] = ["é", b"\x00\xff", {"a": [1, b"\x01", None]}, ["x" * 300_000], b"y" * 300_000]

    async def scenario() -> tuple[list[Any], list[Any]]:
        async with aiohttp.ClientSession() as session:
            client = await connected(served, session, transports)
            client.on("question", lambda value: value)
            asked = [await client.call("ask_back", value) for value in values]
            echoed = await client.call("echo", ("to the other", b"\x02"), namespace="/admin")
            await client.disconnect()
            return asked, list(echoed)

    assert run(scenario()) == (values, ["to the other", b"\x02"])


def test_rooms_of_a_hundred_in_order(served: Served) -> None:
    """Sixty in the room, forty not; binary events amid text, and answers to one alone."""
    rounds, count, inside = 20, 100, range(60)
    seen = Seen()

    async def scenario() -> None:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            clients = []
            for index in range(count):
                clients.append(await connected(served, session, WEBSOCKET if index % 4 else BOTH))
                seen.note(clients[-1], "room", "blob", "all", "own")
                if index in inside:
                    await clients[-1].call("join", "r")
            await clients[0].emit("run", ("r", rounds))
            await seen.until("all", rounds)
            await seen.until("room", rounds, inside)
            await clients[0].call("session")
            await asyncio.gather(*(client.call("session") for client in clients))
            await asyncio.gather(*(client.disconnect() for client in clients))

    run(scenario(), 120)
    numbers = list(range(rounds))
    for index, one in enumerate(seen.all):
        assert one["all"] == [{"number": number} for number in numbers]
        assert one["room"] == (numbers if index in inside else [])
        assert one["blob"] == ([bytes([number]) * 300 for number in numbers] if index in inside and index else [])
        assert one["own"] == (numbers if index == 0 else [])


def test_leaving_a_room(served: Served) -> None:
    seen = Seen()

    async def scenario() -> None:
        async with aiohttp.ClientSession() as session:
            one, other = [await connected(served, session, WEBSOCKET) for _ in range(2)]
            seen.note(one, "room")
            await one.call("join", "q")
            await other.call("run", ("q", 2))
            await one.call("leave", "q")
            await other.call("run", ("q", 2))
            await one.call("session")
            await one.disconnect()
            await other.disconnect()

    run(scenario())
    assert seen.all == [{"room": [0, 1]}]


@pytest.mark.parametrize("transports", [WEBSOCKET, BOTH], ids=["websocket", "upgrade"])
def test_refused_connection(served: Served, transports: list[str]) -> None:
    reasons: list[Any] = []

    async def scenario() -> None:
        async with aiohttp.ClientSession() as session:
            client = socketio.AsyncClient(http_session=session, reconnection=False)
            client.on("connect_error", reasons.append)
            with pytest.raises(socketio.exceptions.ConnectionError):
                await client.connect(served.url, transports=transports, auth="refuse")
            await client.disconnect()

    run(scenario())
    assert reasons == [{"message": "refused on purpose", "data": {"code": 7}}]


def reason_of(served: Served, auth: str) -> str:
    """Why the server says that a client has gone; "" where it does not."""
    return next((reason for left, reason in served.notes.of("disconnect") if left == auth), "")


@pytest.mark.parametrize("who", ["server", "client"])
@pytest.mark.parametrize("transports", [WEBSOCKET, BOTH], ids=["websocket", "upgrade"])
def test_disconnect(served: Served, transports: list[str], who: str) -> None:
    auth = f"{who} {len(transports)}"

    async def scenario() -> list[str]:
        gone: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        async with aiohttp.ClientSession() as session:
            client = await connected(served, session, transports, auth)
            client.on("disconnect", lambda reason: gone.done() or gone.set_result(reason))
            await (client.emit("kick") if who == "server" else client.disconnect())
            reasons = [await gone]
            await client.disconnect()
            return reasons

    assert run(scenario()) == [f"{who} disconnect"]
    # The Python client may go before its packet has left.
    reasons = ["server disconnect"] if who == "server" else ["client disconnect", "transport close"]
    wait_until(lambda: reason_of(served, auth) in reasons, 5, "the server is told")


def test_error_of_a_handler_is_logged_and_the_session_goes_on(served: Served) -> None:
    async def scenario() -> dict[str, Any]:
        async with aiohttp.ClientSession() as session:
            client = await connected(served, session, WEBSOCKET, "after")
            await client.emit("fail")
            told = await client.call("session")
            await client.disconnect()
            return told

    assert run(scenario())["auth"] == "after"
    assert "a handler fails on purpose" in served.backend.log()
