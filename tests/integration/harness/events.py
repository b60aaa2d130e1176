"""What GET /events tells."""

from __future__ import annotations

import json
from typing import Any

from .ports import wait_until
from .sheaf import Sheaf

Event = dict[str, Any]


def look(proxy: Sheaf, since: int = 0) -> dict[str, Any]:
    """The answer to GET /events: "last", and those "events" that came after the number `since`."""
    status, body = proxy.admin(f"/events?since={since}")
    assert status == 200, body
    return json.loads(body)


def events(proxy: Sheaf, kind: str = "", message: str = "") -> list[Event]:
    """Those of a kind whose message has a part; the oldest first."""
    return [one for one in look(proxy)["events"] if kind in ("", one["kind"]) and message in one["message"]]


def wait_for_event(proxy: Sheaf, kind: str, message: str, seconds: float = 10) -> Event:
    """The newest one of a kind whose message has a part."""
    return wait_until(lambda: events(proxy, kind, message), seconds, f"an event of {kind}: {message}")[-1]
