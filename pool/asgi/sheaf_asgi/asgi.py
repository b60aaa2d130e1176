"""The types of ASGI, as far as they are used here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from typing import Any, Union

Scope = MutableMapping[str, Any]
Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
CoroutineApp = Callable[[Scope, Receive, Send], Coroutine[Any, Any, None]]

Data = Union[str, bytes]
"""A whole WebSocket message: str for text, bytes for binary."""

Field = tuple[bytes, bytes]
"""A header field: its name in lower case, and its value."""
