"""The ASGI servers that the application's end of mux is for, with harness.mux_app or another application."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .mux_driver import ENVIRONMENT
from .ports import free_port, wait_until
from .raw import get
from .sheaf import ROOT

# uvicorn 0.17 and Starlette 0.26; tests/install.sh puts them there.
DEBIAN12 = ROOT / "build/debian12"

# {app}, {port} and {workers} are filled in.
SERVERS = {
    "uvicorn": "uvicorn {app} --port {port} --workers {workers} --ws websockets-sansio --loop uvloop",
    "uvicorn-asyncio": "uvicorn {app} --port {port} --workers {workers} --ws websockets-sansio --loop asyncio",
    "uvicorn-websockets": "uvicorn {app} --port {port} --workers {workers} --ws websockets",
    "uvicorn-wsproto": "uvicorn {app} --port {port} --workers {workers} --ws wsproto",
    "hypercorn": "hypercorn {app} --bind 127.0.0.1:{port} --workers {workers}",
    "uvicorn-debian12": "uvicorn {app} --port {port} --workers {workers} --ws websockets",
    "uvicorn-debian12-wsproto": "uvicorn {app} --port {port} --workers {workers} --ws wsproto",
    "granian": "granian --interface asgi {app} --port {port} --workers {workers}",
}


def is_old(name: str) -> bool:
    """Whether this server is Debian 12's, which knows no answer of the application's own to a handshake."""
    return "debian12" in name


@dataclass
class Running:
    """A server that answers."""

    name: str
    process: subprocess.Popen[bytes]
    port: int
    log_file: Path

    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def answers(self) -> bool:
        assert self.process.poll() is None, f"the server ended:\n{self.log()}"
        try:
            return get(self.port, timeout=2).status == 200
        except (OSError, AssertionError):
            return False


@contextmanager
def serving(
    folder: Path,
    name: str,
    *options: str,
    workers: int = 1,
    app: str = "harness.mux_app:app",
    environment: dict[str, str] | None = None,
) -> Iterator[Running]:
    """A server of SERVERS; `options` are more words for it, `environment` more variables."""
    port = free_port()
    if is_old(name):
        assert DEBIAN12.is_dir(), f"{DEBIAN12} is not there: run tests/install.sh"
        path = os.pathsep.join((str(DEBIAN12), ENVIRONMENT["PYTHONPATH"]))
        environment = {"PYTHONPATH": path, **(environment or {})}
    module, *words = SERVERS[name].format(app=app, port=port, workers=workers).split()
    log_file = folder / f"{name}-{port}.log"
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *words, *options],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            env={**os.environ, **ENVIRONMENT, **(environment or {})},
        )
    running = Running(name, process, port, log_file)
    try:
        wait_until(running.answers, 30, f"the server answers; its log: {running.log()[-2000:]}")
        yield running
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
