"""Several uvicorn processes on Unix sockets, as app@.service has them, and who restarts them at a script's request."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from pathlib import Path

from .ports import wait_until
from .sheaf import ROOT

# Stands in the place of `systemctl restart app@NUMBER`: asks for it by a file, and returns when that is gone.
ASK = 'touch "$0/$1.wanted"; while [ -e "$0/$1.wanted" ]; do sleep 0.05; done; test ! -e "$0/$1.failed"'


class Instances:
    """The demo app `count` times, by numbers from 1 on. What happens in them is in instances.log of the folder."""

    def __init__(self, folder: Path, count: int) -> None:
        self._folder = folder
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        for number in range(1, count + 1):
            self._start(number)
        for number in self._processes:
            self._wait_for(number)

    @property
    def urls(self) -> list[str]:
        """As upstream.urls wants them."""
        return [f"unix:{self._socket(number)}" for number in self._processes]

    @property
    def ids(self) -> list[int]:
        """The ids of the processes."""
        return [process.pid for process in self._processes.values()]

    @property
    def command(self) -> list[str]:
        """What docker/rolling_restart.sh is given: it succeeds when `restart_wanted` has done what it asks for."""
        return ["sh", "-c", ASK, str(self._folder), "{}"]

    def _socket(self, number: int) -> Path:
        return self._folder / f"{number}.sock"

    def _start(self, number: int) -> None:
        with (self._folder / "instances.log").open("ab") as log:
            self._processes[number] = subprocess.Popen(
                [sys.executable, "-m", "uvicorn", "demo.app:app", "--app-dir", str(ROOT / "docker"),
                 "--uds", str(self._socket(number)), "--log-level", "warning", "--timeout-graceful-shutdown", "5"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, "SHEAF_DEMO_TICK": "0.5"},
            )  # fmt: skip

    def _wait_for(self, number: int) -> None:
        def accepts() -> bool:
            with socket.socket(socket.AF_UNIX) as probe:
                return probe.connect_ex(str(self._socket(number))) == 0

        wait_until(accepts, 30, f"instance {number} accepts; see {self._folder}/instances.log")

    def stop_one(self, number: int) -> None:
        """SIGTERM, and its end."""
        self._processes[number].terminate()
        try:
            self._processes[number].wait(15)
        except subprocess.TimeoutExpired:
            self._processes[number].kill()
            self._processes[number].wait()

    def restart_wanted(self, *, broken: int | None = None) -> None:
        """Does what `command` waits for, if it does. The instance `broken` ends, and does not come again."""
        for wanted in self._folder.glob("*.wanted"):
            number = int(wanted.stem)
            self.stop_one(number)
            if number == broken:
                wanted.with_suffix(".failed").touch()
            else:
                self._start(number)
                self._wait_for(number)
            wanted.unlink()

    def stop(self) -> None:
        """Ends all."""
        for process in self._processes.values():
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.wait()
