"""Clients of a room (see room.py), and what each of them must get."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

from websockets.asyncio.client import ClientConnection

from .modes import Served
from .pushing import CountingClient
from .raw import RawClient


IN, BYE = '["in"]', '["bye"]'


def expected(own: int, rounds: int, size: int = 0) -> list[str]:
    """All that the member `own` gets, in order."""
    texts = [IN]
    for number in range(rounds):
        texts.append(json.dumps(["all", number, "." * size]))
        texts += [f'["own",{own},{number}]'] if own % 3 == number % 3 else []
        texts += [json.dumps(["few", number, "." * size])] if own % 2 else []
    return [*texts, BYE]


def path_of(room: str, own: int, query: str = "") -> str:
    """The target of a member; `query`: more of it, with its `&`."""
    return f"/room/{room}?own={own}{query}"


def run_room(served: Served, room: str, rounds: int, *, together: bool = False, size: int = 0) -> int:
    """Has the rounds run; how many were in. Blocks until all is sent."""
    with RawClient(served.port, timeout=60) as client:
        query = f"rounds={rounds}&together={str(together).lower()}&size={size}"
        response = client.request(f"POST /room/{room}?{query} HTTP/1.1\nHost: a\nContent-Length: 0\nConnection: close\n\n")
    assert response.status == 200, response
    return int(json.loads(response.body)["members"])


async def texts_until_bye(socket: ClientConnection) -> list[str]:
    """Of a stock client."""
    texts: list[str] = []
    while not texts or texts[-1] != BYE:
        texts.append(str(await socket.recv()))
    return texts


async def members(port: int, room: str, count: int) -> list[CountingClient]:
    """So many cheap ones, numbered from 0, all of whom are in."""
    loop = asyncio.get_running_loop()
    made: list[CountingClient] = []
    for begin in range(0, count, 100):
        several = [
            loop.create_connection(lambda own=own: CountingClient(path_of(room, own)), "127.0.0.1", port)
            for own in range(begin, min(begin + 100, count))
        ]
        made += [protocol for _, protocol in await asyncio.gather(*several)]
        await asyncio.wait_for(asyncio.gather(*(client.opened for client in made)), 60)
    await until_all_have(made, IN)
    return made


async def until_all_have(clients: Sequence[CountingClient], text: str, seconds: float = 60) -> None:
    """Until this is the latest message of each, or it is lost."""
    async with asyncio.timeout(seconds):
        while not all(client.lost or client.received.endswith(text.encode()) for client in clients):
            await asyncio.sleep(0.05)
