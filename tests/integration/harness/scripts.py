"""Clients of the scripted handler, see asgi_script."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from .frames import RawWebSocket
from .modes import Served

ACCEPT: dict[str, Any] = {"type": "websocket.accept"}
CLOSE: dict[str, Any] = {"type": "websocket.close"}
TEXT: dict[str, Any] = {"type": "websocket.send", "text": "hello"}


def script_path(tag: str, *steps: object) -> str:
    """The target of a client whose handler takes these steps and notes them under `tag`."""
    return "/script?" + urlencode({"tag": tag, "steps": json.dumps(steps)})


def scripted(served: Served, tag: str, *steps: object) -> RawWebSocket:
    """A client that the handler accepts."""
    return RawWebSocket(served.port, script_path(tag, *steps))
