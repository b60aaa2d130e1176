"""Clients of which each has a backend connection of its own that the test speaks on: who gets what is the test's."""

from __future__ import annotations

import time
from collections.abc import Iterable

from .compression import RSV1, STOCK_OFFER
from .frames import CONTINUATION, PING, PONG, TEXT, Frame, RawWebSocket, frame
from .inspecting import Inflater
from .recorder import Recorder
from .sheaf import Sheaf


def window_offer(bits: int) -> str:
    """The offer of a client whose own window is as small."""
    return f"Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits={bits}; client_max_window_bits\n"


class Member:
    """One client, and its end at the backend. `recorder` answers upgrades as soon as their head is there."""

    def __init__(self, proxy: Sheaf, recorder: Recorder, offer: str = STOCK_OFFER, path: str = "/ws") -> None:
        self.socket = RawWebSocket(proxy.port, path, offer)
        self.answer = self.socket.handshake.get("sec-websocket-extensions") or ""
        self.backend = recorder.latest.connection
        self.frames: list[Frame] = []  # the messages, as they came
        self._inflater = Inflater(self.answer)

    def close(self) -> None:
        """Goes without a Close."""
        self.socket.close()

    def send(self, data: bytes, opcode: int = TEXT) -> None:
        """The backend says this to it."""
        self.backend.send(frame(opcode, data, masked=False))

    def read(self) -> tuple[int, bytes]:
        """Its next message (opcode, content), inflated with exactly the window that was agreed on; answers pings."""
        whole: Frame | None = None
        while whole is None or not whole.fin:
            part = self.socket.read_frame()
            assert part is not None, "the connection ended"
            if part.opcode == PING:
                self.socket.send_frame(PONG, part.payload)
            elif whole is None:
                whole = part
            else:
                assert part.opcode == CONTINUATION and part.rsv == 0, part
                whole.payload, whole.fin = whole.payload + part.payload, part.fin
        self.frames.append(whole)
        return whole.opcode, self._inflater.inflate(whole.payload) if whole.rsv == RSV1 else whole.payload

    def sizes(self, last: int) -> int:
        """Payload bytes of its last frames."""
        return sum(len(one.payload) for one in self.frames[-last:])


KNOWN = 0.4
"""Seconds for which Sheaf surely knows a text, so that others who get it get the same one."""


def say(to: Iterable[Member], *texts: bytes) -> bool:
    """The backend says each text to all of these, in turn; each gets it, whole, before the next one is said.

    False: one took longer than Sheaf surely knows it, so that it may have been one for each of them.
    """
    members = list(to)
    known = True
    for text in texts:
        began = time.monotonic()
        for member in members:
            member.send(text)
        for member in members:
            assert member.read() == (TEXT, text)
        known = known and time.monotonic() - began < KNOWN
    return known
