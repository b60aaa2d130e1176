"""Runs docker/demo.sh, as somebody who tries Sheaf would."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

from .ports import free_port, wait_until
from .sheaf import BINARY, ROOT, metric_in


class Demo:
    """The script with the binary under test, on free ports. `environment` goes over what is set here; `arguments`: the
    script's."""

    def __init__(self, folder: Path, environment: dict[str, str] | None = None, arguments: Sequence[str] = ()) -> None:
        self.port, self.admin_port = free_port(), free_port()
        self._log_file = folder / f"demo-{self.port}.log"
        ports = {"SHEAF_PORT": str(self.port), "ADMIN_PORT": str(self.admin_port), "SHEAF_BINARY": str(BINARY.absolute())}
        with self._log_file.open("wb") as log:
            self.process = subprocess.Popen(
                [ROOT / "docker/demo.sh", *arguments],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **ports, **(environment or {})},
            )  # fmt: skip
        try:
            wait_until(self._is_ready, 40, "docker/demo.sh is ready")
        except AssertionError:
            self.stop()
            raise

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def backend_url(self) -> str:
        """Where the backend can be asked without Sheaf: what the script says."""
        found = re.search(r"the backend, without Sheaf +(http://\S+)/", self.log())
        assert found, self.log()
        return found[1]

    def _is_ready(self) -> bool:
        assert self.process.poll() is None, self.log()
        return "Ctrl-C ends both" in self.log()

    def metric(self, name: str) -> float:
        """The sum of all samples of a metric of Sheaf's."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_port}/metrics", timeout=5) as answer:
            return metric_in(answer.read().decode(), name)

    def log(self) -> str:
        return self._log_file.read_text(errors="replace")

    def stop(self) -> int:
        """The exit code after a SIGTERM."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


@contextlib.contextmanager
def running_demo(
    folder: Path, environment: dict[str, str] | None = None, arguments: Sequence[str] = ()
) -> Iterator[Demo]:
    """A Demo for the length of the with statement, at whose end it must stop as it should and have told no error."""
    running = Demo(folder, environment, arguments)
    yield running
    assert running.stop() == 143
    assert "Traceback" not in running.log(), running.log()
