"""Header fields: their block in a record, and one object for those that many clients send alike."""

from __future__ import annotations

from collections.abc import Iterable
from struct import Struct, error, pack, unpack_from

from .asgi import Field
from .records import Violation

_U16 = Struct("<H")
_MAX_U16 = 65_535


def encode_fields(fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The field block. Names are made lower case. Raises ValueError if the block cannot hold them."""
    lengths: list[int] = []
    parts: list[bytes] = []
    for name, value in fields:
        lengths += (len(name), len(value))
        parts += (bytes(name).lower(), bytes(value))
    count = len(parts) // 2
    if max(lengths, default=0) > _MAX_U16 or count > _MAX_U16:
        raise ValueError("a header of more than 65,535 bytes, or as many headers")
    return pack(f"<H{count * 2}H", count, *lengths) + b"".join(parts)


def read_fields(payload: bytes, start: int, table: FieldTable) -> list[Field]:
    """The fields of the block that begins at `start` and ends with the payload. Raises Violation."""
    try:
        count = _U16.unpack_from(payload, start)[0]
        lengths = unpack_from(f"<{count * 2}H", payload, start + 2)
    except error:
        raise Violation("a field block ends amid its lengths") from None
    position = start + 2 + count * 4
    if position + sum(lengths) != len(payload):
        raise Violation("a field block whose lengths are not its size")
    fields: list[Field] = []
    for at in range(0, count * 2, 2):
        if lengths[at] == 0:
            raise Violation("a field without a name")
        middle = position + lengths[at]
        end = middle + lengths[at + 1]
        fields.append(table.field(payload[position:middle], payload[middle:end]))
        position = end
    return fields


class FieldTable:
    """Fields that were met before, so that thousands of sessions share one object. Bounded."""

    MOST = 4096
    LONGEST = 512
    OWN = frozenset(
        name.encode()
        for name in (
            "authorization cookie sec-websocket-key x-request-id x-forwarded-for forwarded traceparent x-real-ip"
        ).split()
    )
    """Names of fields whose value is a client's own: only the name is shared, and no secret outlives its session."""

    __slots__ = ("_fields", "_names")

    def __init__(self) -> None:
        self._fields: dict[Field, Field] = {}
        self._names = {name: name for name in self.OWN}

    def field(self, name: bytes, value: bytes) -> Field:
        """The field as a pair, which may be another session's, too."""
        own = self._names.get(name)
        if own is not None:
            return own, value
        if len(name) + len(value) > self.LONGEST:
            return name, value
        if len(self._fields) >= self.MOST:
            self._fields.clear()
        field = (name, value)
        return self._fields.setdefault(field, field)
