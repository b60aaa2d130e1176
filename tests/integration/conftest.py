"""Fixtures: one real backend a file, and a factory of proxies that checks each of them when it ends."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness.backend import Backend
from harness.browser import Page
from harness.certificates import Authority, Pair
from harness.demo import Demo
from harness.demo_page import showing
from harness.leaky import LeakySheaf
from harness.processes import Processes
from harness.recorder import Recorder
from harness.reloading import ReloadableSheaf
from harness.sheaf import BINARY, ROOT, Sheaf

MakeSheaf = Callable[..., Sheaf]


@pytest.fixture(scope="session", autouse=True)
def binary_exists() -> None:
    assert BINARY.exists(), f"{BINARY} is not built: run tests/run.sh, or set SHEAF_BINARY"


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for conf files, logs, sockets and certificates."""
    return tmp_path_factory.mktemp("sheaf")


@pytest.fixture(scope="session")
def authority(folder: Path) -> Authority:
    return Authority(folder)


@pytest.fixture(scope="session")
def certificate(authority: Authority) -> Pair:
    """For clients that connect to localhost."""
    return authority.issue("localhost", "127.0.0.1")


@pytest.fixture(scope="session")
def client_tls(authority: Authority) -> ssl.SSLContext:
    """A client's context that trusts the test authority."""
    return ssl.create_default_context(cafile=str(authority.certificate))


@pytest.fixture(scope="session")
def backend(folder: Path) -> Iterator[Backend]:
    """The demo backend for tests that leave it in peace."""
    running = Backend(folder)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def recorder() -> Iterator[Recorder]:
    """A backend that records requests and answers by script. Files that need another kind define their own."""
    running = Recorder()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def proxy(folder: Path, recorder: Recorder) -> Iterator[Sheaf]:
    """A proxy in front of the file's recorder, whichever that is."""
    running = Sheaf(folder, recorder.url)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def memory_app(folder: Path) -> Iterator[Backend]:
    """FastAPI that echoes and tells Close codes, and Socket.IO with frequent pings."""
    running = Backend(folder, app="harness.memory_app:app", app_folder=ROOT / "tests/integration")
    yield running
    running.stop()


@pytest.fixture(scope="module")
def sheaf(folder: Path, backend: Backend) -> Iterator[Sheaf]:
    """One proxy with the shipped defaults for all tests of a file that need nothing else."""
    running = Sheaf(folder, backend.url)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def page(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """The page of the file's own `demo`, in a browser."""
    with showing(demo, tmp_path_factory.mktemp("profile")) as shown:
        yield shown


@pytest.fixture(scope="module")
def processes(folder: Path) -> Iterator[Processes]:
    """Four processes that serve the same, for tests that leave them in peace."""
    with Processes(folder) as running:
        yield running


@pytest.fixture
def make_processes(folder: Path) -> Iterator[Callable[..., Processes]]:
    """make_processes(count, ...): processes that the test may kill."""
    with ExitStack() as running:
        yield lambda *arguments, **options: running.enter_context(Processes(folder, *arguments, **options))


def making(kind: type[Sheaf], folder: Path) -> Iterator[MakeSheaf]:
    running: list[Sheaf] = []

    def make(*arguments: object, **options: object) -> Sheaf:
        running.append(kind(folder, *arguments, **options))  # type: ignore[arg-type]
        return running[-1]

    yield make
    failures = []
    for one in running:
        try:
            one.stop()
        except AssertionError as failure:
            failures.append(str(failure))
    assert not failures, "\n".join(failures)


@pytest.fixture
def make_sheaf(folder: Path) -> Iterator[MakeSheaf]:
    """make_sheaf(upstream, conf, routes, ...): see Sheaf. Each one is stopped and checked when the test ends."""
    yield from making(Sheaf, folder)


@pytest.fixture
def make_reloadable(folder: Path) -> Iterator[MakeSheaf]:
    """The same with ReloadableSheaf."""
    yield from making(ReloadableSheaf, folder)


@pytest.fixture
def make_leaky(folder: Path) -> Iterator[MakeSheaf]:
    """The same with LeakySheaf."""
    yield from making(LeakySheaf, folder)


@pytest.fixture
def make_backend(folder: Path) -> Iterator[Callable[..., Backend]]:
    """make_backend(...): a backend that the test may kill."""
    running: list[Backend] = []

    def make(**options: object) -> Backend:
        running.append(Backend(folder, **options))  # type: ignore[arg-type]
        return running[-1]

    yield make
    for one in running:
        one.stop()


@pytest.fixture
def make_recorder() -> Iterator[Callable[..., Recorder]]:
    """make_recorder(script): a scripted upstream."""
    running: list[Recorder] = []

    def make(*arguments: object, **options: object) -> Recorder:
        running.append(Recorder(*arguments, **options))  # type: ignore[arg-type]
        return running[-1]

    yield make
    for one in running:
        one.stop()
