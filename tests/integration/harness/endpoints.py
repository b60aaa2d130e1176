"""What Sheaf says of its endpoints, and which of them answers."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from .frames import RawWebSocket
from .raw import Response, get
from .sheaf import Sheaf


def endpoints_of(proxy: Sheaf, backend: str = "default") -> dict[str, dict[str, Any]]:
    """The endpoints of a backend by their names, as GET /backends tells them."""
    status, body = proxy.admin("/backends")
    assert status == 200, body
    for one in json.loads(body)["backends"]:
        if one["name"] == backend:
            return {endpoint["endpoint"]: endpoint for endpoint in one["endpoints"]}
    raise AssertionError(f"no backend {backend}: {body}")


def state_of(proxy: Sheaf, endpoint: str, backend: str = "default") -> str:
    """The endpoint's state; "" where it is not listed."""
    return str(endpoints_of(proxy, backend).get(endpoint, {"state": ""})["state"])


def set_draining(proxy: Sheaf, endpoint: str, draining: bool = True, backend: str = "default") -> None:
    """POST .../drain or .../undrain."""
    action = "drain" if draining else "undrain"
    status, body = proxy.admin(f"/backends/{backend}/{endpoint}/{action}", "POST")
    assert status == 200, (status, body)
    assert json.loads(body) == {"status": "ok", "backend": backend, "endpoint": endpoint, "draining": draining}


def pid_of(response: Response) -> int:
    """The process that answered."""
    value = response.get("x-pid")
    assert value is not None, response
    return int(value)


def pids_of(proxy: Sheaf, count: int, path: str = "/", fields: str = "") -> Counter[int]:
    """Which processes answer `count` GETs, each on a connection of its own, with 200."""
    seen: Counter[int] = Counter()
    for _ in range(count):
        response = get(proxy.port, path, fields)
        assert response.status == 200, response
        seen[pid_of(response)] += 1
    return seen


def open_sockets(proxy: Sheaf, count: int, path: str = "/ws", fields: str = "") -> list[RawWebSocket]:
    """WebSockets, opened one after another."""
    return [RawWebSocket(proxy.port, path, fields) for _ in range(count)]


def by_pid(clients: list[RawWebSocket]) -> Counter[int]:
    """Which processes have these WebSockets."""
    return Counter(pid_of(client.handshake) for client in clients)
