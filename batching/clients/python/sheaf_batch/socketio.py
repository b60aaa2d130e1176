"""The helper for the clients of `python-socketio` and `python-engineio`."""

from __future__ import annotations

from typing import Any, TypeVar

from .frames import ENVELOPES, decode_frame

_Client = TypeVar("_Client")

_TYPE_OF_MESSAGES = "4"


def unbatch(client: _Client, envelope: str = "socketio-event") -> _Client:
    """Makes `client` take batches apart, and returns it; to be called once, before connect().

    `client` is a socketio.Client or socketio.AsyncClient (or one of engineio, with envelope "engineio"). `envelope`
    is "socketio-event" or "engineio", and goes into the URL of connect() as well: see with_envelope().

    Every event, in every namespace, goes the way that it would have gone alone, to the same handlers and in order.
    Events that ask for an acknowledgement, binary ones and all other packets are left as they are.

    Raises ValueError for an envelope that is not for Socket.IO, AttributeError for a client of another library.
    """
    if envelope not in ENVELOPES or envelope in ("json", "binary"):
        raise ValueError(f"envelope {envelope!r} is not for Socket.IO: use socketio-event or engineio")
    engine: Any = getattr(client, "eio", client)
    # The message handler, which is public, comes too late: it runs in a task or thread of each frame, so the events
    # of a batch and those of the next frame could overtake each other. Here the read loop hands over packet by packet.
    receive = engine._receive_packet

    def receive_all(packet: Any) -> None:
        for one in _packets_of(packet, envelope):
            receive(one)

    async def receive_all_async(packet: Any) -> None:
        for one in _packets_of(packet, envelope):
            await receive(one)

    engine._receive_packet = receive_all_async if engine.is_asyncio_based() else receive_all
    return client


def _packets_of(packet: Any, envelope: str) -> list[Any]:
    """The Engine.IO packets in `packet`; it alone where it is no batch, or has a part that no packet can be made of."""
    if str(packet.packet_type) != _TYPE_OF_MESSAGES or not isinstance(packet.data, str):
        return [packet]
    texts = decode_frame(envelope, _TYPE_OF_MESSAGES + packet.data)
    if len(texts) == 1 and texts[0] == _TYPE_OF_MESSAGES + packet.data:
        return [packet]
    try:
        return [type(packet)(encoded_packet=text) for text in texts]
    except (ValueError, RecursionError):
        return [packet]
