"""permessage-deflate by hand (RFC 7692): the payloads of compressed messages."""

from __future__ import annotations

import zlib

from .frames import CONTINUATION, Frame, RawWebSocket

STOCK_OFFER = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\n"
"""What browsers offer."""
OFFER = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits; server_no_context_takeover\n"
"""Of a client that has no context, so that each message can be inflated by itself."""
RSV1 = 4
TAIL = b"\x00\x00\xff\xff"


def deflated(data: bytes, level: int = 6, window: int = 15) -> bytes:
    """The payload of a compressed message."""
    compressor = zlib.compressobj(level, wbits=-window)
    packed = compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH)
    assert packed.endswith(TAIL)
    return packed[:-4]


def inflated(payload: bytes, window: int = 15) -> bytes:
    """What a compressed message without takeover says; fails if it needs a larger window."""
    return zlib.decompressobj(wbits=-window).decompress(payload + TAIL)


def whole(socket: RawWebSocket) -> Frame:
    """A message's frames as one: the payloads joined, RSV bits of the first; checks RSV1 on the others."""
    first = socket.read_frame()
    assert first is not None
    whole = Frame(True, first.rsv, first.opcode, False, first.payload)
    fin = first.fin
    while not fin:
        more = socket.read_frame()
        assert more is not None and more.opcode == CONTINUATION and more.rsv == 0
        whole.payload += more.payload
        fin = more.fin
    return whole


class Context:
    """A stock client's side of a connection on which the server may keep its context."""

    def __init__(self, window: int = 15) -> None:
        self._context = zlib.decompressobj(wbits=-window)

    def content(self, received: Frame) -> bytes:
        """What a message says; to be called for each one, in order."""
        return self._context.decompress(received.payload + TAIL) if received.rsv == RSV1 else received.payload


def content(received: Frame, window: int = 15) -> bytes:
    """What a message says, compressed or, where that would make it larger, not."""
    return inflated(received.payload, window) if received.rsv == RSV1 else received.payload
