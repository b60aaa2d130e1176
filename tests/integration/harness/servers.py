"""Real servers that bind something scarce to a connection: gunicorn's sync and gthread workers, and Node."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType

from .ports import free_port, wait_until
from .raw import get
from .sheaf import ROOT


class Server:
    """A started server; stop() ends it. `port`: where it listens on 127.0.0.1."""

    def __init__(self, folder: Path, command: list[str], port: int, environment: dict[str, str] | None = None) -> None:
        self.port = port
        self._log_file = folder / f"server-{port}.log"
        with self._log_file.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                cwd=Path(__file__).parents[1],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env={**os.environ, **(environment or {})},
            )
        wait_until(self._answers, 20, f"the server answers; its log: {self.log()[-2000:]}")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def log(self) -> str:
        return self._log_file.read_text(errors="replace")

    def _answers(self) -> bool:
        assert self.process.poll() is None, f"the server ended:\n{self.log()}"
        try:
            return get(self.port, timeout=2).status == 200
        except (OSError, AssertionError):
            return False

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(3)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


class Gunicorn(Server):
    """One worker of gunicorn with harness.wsgi_app; `worker` is its kind, "sync" being gunicorn's default."""

    def __init__(self, folder: Path, worker: str, *options: str) -> None:
        port = free_port()
        command = [sys.executable, "-m", "gunicorn", "harness.wsgi_app:app", "--bind", f"127.0.0.1:{port}"]
        command += ["--workers", "1", "--worker-class", worker, "--graceful-timeout", "1", "--log-level", "warning"]
        # A folder of its own: gunicorn keeps files there that its worker touches.
        scratch = tempfile.mkdtemp(dir=folder)
        super().__init__(folder, [*command, "--worker-tmp-dir", scratch, *options], port, {"HOME": scratch})


class Node(Server):
    """Node's http server; close() calls its server.close()."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        super().__init__(folder, ["node", str(ROOT / "tests/clients/http_server.cjs"), str(port)], port)

    def close(self, seconds: float) -> float | None:
        """How long server.close() took to complete (s); None when it did not within `seconds`."""
        assert self.process.stdin is not None
        began = time.monotonic()
        self.process.stdin.close()
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        return time.monotonic() - began
