"""An answer instead of a WebSocket: ASGI's `websocket.http.response`."""

from __future__ import annotations

from collections.abc import Iterable

from .asgi import Field
from .fields import encode_fields
from .records import refuse


class Denial:
    """Status and fields, and a body that may still grow."""

    __slots__ = ("_fields", "_lengths", "_status", "body")

    def __init__(self, status: int, fields: Iterable[Field], body: bytes = b"") -> None:
        """Raises RuntimeError for a status that cannot refuse a WebSocket, ValueError if the fields are too large."""
        if not 300 <= status <= 599 or status == 426:
            raise RuntimeError(f"a WebSocket cannot be refused with status {status}")
        self._status = status
        self._fields = [*fields]
        self._lengths = [value for name, value in self._fields if name.lower() == b"content-length"]
        self.body = bytearray(body)
        self.records(0)  # so that what is too large is found while the application can be told

    def is_whole(self) -> bool:
        """Whether the body is as long as the application said that it would be; False where it has not said so."""
        return self._lengths == [self._length()]

    def records(self, stream: int) -> list[bytes]:
        """The answer as it is now, with its length. Raises ValueError if that makes the fields too large."""
        fields = self._fields
        if self.body and not self._lengths:
            fields = [*fields, (b"content-length", self._length())]
        return refuse(stream, self._status, encode_fields(fields), bytes(self.body))

    def _length(self) -> bytes:
        return b"%d" % len(self.body)
