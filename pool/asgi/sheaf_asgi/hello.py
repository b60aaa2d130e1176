"""HELLO, the first record of both ends."""

from __future__ import annotations

import os
import secrets
from struct import Struct
from typing import NamedTuple

from .records import HELLO, Violation, record

VERSION = 1
LINK_WINDOW = 49_152
"""What a server may have to read before a pong to its own ping (bytes); see "Flow control" in the protocol."""
SESSION_WINDOW = 262_144
"""What a client may send before the application has received it (bytes)."""

_LAYOUT = Struct("<8sHHIQIII")
_MAGIC = b"SHEAFMUX"
_SIBLINGS = 1
_LEAST_SESSION_WINDOW = 16_384


class Hello(NamedTuple):
    """What the proxy says of itself. Windows and messages are in bytes; 0: as many as one likes."""

    lowest: int
    highest: int
    link_window: int
    session_window: int
    largest_message: int

    def version(self) -> int:
        """The version of the protocol that both ends use; 0 if they have none in common."""
        common = min(self.highest, VERSION)
        return common if common >= max(self.lowest, VERSION) else 0


def own_hello(largest_message: int, siblings: bool) -> bytes:
    """The record of this process. `siblings`: whether others take links at the same address."""
    traits = _SIBLINGS if siblings else 0
    numbers = (traits, process_id(), LINK_WINDOW, SESSION_WINDOW, largest_message)
    return record(HELLO, 0, _LAYOUT.pack(_MAGIC, VERSION, VERSION, *numbers))


def read_hello(payload: bytes) -> Hello:
    """Raises Violation. What a later version has added at the end is ignored."""
    magic, lowest, highest, _, _, link_window, session_window, largest = _LAYOUT.unpack_from(payload)
    if magic != _MAGIC:
        raise Violation("a HELLO with other magic")
    if not 1 <= lowest <= highest:
        raise Violation(f"a HELLO with versions {lowest} to {highest}")
    if session_window < _LEAST_SESSION_WINDOW:
        raise Violation(f"a HELLO with a session window of {session_window}")
    return Hello(lowest, highest, link_window, session_window, largest)


_process = (0, 0)  # process id of the system, and the number that was drawn in it


def process_id() -> int:
    """A number that no other process has: drawn at the first call, and anew in the child of a fork."""
    global _process
    if _process[0] != os.getpid():
        _process = (os.getpid(), secrets.randbits(64) or 1)
    return _process[1]
