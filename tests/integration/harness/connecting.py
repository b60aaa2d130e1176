"""What the admin listener shows of sessions, and clients of named users to look at."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from websockets.sync.client import ClientConnection, connect

from .pushing import post
from .reloading import TOKEN, ReloadableSheaf
from .sheaf import Conf

Row = dict[str, Any]
# X-User-ID of the tests' clients is believed, and who says nothing is idle soon.
CONF: Conf = {"workers": 2, "forwarded": {"trusted_proxies": ["127.0.0.1"]}, "memory": {"idle_after": "1s"}}


def connections(proxy: ReloadableSheaf, **query: Any) -> Row:
    """GET /connections with these parameters; it must be answered with 200."""
    status, body = proxy.admin("/connections" + ("?" + urlencode(query) if query else ""))
    assert status == 200, (status, body)
    return json.loads(body)


def rows(proxy: ReloadableSheaf, **query: Any) -> list[Row]:
    """The rows of that; no worker is late."""
    answer = connections(proxy, **query)
    assert answer["late_workers"] == []
    return answer["connections"]


def ids(proxy: ReloadableSheaf, **query: Any) -> list[str]:
    return [row["id"] for row in rows(proxy, **query)]


def row_of(proxy: ReloadableSheaf, user: str) -> Row:
    """The row of the user's only session."""
    (row,) = rows(proxy, user=user)
    return row


def push_to(proxy: ReloadableSheaf, user: str, size: int) -> int:
    """Sessions of the user that took a pushed message of so many bytes."""
    status, answer = post(proxy.admin_port, TOKEN, {"user_id": user, "text": "p" * size})
    assert status == 200, answer
    return int(answer["sessions"])


def connection(proxy: ReloadableSheaf, session: str) -> tuple[int, Row]:
    """Status and answer of GET /connections/<id>."""
    status, body = proxy.admin(f"/connections/{session}")
    return status, json.loads(body)


def opened_as(proxy: ReloadableSheaf, user: str, path: str, **options: Any) -> ClientConnection:
    """A client whose session is there: an echo has come back. `options`: of websockets' connect."""
    headers = {"X-User-ID": user} if user else {}
    socket = connect(f"{proxy.ws_url}{path}", additional_headers=headers, legacy=True, **options)
    socket.send("hello")
    assert socket.recv(timeout=10) == "hello"
    return socket
