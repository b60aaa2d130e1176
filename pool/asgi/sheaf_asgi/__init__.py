"""The application's end of Sheaf's multiplexed upstream. The protocol: proxy/wire/mux_frame.md.

Either `app = SheafMiddleware(app, token=...)`, or, with the application left alone, the server is given
`sheaf_asgi:app`, and the environment SHEAF_APP=main:app and SHEAF_TOKEN.
"""

from __future__ import annotations

from typing import Any

from .broadcast import Group, broadcast
from .environment import app_of_environment
from .middleware import SheafMiddleware
from .session import ClientGone

__all__ = ["ClientGone", "Group", "SheafMiddleware", "broadcast"]


def __getattr__(name: str) -> Any:
    """Makes `app` when a server asks for it."""
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()["app"] = made = app_of_environment()
    return made
