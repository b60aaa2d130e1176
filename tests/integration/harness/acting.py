"""Actions of an operator over the admin listener, and what clients make of them."""

from __future__ import annotations

import contextlib
import http.client
import json
from collections.abc import Iterator, Sequence
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from .closings import Closing, Closings
from .frames import RawWebSocket
from .pushing import post
from .reloading import ReloadableSheaf

Answer = dict[str, Any]


def act(proxy: ReloadableSheaf, path: str, /, **body: Any) -> tuple[int, Answer]:
    """POST of `path` with these members: status and answer."""
    return post(proxy.admin_port, proxy.token, body if body else b"", path)


def acted(proxy: ReloadableSheaf, path: str, /, **body: Any) -> int:
    """The sessions that an action concerned; it must succeed, and no worker be late."""
    status, answer = act(proxy, path, **body)
    assert (status, answer["status"], answer["late_workers"]) == (200, "ok", []), answer
    return answer["sessions"]


def await_drain(proxy: ReloadableSheaf, seconds: float) -> tuple[int, Answer]:
    """GET /drain, which is answered when the drain is over: status and answer. Raises TimeoutError."""
    connection = http.client.HTTPConnection("127.0.0.1", proxy.admin_port, timeout=seconds)
    try:
        connection.request("GET", "/drain", headers={"Authorization": f"Bearer {proxy.token}"})
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def end_of(socket: ClientConnection) -> tuple[int, str]:
    """Code and reason of the Close that the client gets; what comes before is thrown away."""
    return rest_of(socket)[1:]


def rest_of(socket: ClientConnection) -> tuple[str, int, str]:
    """What still comes, in one text, and code and reason of the Close behind it."""
    text = ""
    try:
        while True:
            text += str(socket.recv(timeout=10))
    except ConnectionClosed as closed:
        assert closed.rcvd is not None, "it ended without a Close"
        return text, closed.rcvd.code, closed.rcvd.reason


@contextlib.contextmanager
def crowd(proxy: ReloadableSheaf, count: int, path: str = "/ws/echo") -> Iterator[Closings]:
    """So many open sessions, watched."""
    with Closings([RawWebSocket(proxy.port, path) for _ in range(count)]) as watched:
        yield watched


def most_in_one_second(closed: Sequence[Closing]) -> int:
    """The largest number of ends within any second."""
    times = sorted(one.at for one in closed)
    return max(sum(1 for one in times if begin <= one < begin + 1) for begin in times)
