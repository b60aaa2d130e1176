"""One app served in each of the ways in which clients may reach it, so that the same tests run in all of them.

direct: uvicorn alone, which says what is right; tunnel: Sheaf before it, a connection for each client; mux: Sheaf, a few
links, and the app unchanged under `uvicorn sheaf_asgi:app`. SHEAF_TEST_MODES names some of them, with commas.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from .backend import Backend
from .notes import Notes
from .reloading import ReloadableSheaf
from .sheaf import ROOT, Conf, merged

MODES = os.environ.get("SHEAF_TEST_MODES", "direct,tunnel,mux").split(",")
IN_EVERY_MODE = pytest.mark.parametrize("mode", MODES)
# For tests of the fixture that served_in makes: only where Sheaf stands before the app.
PROXIED = pytest.mark.parametrize("served", [mode for mode in MODES if mode != "direct"], indirect=True)
MUX_PATH = "/.sheaf/mux"
MUX_TOKEN = "the-token-of-the-tests-links"
MUX_CONF: Conf = {"upstream": {"mode": "mux", "token": MUX_TOKEN}}
APP = "harness.modes_app:app"
APP_FOLDER = ROOT / "tests/integration"


def mux_environment(app: str, token: str = MUX_TOKEN) -> dict[str, str]:
    """Variables with which `uvicorn sheaf_asgi:app` serves `app` (module:name)."""
    return {"SHEAF_APP": app, "SHEAF_TOKEN": token, "PYTHONPATH": str(ROOT / "pool/asgi")}


def accepted_paths(backend: Backend) -> set[str]:
    """Paths, without their queries, of the WebSockets that uvicorn says it has accepted; `backend` must be loud."""
    return set(re.findall(r'"WebSocket ([^ ?"]*)[^"]*" \[accepted\]', backend.log()))


def is_link(path: str) -> bool:
    """Whether it is that of a link, whatever root path stands before it."""
    return path.endswith(MUX_PATH)


class Served:
    """`app` (module:name) under uvicorn and, but for "direct", a Sheaf of this `kind` before it. `conf`, `routes`: of
    Sheaf; `words`: more of uvicorn's command line; `environment`: more variables of the app.

    `notes` has what the app's handlers write down. stop() fails where Sheaf did not end well, or WebSockets came to
    uvicorn in another way than the mode's.
    """

    def __init__(
        self,
        folder: Path,
        mode: str,
        *,
        app: str = APP,
        app_folder: Path = APP_FOLDER,
        conf: Conf | None = None,
        routes: list[Conf] | None = None,
        kind: type[ReloadableSheaf] = ReloadableSheaf,
        words: tuple[str, ...] = (),
        environment: dict[str, str] | None = None,
    ) -> None:
        self.mode = mode
        self.notes = Notes(folder)
        is_mux = mode == "mux"
        self.backend = Backend(
            folder,
            app="sheaf_asgi:app" if is_mux else app,
            app_folder=app_folder,
            loud=True,
            options=("--backlog", "8192", *words),
            environment={
                **(mux_environment(app) if is_mux else {}),
                **self.notes.environment,
                **(environment or {}),
            },
        )
        self._sheaf: ReloadableSheaf | None = None
        if mode != "direct":
            try:
                self._sheaf = kind(folder, self.backend.url, merged(MUX_CONF if is_mux else {}, conf or {}), routes)
            except BaseException:
                self.backend.stop()
                raise

    @property
    def sheaf(self) -> ReloadableSheaf:
        """The proxy, of which "direct" has none."""
        assert self._sheaf, "nothing stands before the app"
        return self._sheaf

    @property
    def port(self) -> int:
        """Where clients connect."""
        return self._sheaf.port if self._sheaf else self.backend.port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def stop(self) -> None:
        try:
            if self._sheaf:
                self._sheaf.stop()
        finally:
            self.backend.stop()
        paths = accepted_paths(self.backend)
        if self.mode == "mux":
            assert all(map(is_link, paths)), f"clients have upstream WebSockets of their own: {paths}"
        else:
            assert not any(map(is_link, paths))

    def __enter__(self) -> Served:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


def served_in(*modes: str, **options: Any) -> Callable[..., Iterator[Served]]:
    """The fixture `served`: one for all tests of the file in each of `modes` (none: all of them). `options`: Served's."""

    @pytest.fixture(scope="module", params=[mode for mode in MODES if not modes or mode in modes])
    def served(request: pytest.FixtureRequest, folder: Path) -> Iterator[Served]:
        with Served(folder, request.param, **options) as running:
            yield running

    return served
