"""A thousand clients in every mode: what goes to all, to some and to one comes to each whole, once and in order."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, ExitStack

import pytest
from sheaf_batch.websockets import batch_connect
from websockets.asyncio.client import connect

from harness.crowds import Crowd
from harness.modes import Served, served_in
from harness.pushing import CountingClient
from harness.room_members import BYE, IN, expected, members, path_of, run_room, texts_until_bye, until_all_have
from harness.sheaf import scaled

served = served_in()

CLIENTS = scaled(1000, 200)
ROUNDS = 12


@pytest.mark.parametrize("together", [False, True], ids=["in turn", "by tasks"])
def test_broadcasts_amid_own_messages(served: Served, together: bool) -> None:
    room = f"crowd-{together}"

    async def scenario() -> list[CountingClient]:
        clients = await members(served.port, room, CLIENTS)
        assert await asyncio.to_thread(run_room, served, room, ROUNDS, together=together) == CLIENTS
        await until_all_have(clients, BYE)
        for client in clients:
            client.transport.abort()
        return clients

    clients = asyncio.run(scenario())
    wrong = [own for own, client in enumerate(clients) if client.texts() != expected(own, ROUNDS)]
    assert wrong == [], f"{len(wrong)} of {CLIENTS}; the first: {clients[wrong[0]].texts()}"


def test_clients_that_come_and_go_amid_broadcasts(served: Served) -> None:
    """Half of them leave without a word, others come; who stays misses nothing, and who comes gets a whole tail."""
    room = "coming"

    async def scenario() -> tuple[list[CountingClient], list[CountingClient]]:
        staying, leaving = await members(served.port, room, 100), await members(served.port, room, 100)
        running = asyncio.create_task(asyncio.to_thread(run_room, served, room, 60))
        for client in leaving:
            await asyncio.sleep(0.004)
            client.transport.abort()
        late = []
        for _ in range(5):
            late += await members_without_waiting(served.port, room, 10)
        await running
        await until_all_have([*staying, *late], BYE)
        return staying, late

    staying, late = asyncio.run(scenario())
    assert [client.texts() for client in staying] == [expected(own, 60) for own in range(100)]
    for own, client in enumerate(late):
        texts = client.texts()
        assert texts[0] == IN and texts[1:] == expected(own % 10, 60)[-len(texts) + 1 :], texts


async def members_without_waiting(port: int, room: str, count: int) -> list[CountingClient]:
    """Members that are in at some time, amid the rounds."""
    loop = asyncio.get_running_loop()
    made = [
        (await loop.create_connection(lambda own=own: CountingClient(path_of(room, own)), "127.0.0.1", port))[1]
        for own in range(count)
    ]
    await asyncio.gather(*(client.opened for client in made))
    return made


def test_stock_clients_with_compression_and_batches(served: Served) -> None:
    """Of `websockets`: without compression, with it, and with the decoders' envelopes."""
    kinds = [
        lambda url: connect(url, compression=None),
        lambda url: connect(url),
        lambda url: batch_connect(url, "json"),
        lambda url: batch_connect(url, "binary", compression=None),
    ]

    async def scenario() -> list[list[str]]:
        async with AsyncExitStack() as stack:
            sockets = [
                await stack.enter_async_context(kinds[own % len(kinds)](served.ws_url + path_of("stock", own)))
                for own in range(40)
            ]
            running = asyncio.create_task(asyncio.to_thread(run_room, served, "stock", 30))
            got = await asyncio.wait_for(asyncio.gather(*map(texts_until_bye, sockets)), 60)
            await running
            return got

    assert asyncio.run(scenario()) == [expected(own, 30) for own in range(40)]


def test_echoes_of_a_thousand(served: Served) -> None:
    with ExitStack() as stack:
        crowd = Crowd(served.port, clients=CLIENTS, messages=20)
        stack.callback(crowd.stop)
        assert crowd.connected == CLIENTS
        crowd.go()
        ledger = crowd.ledger(120)
    assert (ledger.sent, ledger.received) == (CLIENTS * 20, CLIENTS * 20)
    assert (ledger.lost, ledger.repeated, ledger.out_of_order, ledger.altered, ledger.without_close) == (0, 0, 0, 0, 0)
    assert ledger.closes == {"1000": CLIENTS}
