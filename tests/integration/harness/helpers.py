"""Starts the helper processes that take commands a line and answer each with a line of JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

from .ports import free_port


class Helper:
    """`python -m harness.<module>` with these options; `latest` is its latest answer, the first one included."""

    def __init__(self, module: str, **options: object) -> None:
        flags = [part for key, value in options.items() for part in _flag(key, value)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"harness.{module}", *flags],
            cwd=Path(__file__).parents[1],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.latest = self._read()

    def tell(self, command: str | dict[str, object]) -> dict[str, Any]:
        """Gives a command and waits for its answer."""
        assert self._process.stdin is not None
        self._process.stdin.write((command if isinstance(command, str) else json.dumps(command)) + "\n")
        self._process.stdin.flush()
        self.latest = self._read()
        return self.latest

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "a helper process ended"
        return json.loads(line)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Helper:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


class BroadcastBackend(Helper):
    """harness.broadcaster on a port of its own."""

    def __init__(self) -> None:
        self.port = free_port()
        super().__init__("broadcaster", port=self.port)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def _flag(key: str, value: object) -> list[str]:
    if isinstance(value, bool):
        return [f"--{key}"] if value else []
    return [f"--{key}", str(value)]
