"""Runs the demo backend, or another app, under a real uvicorn."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from .certificates import Pair
from .ports import free_port, wait_until
from .sheaf import ROOT


class Backend:
    """One uvicorn process with the demo app, on a port or a Unix socket, plain or TLS. kill() and start() keep both.

    `options`: more words for uvicorn. `environment`: more variables for the app. `wait`: whether the constructor
    returns only when it accepts.
    """

    _numbers = itertools.count()

    def __init__(
        self,
        folder: Path,
        *,
        unix: bool = False,
        host: str = "127.0.0.1",
        tls: Pair | None = None,
        loud: bool = False,
        app: str = "demo.app:app",
        app_folder: Path = ROOT / "docker",
        options: tuple[str, ...] = ("--backlog", "8192"),
        port: int = 0,
        environment: dict[str, str] | None = None,
        wait: bool = True,
    ) -> None:
        # Padded, so that Sheaf, which lists endpoints by name, lists several sockets in the order in which they were made.
        name = f"backend-{os.getpid()}-{next(self._numbers):04}"
        self._app = [app, "--app-dir", str(app_folder)]
        self.host = host
        self.port = 0 if unix else port or free_port()
        self.path = folder / f"{name}.sock" if unix else None
        self.tls = tls
        self._loud = loud
        self._options = options
        self._environment = environment or {}
        self._log_file = folder / f"{name}.log"
        self.start(wait=wait)

    @property
    def url(self) -> str:
        """As upstream.url wants it."""
        if self.path:
            return f"unix:{self.path}"
        return f"{'https' if self.tls else 'http'}://{'127.0.0.1' if ':' in self.host else self.host}:{self.port}"

    def start(self, *, wait: bool = True) -> None:
        where = ["--uds", str(self.path)] if self.path else ["--host", self.host, "--port", str(self.port)]
        tls = ["--ssl-certfile", str(self.tls.certificate), "--ssl-keyfile", str(self.tls.key)] if self.tls else []
        with self._log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "uvicorn",
                    *self._app,
                    *where,
                    *tls,
                    "--log-level",
                    "info" if self._loud else "warning",
                    *self._options,
                    "--timeout-graceful-shutdown",
                    "1",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "SHEAF_DEMO_TICK": "0.05", **self._environment},
            )
        if wait:
            self.wait_until_up()

    def wait_until_up(self) -> None:
        wait_until(self._accepts, 60, f"the backend accepts; its log: {self.log()[-2000:]}")

    def _accepts(self) -> bool:
        assert self.process.poll() is None, f"the backend ended:\n{self.log()}"
        family = socket.AF_UNIX if self.path else socket.AF_INET6 if ":" in self.host else socket.AF_INET
        with socket.socket(family) as probe:
            return probe.connect_ex(str(self.path) if self.path else (self.host, self.port)) == 0

    def log(self) -> str:
        return self._log_file.read_text(errors="replace")

    def suspend(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """kill -9: no goodbye to anybody."""
        self.process.kill()
        self.process.wait()
        if self.path:
            self.path.unlink(missing_ok=True)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.resume()
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
