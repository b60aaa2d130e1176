"""Free ports and small waits."""

from __future__ import annotations

import itertools
import os
import socket
import time
from collections.abc import Callable
from typing import TypeVar

# Below the range from which the kernel takes ports for outgoing connections, so that nobody gets the port between this
# test and the program it is for; each pytest process begins elsewhere, since ctest runs several side by side.
FIRST, LAST = 10_000, 32_000
_next = itertools.count(FIRST + os.getpid() * 101 % (LAST - FIRST))

T = TypeVar("T")


def free_port() -> int:
    """A TCP port of 127.0.0.1 on which nobody listens."""
    for candidate in _next:
        port = FIRST + (candidate - FIRST) % (LAST - FIRST)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise AssertionError("unreachable: the counter has no end")


def wait_until(condition: Callable[[], T], seconds: float, what: str, every: float = 0.02) -> T:
    """Waits until `condition` is true and returns its value; fails with `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds} s still not: {what}")
        time.sleep(every)
