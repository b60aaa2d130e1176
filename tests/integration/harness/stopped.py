"""A thread of a proxy that hangs."""

from __future__ import annotations

import ctypes
import os

from .sheaf import Sheaf


def threads_of(proxy: Sheaf) -> list[int]:
    """All but the main one."""
    return sorted({int(one) for one in os.listdir(f"/proc/{proxy.process.pid}/task")} - {proxy.process.pid})


class Stopped:
    """One thread of a process stands still, the others go on (ptrace(2)). All in one thread of ours."""

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
