"""The scope of a session, made of its OPEN record and of the link's own scope."""

from __future__ import annotations

from struct import Struct, error
from typing import Any
from urllib.parse import unquote

from .asgi import Field, Scope
from .fields import FieldTable, read_fields
from .records import Violation

LINK_PATH = "/.sheaf/mux"

_START = Struct("<BBH")
_U16 = Struct("<H")
_SCHEMES = ("ws", "wss")
_HTTP_VERSIONS = ("1.0", "1.1")


class Scopes:
    """Makes the scopes of a link's sessions. Each has all keys of the specification, and shares nothing mutable."""

    __slots__ = ("_path_prefix", "_raw_prefix", "_root_path", "_server", "_state", "_table")

    def __init__(self, link_scope: Scope, table: FieldTable) -> None:
        self._server = link_scope.get("server")
        self._root_path = link_scope.get("root_path", "")
        self._state = link_scope.get("state")
        self._table = table
        # Some servers put the root path in front of a request's path, some do not: as with the link's.
        self._path_prefix = link_scope["path"][: -len(LINK_PATH)]
        self._raw_prefix = self._path_prefix.encode()

    def make(self, payload: bytes) -> Scope:
        """`payload`: that of an OPEN, all pieces of it. Raises Violation."""
        try:
            scheme, minor, port = _START.unpack_from(payload)
            address, position = _text(payload, _START.size)
            target, position = _text(payload, position)
        except error:
            raise Violation("an OPEN that ends amid its texts") from None
        if scheme > 1 or minor > 1 or not target.startswith(b"/"):
            raise Violation(f"an OPEN with scheme {scheme}, HTTP/1.{minor} and a target of {len(target)} bytes")
        headers = read_fields(payload, position, self._table)
        raw_path, _, query = target.partition(b"?")
        scope: dict[str, Any] = {
            "type": "websocket",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": _HTTP_VERSIONS[minor],
            "scheme": _SCHEMES[scheme],
            "server": self._server,
            "client": (address.decode("latin-1"), port) if address else None,
            "root_path": self._root_path,
            "path": self._path_prefix + unquote(raw_path.decode("latin-1")),
            "raw_path": self._raw_prefix + raw_path,
            "query_string": query,
            "headers": headers,
            "subprotocols": _subprotocols(headers),
            "extensions": {"websocket.http.response": {}},
        }
        if self._state is not None:
            scope["state"] = self._state.copy()
        return scope


def _text(payload: bytes, start: int) -> tuple[bytes, int]:
    """A text with a length, and where it ends."""
    end = start + 2 + _U16.unpack_from(payload, start)[0]
    if end > len(payload):
        raise Violation("an OPEN that ends amid a text")
    return payload[start + 2 : end], end


def _subprotocols(headers: list[Field]) -> list[str]:
    """As the client has offered them, in its order."""
    values = (value.decode("latin-1") for name, value in headers if name == b"sec-websocket-protocol")
    return [word for value in values for part in value.split(",") if (word := part.strip())]
