"""Installs the built files, each in an environment with nothing else in it, and uses them there as their users would: a
strict type checker, and a session over the real proxy in mux mode with batches of the envelope json."""

from __future__ import annotations

import json
import os
import pathlib
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Iterator

from building import ROOT

sys.path.insert(0, str(ROOT / "tests/integration"))

from harness.ports import free_port, wait_until  # noqa: E402
from harness.sheaf import Sheaf  # noqa: E402

HERE = pathlib.Path(__file__).parent
MODULES = ROOT / "build/clients/node_modules"
TOKEN = "the-secret-of-these-links"
COUNT = 300
PATIENCE = 60  # seconds
# With the window fixed, what the application sends in one go is gathered on the slowest machine, too.
CONF = {"workers": 1, "upstream": {"mode": "mux", "token": TOKEN}, "batching": {"adaptive": False}}


def run(*command: object, cwd: pathlib.Path, **variables: str) -> str:
    """What a program prints. Raises AssertionError with all that it says if it fails."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **variables}
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


class PythonEnvironment:
    """A virtual environment with the package of one wheel, and nothing else before `lend_libraries`."""

    def __init__(self, folder: pathlib.Path, wheel: pathlib.Path) -> None:
        self._folder = folder / wheel.name.split("-")[0]
        self.python = self._folder / "bin/python"
        run(sys.executable, "-m", "venv", "--without-pip", self._folder, cwd=folder)
        self._pip("install", "--quiet", "--no-index", wheel)
        installed = json.loads(self._pip("list", "--format=json"))
        assert [one["name"].replace("-", "_") for one in installed] == [self._folder.name], installed
        # With no library there: the package itself needs none.
        run(self.python, "-c", f"import {self._folder.name}", cwd=self._folder)

    def _pip(self, *words: object) -> str:
        return run(sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", self.python, *words, cwd=self._folder)

    def lend_libraries(self) -> None:
        """The libraries of build/venv, which has no package of ours, can be imported besides."""
        site = next(self._folder.glob("lib/python*/site-packages"))
        (site / "libraries.pth").write_text(sysconfig.get_path("purelib"))
        found = run(self.python, "-c", f"import {self._folder.name} as it; print(it.__file__)", cwd=self._folder)
        assert found.startswith(str(site)), f"{found} is not what was installed"

    def check_types(self, program: str) -> None:
        """By mypy's strictest rules, with the installed package's types; those of the libraries do not matter here."""
        foreign = ["--follow-imports=silent", "--cache-dir", str(ROOT / "build/packaging/.mypy_cache")]
        run(sys.executable, "-m", "mypy", "--strict", *foreign, "--python-executable", self.python, HERE / program, cwd=self._folder)


class NpmProject:
    """A project with the package of one archive, and nothing else."""

    def __init__(self, folder: pathlib.Path, archive: pathlib.Path) -> None:
        self._folder = folder / "npm"
        self._folder.mkdir()
        (self._folder / "package.json").write_text('{"private": true, "type": "module"}')
        run("npm", "install", "--silent", "--offline", "--no-audit", "--no-fund", archive, cwd=self._folder)
        packages = [one.name for one in (self._folder / "node_modules").iterdir() if not one.name.startswith(".")]
        assert packages == ["sheaf-batch"], packages

    def compile(self, program: str) -> pathlib.Path:
        """The program as JavaScript, made by TypeScript's compiler with all its strictness."""
        source = self._folder / program
        source.write_text((HERE / program).read_text())
        options = ["--strict", "--target", "es2022", "--module", "nodenext"]
        run("node", MODULES / "typescript/bin/tsc", *options, source.name, cwd=self._folder)
        return source.with_suffix(".mjs")


class Application:
    """uvicorn of the environment that has sheaf-asgi, with quotes_app, while the context lasts."""

    def __init__(self, environment: PythonEnvironment, folder: pathlib.Path) -> None:
        self.port = free_port()
        words = ["-m", "uvicorn", "quotes_app:app", "--app-dir", str(HERE), "--port", str(self.port)]
        self._log_file = folder / "uvicorn.log"
        self._log = self._log_file.open("wb")
        self._process = subprocess.Popen(
            [str(environment.python), *words], stdout=self._log, stderr=self._log,
            env={**os.environ, "SHEAF_TOKEN": TOKEN, "PYTHONDONTWRITEBYTECODE": "1"})

    def __enter__(self) -> Application:
        try:
            wait_until(self._accepts, PATIENCE, "uvicorn accepts")
        except BaseException:
            self.__exit__()
            raise
        return self

    def _accepts(self) -> bool:
        assert self._process.poll() is None, f"uvicorn ended: {self._log_file.read_text()}"
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE)
        self._log.close()


def session_mistakes(binary: str, python: PythonEnvironment, program: pathlib.Path, asgi: PythonEnvironment,
                     folder: pathlib.Path) -> Iterator[str]:
    """The sessions of both clients with one application: what was wrong with them. A session that fails raises."""
    with Application(asgi, folder) as application:
        sheaf = Sheaf(folder, f"http://127.0.0.1:{application.port}", CONF, binary=pathlib.Path(binary))
        try:
            wait_until(lambda: sheaf.metric("sheaf_mux_links", state="ready"), PATIENCE, "Sheaf has a link to sheaf-asgi")
            url = f"{sheaf.ws_url}/quotes?count={COUNT}"
            said = {"sheaf-batch for Python": run(python.python, HERE / "quotes_client.py", url, COUNT, cwd=folder)}
            ws = str(MODULES / "ws/wrapper.mjs")
            said["sheaf-batch for npm"] = run("node", program, cwd=folder, URL=url, COUNT=str(COUNT), WS=ws)
            opened = sheaf.metric("sheaf_mux_streams_opened_total")
        finally:
            sheaf.stop()
    for name, line in said.items():
        counted = json.loads(line)
        if counted["messages"] != COUNT or not 0 < counted["frames"] < COUNT / 10:
            yield f"{name}: {counted}, where {COUNT} messages were to come in far fewer frames"
    if opened != 3:
        yield f"sheaf-asgi got {opened} of the 3 sessions over links"


def use_mistakes(binary: str, built: list[pathlib.Path], folder: pathlib.Path) -> Iterator[str]:
    """A sentence for each thing that did not work with the files in `built`; what cannot be installed or run raises."""
    wheels = {one.name.split("-")[0]: one for one in built if one.suffix == ".whl"}
    asgi, python = (PythonEnvironment(folder, wheels[name]) for name in ("sheaf_asgi", "sheaf_batch"))
    npm = NpmProject(folder, next(one for one in built if one.suffix == ".tgz"))
    for environment, program in ((asgi, "quotes_app.py"), (python, "quotes_client.py")):
        environment.lend_libraries()
        environment.check_types(program)
    yield from session_mistakes(binary, python, npm.compile("quotes_client.mts"), asgi, folder)
