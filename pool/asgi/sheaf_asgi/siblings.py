"""Whether other processes of the same server take connections at the same address."""

from __future__ import annotations

import multiprocessing
import os
import re

_DIGITS = re.compile(rb"\d+")


def has_siblings() -> bool:
    """Whether this process looks like one of several workers of uvicorn, gunicorn, hypercorn or granian.

    Those have one parent, which runs the same interpreter, and each of them the same command: a spawned worker's
    differs in numbers only. That a process is somebody's worker says nothing yet: hypercorn, granian and
    `uvicorn --reload` have one even where it is the only one. Asked anew for each link, since workers start one after
    another. Where the system does not tell (there is no /proc): False.
    """
    parent = os.getppid()
    try:
        if os.readlink(f"/proc/{parent}/exe") != os.readlink("/proc/self/exe"):
            return False
        with open(f"/proc/{parent}/task/{parent}/children", "rb") as file:
            children = [int(word) for word in file.read().split()]
        own = _command(os.getpid())
        return any(_command(child) == own for child in children if child != os.getpid())
    except OSError:
        return False


def _command(process: int) -> bytes:
    """The command line; of a process that multiprocessing has started, without its numbers. Empty: it has ended."""
    try:
        with open(f"/proc/{process}/cmdline", "rb") as file:
            command = file.read()
    except OSError:
        return b""
    return command if multiprocessing.parent_process() is None else _DIGITS.sub(b"", command)
