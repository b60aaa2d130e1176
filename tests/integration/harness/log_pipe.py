"""A pipe in the place of stderr, whose reader the test lets hang, read and go."""

from __future__ import annotations

import fcntl
import os
import threading
import time


class LogPipe:
    """Hands `writer` to a process (Sheaf(..., stderr=pipe.writer)); nobody reads before read() is called."""

    def __init__(self) -> None:
        self._reader, self.writer = os.pipe()
        self._data = bytearray()
        self._thread: threading.Thread | None = None

    def fill(self) -> None:
        """Until it takes no more: what is written next waits for the reader."""
        flags = fcntl.fcntl(self.writer, fcntl.F_GETFL)
        fcntl.fcntl(self.writer, fcntl.F_SETFL, flags | os.O_NONBLOCK)
        try:
            while True:
                os.write(self.writer, b"filler filler filler filler ...\n")
        except BlockingIOError:
            pass
        finally:
            fcntl.fcntl(self.writer, fcntl.F_SETFL, flags)

    def set_nonblocking(self) -> None:
        """As other programs that share a stderr do to it."""
        fcntl.fcntl(self.writer, fcntl.F_SETFL, fcntl.fcntl(self.writer, fcntl.F_GETFL) | os.O_NONBLOCK)

    def read(self, pause: float = 0) -> None:
        """From now on everything is read, `pause` seconds after each 4 KiB."""
        self._thread = threading.Thread(target=self._read, args=(pause,), daemon=True)
        self._thread.start()

    def _read(self, pause: float) -> None:
        while data := os.read(self._reader, 4096 if pause else 1 << 16):
            self._data += data
            time.sleep(pause)

    def close_reader(self) -> None:
        os.close(self._reader)
        self._reader = -1

    def text(self) -> str:
        """What was read so far."""
        return bytes(self._data).decode("latin-1")

    def lines(self, part: str = "") -> list[str]:
        """The whole lines read so far that have `part`, without the filling."""
        whole = self.text().rpartition("\n")[0].split("\n")
        return [line for line in whole if part in line and not line.startswith("filler ")]

    def read_to_end(self) -> None:
        """When all writers have ended: reads what is left. What was read must end with a whole line."""
        os.close(self.writer)
        self.writer = -1
        if self._thread is None:
            self.read()
        assert self._thread is not None
        self._thread.join(10)
        assert not self._thread.is_alive(), "somebody holds the pipe open"
        assert not self._data or self._data.endswith(b"\n"), f"a line was torn: {bytes(self._data[-200:])!r}"

    def close(self) -> None:
        for fd in (self.writer, -1 if self._thread else self._reader):
            if fd >= 0:
                os.close(fd)
