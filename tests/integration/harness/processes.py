"""Several real uvicorn processes that serve the same, harness.process_app, and what they say of themselves."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from .backend import Backend
from .ports import free_port
from .raw import get
from .sheaf import ROOT, Conf

APP: dict[str, Any] = {"app": "harness.process_app:app", "app_folder": ROOT / "tests/integration"}


class Processes:
    """`count` of them, every other one on a Unix socket, or all, if `unix`. `environment`: variables of the app.
    `addresses`: one at each of these instead, all on one port."""

    def __init__(
        self, folder: Path, count: int = 4, addresses: Sequence[str] = (), *, unix: bool = False, **environment: str
    ) -> None:
        options = {**APP, "environment": environment, "wait": False}
        port = free_port()
        if addresses:
            self.all = [Backend(folder, host=address, port=port, **options) for address in addresses]
        else:
            self.all = [Backend(folder, unix=unix or number % 2 == 1, **options) for number in range(count)]
        for one in self.all:
            one.wait_until_up()

    def __getitem__(self, index: int) -> Backend:
        return self.all[index]

    @property
    def urls(self) -> list[str]:
        return [one.url for one in self.all]

    @property
    def pids(self) -> list[int]:
        return [one.process.pid for one in self.all]

    def conf(self, **options: object) -> Conf:
        """Has Sheaf's [upstream] consist of them; `options`: more of its keys. Polls of clients that were killed hang as
        long as the process has nothing to say, and no test is to wait for that at its end."""
        return {"upstream": {"url": None, "urls": self.urls, **options}, "drain": {"timeout": "300ms"}}

    def figures(self) -> list[dict[str, Any]]:
        """Of those that run, as they say themselves, not through Sheaf."""
        return [figures_of(one) for one in self.all if one.process.poll() is None]

    def answers(self) -> Counter[str]:
        """To Engine.IO requests, by method and status, of all that run."""
        return sum((Counter(one["answers"]) for one in self.figures()), Counter())

    def start_again(self, index: int) -> None:
        """kill -9, if it still runs, and a new process in its place."""
        if self.all[index].process.poll() is None:
            self.all[index].kill()
        self.all[index].start()

    def stop(self) -> None:
        for one in self.all:
            one.kill()

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


def figures_of(backend: Backend) -> dict[str, Any]:
    """GET /figures of one process."""
    where = {} if backend.path else {"host": backend.host}
    response = get(backend.path or backend.port, "/figures", **where)
    assert response.status == 200, response
    return json.loads(response.body)


def name_of(backend: Backend) -> str:
    """The endpoint's name, as GET /backends has it."""
    return f"unix:{backend.path}" if backend.path else f"{backend.host}:{backend.port}"
