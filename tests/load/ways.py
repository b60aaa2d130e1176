"""The ways in which clients reach the backend: directly, and through Sheaf with what is shipped."""

from __future__ import annotations

import http.client
import json
from pathlib import Path
from types import TracebackType
from typing import Any

from harness.backend import Backend
from harness.modes import MUX_CONF, mux_environment
from harness.sheaf import AS_SHIPPED, Conf, Sheaf, merged

HERE = Path(__file__).parent


class Way:
    """uvicorn with `app` (module:name of this folder) and, but for "direct", Sheaf before it; "mux": over links.

    `conf`: of Sheaf, over what is shipped; `words`: more of uvicorn's command line. A context, which starts and ends both.
    """

    def __init__(self, name: str, app: str, folder: Path, binary: Path, conf: Conf, words: tuple[str, ...] = ()) -> None:
        mux = name == "mux"
        self.backend = Backend(
            folder, app="sheaf_asgi:app" if mux else app, app_folder=HERE, options=("--backlog", "8192", *words),
            environment=mux_environment(app) if mux else None)
        self.sheaf: Sheaf | None = None
        if name != "direct":
            conf = merged(merged(AS_SHIPPED, MUX_CONF if mux else {}), conf)
            try:
                self.sheaf = Sheaf(folder, self.backend.url, conf, binary=binary)
            except BaseException:
                self.backend.stop()
                raise

    @property
    def url(self) -> str:
        """Where the clients go."""
        return self.sheaf.url if self.sheaf else self.backend.url

    @property
    def port(self) -> int:
        """The same."""
        return self.sheaf.port if self.sheaf else self.backend.port

    @property
    def pids(self) -> dict[str, int]:
        """The pod's processes, by name."""
        return {"backend": self.backend.process.pid, **({"sheaf": self.sheaf.process.pid} if self.sheaf else {})}

    def ask_backend(self, path: str) -> Any:
        """A JSON answer of the application, past Sheaf."""
        connection = http.client.HTTPConnection("127.0.0.1", self.backend.port, timeout=30)
        try:
            connection.request("GET", path)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def __enter__(self) -> Way:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            if self.sheaf:
                self.sheaf.stop()
        finally:
            self.backend.stop()
