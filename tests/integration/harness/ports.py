"""Free ports and small waits."""

from __future__ import annotations

import fcntl
import itertools
import os
import socket
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

# Below the range from which the kernel takes ports for outgoing connections, so that nobody gets the port between this
# test and the program it is for; each pytest process begins elsewhere, since ctest runs several side by side.
FIRST, LAST = 10_000, 32_000
_next = itertools.count(FIRST + os.getpid() * 101 % (LAST - FIRST))
# A port stays this process's while its program is stopped and started again: each has a file, locked until the end.
_claims = Path(tempfile.gettempdir()) / f"sheaf-test-ports-{os.getuid()}"
_held: list[int] = []

T = TypeVar("T")


def _claim(port: int) -> bool:
    """Whether no other test process has the port; from then on it is this one's."""
    _claims.mkdir(exist_ok=True)
    descriptor = os.open(_claims / str(port), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return False
    _held.append(descriptor)
    return True


def free_port() -> int:
    """A TCP port of 127.0.0.1 on which nobody listens, and which no other test is given."""
    for candidate in _next:
        port = FIRST + (candidate - FIRST) % (LAST - FIRST)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if _claim(port):
            return port
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
