"""Fixtures of which many files have one of their own kind: `name = one_of_these(...)` in the file defines it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from .backend import Backend
from .mux_driver import MuxDriver, mux_backend
from .recorder import Recorder, Script
from .reloading import ReloadableSheaf
from .sheaf import Conf


def recorder_fixture(script: Script, *, at_head: bool) -> Callable[..., Iterator[Recorder]]:
    """A Recorder for all tests of the file, which answers by `script`; `at_head`: as soon as a head has come."""

    @pytest.fixture(scope="module")
    def recorder() -> Iterator[Recorder]:
        running = Recorder(script, at_head=at_head)
        yield running
        running.stop()

    return recorder


def reloadable(
    base: Conf, backend: str, routes: Sequence[Conf] = ()
) -> tuple[Callable[..., object], Callable[..., object]]:
    """The fixtures `running`, a ReloadableSheaf for all tests of the file, and `proxy`, which has `base` and `routes`
    again after each test. `backend`: the name of the fixture that has its url."""

    @pytest.fixture(scope="module")
    def running(request: pytest.FixtureRequest, folder: Path) -> Iterator[ReloadableSheaf]:
        one = ReloadableSheaf(folder, request.getfixturevalue(backend).url, base, list(routes))
        yield one
        one.stop()

    @pytest.fixture
    def proxy(running: ReloadableSheaf) -> Iterator[ReloadableSheaf]:
        yield running
        running.reload()

    return running, proxy


def linked() -> tuple[Callable[..., object], Callable[..., object]]:
    """The fixtures `app`, uvicorn with harness.mux_app for all tests of the file, and `link`, a new MuxDriver of it for
    each test."""

    @pytest.fixture(scope="module")
    def app(folder: Path) -> Iterator[Backend]:
        with mux_backend(folder) as running:
            yield running

    @pytest.fixture
    def link(app: Backend) -> Iterator[MuxDriver]:
        with MuxDriver(app.port) as running:
            yield running

    return app, link
