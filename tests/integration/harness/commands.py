"""`sheaf COMMAND`, run beside a proxy of a test, as an operator runs it."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import ioctl
from pathlib import Path
from typing import Any

from .ports import wait_until
from .sheaf import BINARY

ENTER, LEAVE = b"\x1b[?1049h", b"\x1b[?1049l"
SHOW_CURSOR, WRAP = b"\x1b[?25h", b"\x1b[?7h"


def sheaf(*words: str | Path, text: str | None = None, environment: dict[str, str] | None = None,
          seconds: float = 20) -> subprocess.CompletedProcess[str]:
    """Runs `sheaf` with these words and `text` as standard input; `environment` is laid over that of the test."""
    return subprocess.run([str(BINARY), *map(str, words)], input=text, capture_output=True, text=True, timeout=seconds,
                          check=False, env={**os.environ, **(environment or {})})


def json_of(done: subprocess.CompletedProcess[str]) -> Any:
    """The one JSON document that it printed."""
    return json.loads(done.stdout)


class Screen:
    """`sheaf top` at a terminal of the test's own; `output` is all that it has written so far, as it came."""

    def __init__(self, *words: str | Path, rows: int = 24, columns: int = 80) -> None:
        """Starts it as the leader of a session, so that keys such as Ctrl-C reach it as signals."""
        self.master, slave = pty.openpty()
        self.slave = slave  # kept open, so that its settings can be read after the end
        self.resize(rows, columns, tell=False)
        self.before = termios.tcgetattr(slave)
        self.output = b""
        self.process = subprocess.Popen([str(BINARY), *map(str, words)], stdin=slave, stdout=slave, stderr=subprocess.PIPE,
                                        preexec_fn=self._take_terminal)

    def _take_terminal(self) -> None:
        os.setsid()
        ioctl(self.slave, termios.TIOCSCTTY, 0)

    def resize(self, rows: int, columns: int, *, tell: bool = True) -> None:
        """The terminal has another size from now on; `tell`: as a window does, with SIGWINCH."""
        ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        if tell:
            self.process.send_signal(signal.SIGWINCH)

    def press(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def read(self) -> bytes:
        """All output so far."""
        while select.select([self.master], [], [], 0)[0]:
            self.output += os.read(self.master, 65536)
        return self.output

    def frames(self) -> list[str]:
        """What was shown since it entered the screen, a text a frame, without the sequences that move the cursor."""
        shown = self.read().split(ENTER)[-1].split(b"\x1b[H")[1:]
        return [re.sub(r"\x1b\[[KJ]|\r(?=\r\n)", "", one.split(b"\x1b[?")[0].decode()) for one in shown]

    def wait_for(self, part: str, seconds: float = 10) -> str:
        """The newest frame, as soon as it has `part`."""
        return str(wait_until(lambda: [one for one in self.frames()[-1:] if part in one], seconds, f"a frame with {part}",
                              every=0.02)[0])

    def wait_for_bytes(self, part: bytes, count: int = 1) -> None:
        wait_until(lambda: self.read().count(part) >= count, 10, f"{part!r} in the output", every=0.02)

    def end(self, seconds: float = 10) -> int:
        """The exit code, once it has ended."""
        deadline = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"it runs on: {self.read()[-2000:]!r}"
            self.read()  # or it would wait for its terminal
            time.sleep(0.01)
        return self.process.returncode

    def is_restored(self) -> bool:
        """Whether the terminal is as it was before: its settings, the buffer, the cursor."""
        written = self.read()
        return (termios.tcgetattr(self.slave) == self.before and written.rfind(LEAVE) > written.rfind(ENTER)
                and SHOW_CURSOR in written[written.rfind(ENTER):] and WRAP in written[written.rfind(ENTER):])

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        assert self.process.stderr is not None
        self.process.stderr.close()
        os.close(self.master)
        os.close(self.slave)


@contextmanager
def screen(*words: str | Path, rows: int = 24, columns: int = 80) -> Iterator[Screen]:
    """A Screen for the time of a test."""
    one = Screen(*words, rows=rows, columns=columns)
    try:
        yield one
    finally:
        one.close()
