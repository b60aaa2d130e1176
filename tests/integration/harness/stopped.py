"""One thread of a process stands still, while the others go on (ptrace(2))."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator


class Stopped:
    """`thread` (its id) does not run meanwhile. To be entered and left in one thread of ours. Raises OSError."""

    SEIZE, INTERRUPT, DETACH = 0x4206, 0x4207, 17

    def __init__(self, thread: int) -> None:
        self._thread = thread
        self._libc = ctypes.CDLL(None, use_errno=True)

    def _trace(self, request: int) -> None:
        none = ctypes.c_void_p(0)
        if self._libc.ptrace(ctypes.c_long(request), ctypes.c_long(self._thread), none, none) != 0:
            raise OSError(ctypes.get_errno(), f"ptrace {request:#x} of thread {self._thread}")

    def __enter__(self) -> Stopped:
        self._trace(self.SEIZE)
        self._trace(self.INTERRUPT)
        os.waitpid(self._thread, 0x40000000)  # __WALL: it has stopped
        return self

    def __exit__(self, *_: object) -> None:
        self._trace(self.DETACH)


def each_stopped(process: int) -> Iterator[int]:
    """Stops the threads of `process` but the main one, one after another, each while the caller has its id."""
    for thread in sorted({int(one) for one in os.listdir(f"/proc/{process}/task")} - {process}):
        with Stopped(thread):
            yield thread
