"""docker/rolling_restart.sh: four uvicorn processes on Unix sockets behind one Sheaf, restarted one after another."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.backend import Backend
from harness.clients_js import CLIENTS, MODULES
from harness.ports import wait_until
from harness.processes import Processes
from harness.sheaf import ROOT, Conf, Sheaf

TOKEN = "of the tests"
REQUESTS_A_CONNECTION = 20
# Stands in the place of `systemctl restart app@NAME`: asks for it by a file, and returns when that is gone.
ASK = 'touch "$0/$1.wanted"; while [ -e "$0/$1.wanted" ]; do sleep 0.05; done; test ! -e "$0/$1.failed"'


class Load(threading.Thread):
    """Asks by GET, one after another, over a new connection now and then. `done`: how many had their 200."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._port = port
        self._over = threading.Event()
        self.done = 0
        self.failed: list[str] = []
        self.start()

    def run(self) -> None:
        while not self._over.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
            try:
                for _ in range(REQUESTS_A_CONNECTION):
                    self._ask(connection)
                    time.sleep(0.005)
            except (OSError, http.client.HTTPException) as error:
                self.failed.append(repr(error))
            finally:
                connection.close()

    def _ask(self, connection: http.client.HTTPConnection) -> None:
        connection.request("GET", "/page")
        answer = connection.getresponse()
        body = answer.read()
        if answer.status == 200:
            self.done += 1
        else:
            self.failed.append(f"{answer.status} {body.decode(errors='replace')}")

    def stop(self) -> None:
        self._over.set()
        self.join()


class Staying:
    """A Socket.IO client in a process of its own, connected when this is made."""

    def __init__(self, command: list[str], url: str) -> None:
        self._process = subprocess.Popen(
            [*command, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT / "tests/integration",
            env={**os.environ, "NODE_PATH": str(MODULES)},
        )  # fmt: skip
        assert self._process.stdout and self._process.stdout.readline() == "connected\n"

    def finish(self) -> dict[str, Any]:
        """What it has seen."""
        said, _ = self._process.communicate(timeout=20)
        return json.loads(said)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    """On Unix sockets, as app@.service has them."""
    with Processes(tmp_path, unix=True) as running:
        yield running


def conf(processes: Processes, **more: Any) -> Conf:
    """Of a Sheaf in front of them; `more` sections."""
    return {
        "upstream": {"url": None, "urls": processes.urls},
        "pool": {"health_check_interval": "500ms"},
        "reload": {"max_age": "1s"},
        "admin": {"token": TOKEN},
        **more,
    }


@pytest.fixture
def proxy(processes: Processes, make_sheaf: Callable[..., Sheaf]) -> Sheaf:
    return make_sheaf("", conf(processes))


def endpoints(proxy: Sheaf, backend: str = "default") -> list[dict[str, Any]]:
    status, body = proxy.admin("/backends", headers={"Authorization": f"Bearer {TOKEN}"})
    assert status == 200, body
    (found,) = [one["endpoints"] for one in json.loads(body)["backends"] if one["name"] == backend]
    return found


def states(proxy: Sheaf, backend: str = "default") -> list[str]:
    return [one["state"] for one in endpoints(proxy, backend)]


def change(proxy: Sheaf, url: str, action: str, backend: str = "default") -> None:
    path = f"/backends/{backend}/{url}/{action}"
    assert proxy.admin(path, "POST", {"Authorization": f"Bearer {TOKEN}"})[0] == 200


def begin(proxy: Sheaf, folder: Path, *options: str, token: str = TOKEN) -> subprocess.Popen[str]:
    """The script, which has begun. In `folder` it asks for restarts."""
    return subprocess.Popen(
        [ROOT / "docker/rolling_restart.sh", *options, "sh", "-c", ASK, str(folder), "{}"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={**os.environ, "SHEAF_ADMIN": f"http://127.0.0.1:{proxy.admin_port}", "SHEAF_ADMIN_TOKEN": token},
    )  # fmt: skip


def restart_wanted(processes: Processes, folder: Path, broken: Backend | None, before: Callable[[], object]) -> None:
    """Does what ASK waits for, if it does, and `before` first. The process `broken` ends, and does not come again."""
    by_name = {Path(one.url).stem: one for one in processes.all}
    for wanted in folder.glob("*.wanted"):
        one = by_name[wanted.stem]
        before()
        one.stop()
        if one is broken:
            wanted.with_suffix(".failed").touch()
        else:
            one.start()
        wanted.unlink()


def roll(
    proxy: Sheaf,
    processes: Processes,
    folder: Path,
    *options: str,
    broken: Backend | None = None,
    token: str = TOKEN,
    before: Callable[[], object] = lambda: None,
) -> tuple[int, str]:
    """The script's exit status, and what it said. `before`: is called before each restart."""
    script = begin(proxy, folder, *options, token=token)
    try:
        while script.poll() is None:
            restart_wanted(processes, folder, broken, before)
            time.sleep(0.05)
        assert script.stdout
        return script.returncode, script.stdout.read()
    finally:
        script.kill()
        script.wait()


def test_all_are_restarted_and_no_request_fails(proxy: Sheaf, processes: Processes, tmp_path: Path) -> None:
    before = processes.pids
    clients = [Staying(command, proxy.url)
               for command in (["node", str(CLIENTS / "socketio_stays.cjs")], [sys.executable, "-m", "harness.staying"])]  # fmt: skip
    loads = [Load(proxy.port) for _ in range(4)]
    try:
        status, said = roll(proxy, processes, tmp_path)
        seen = [client.finish() for client in clients]
    finally:
        for load in loads:
            load.stop()
        for client in clients:
            client.kill()
    assert status == 0, said
    assert said.count("is restarted") == 4, said
    assert not set(before) & set(processes.pids)
    assert [load.failed for load in loads] == [[]] * 4
    assert min(load.done for load in loads) > 100
    for one in seen:
        assert one["connects"] > 1 and one["errors"] == [] and one["answer"] in processes.pids, one
    assert states(proxy) == ["up"] * 4


def test_a_process_that_does_not_come_again_stays_drained_and_ends_the_script(
    proxy: Sheaf, processes: Processes, tmp_path: Path
) -> None:
    first, *_, last = processes.pids
    status, said = roll(proxy, processes, tmp_path, broken=processes[1])
    assert status == 1
    assert "this command failed" in said and f"{processes.urls[1]} stays drained" in said, said
    assert states(proxy) == ["up", "draining", "up", "up"]
    assert processes.pids[0] != first and processes.pids[3] == last


def test_the_last_one_that_is_up_is_not_drained(proxy: Sheaf, processes: Processes, tmp_path: Path) -> None:
    for one in processes.all[1:]:
        one.stop()
    wait_until(lambda: states(proxy) == ["up", "down", "down", "down"], 10, "three are down")
    before = processes.pids
    status, said = roll(proxy, processes, tmp_path, "-w", "1")
    assert status == 1 and "no other endpoint is up" in said, said
    assert states(proxy)[0] == "up" and processes.pids == before


def test_what_an_operator_has_drained_is_left_alone(proxy: Sheaf, processes: Processes, tmp_path: Path) -> None:
    for url in processes.urls[1:]:
        change(proxy, url, "drain")
    change(proxy, processes.urls[3], "undrain")
    before = processes.pids
    status, said = roll(proxy, processes, tmp_path)
    assert status == 0 and said.count("is restarted") == 2, said
    assert states(proxy) == ["up", "draining", "draining", "up"]
    assert [one == other for one, other in zip(before, processes.pids, strict=True)] == [False, True, True, False]


def test_a_process_is_drained_in_each_backend_that_has_it(
    processes: Processes, make_sheaf: Callable[..., Sheaf], tmp_path: Path
) -> None:
    """And waited for in each. Where an operator has drained it, it stays drained."""
    feeds = {"name": "feeds", "urls": processes.urls}
    proxy = make_sheaf("", conf(processes, backend=[feeds]), [{"path": "/slow", "backend": "feeds"}])
    wait_until(lambda: states(proxy, "feeds") == ["up"] * 4, 10, "all have been tried")
    for url in processes.urls[1:]:
        change(proxy, url, "drain", "feeds")
    request = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=20)
    request.request("GET", "/slow?2")
    wait_until(lambda: endpoints(proxy, "feeds")[0]["sessions"] == 1, 5, "the first is busy")
    for url in processes.urls[1:3]:
        change(proxy, url, "undrain", "feeds")
    seen: list[tuple[list[str], list[str], int]] = []
    status, said = roll(
        proxy, processes, tmp_path,
        before=lambda: seen.append((states(proxy), states(proxy, "feeds"), endpoints(proxy, "feeds")[0]["sessions"])),
    )  # fmt: skip
    assert status == 0 and said.count("is restarted") == 4, said
    assert seen == [
        (["draining", "up", "up", "up"], ["draining", "up", "up", "draining"], 0),
        (["up", "draining", "up", "up"], ["up", "draining", "up", "draining"], 0),
        (["up", "up", "draining", "up"], ["up", "up", "draining", "draining"], 0),
        (["up", "up", "up", "draining"], ["up", "up", "up", "draining"], 0),
    ]
    assert states(proxy) == ["up"] * 4 and states(proxy, "feeds") == ["up", "up", "up", "draining"]
    assert request.getresponse().status == 200
    request.close()


def test_the_only_one_of_another_backend_is_not_drained(
    processes: Processes, make_sheaf: Callable[..., Sheaf], tmp_path: Path
) -> None:
    lone = {"name": "lone", "urls": processes.urls[:1]}
    proxy = make_sheaf("", conf(processes, backend=[lone]), [{"path": "/slow", "backend": "lone"}])
    wait_until(lambda: states(proxy, "lone") == ["up"], 10, "it has been tried")
    before = processes.pids
    status, said = roll(proxy, processes, tmp_path, "-w", "1")
    assert status == 1 and "no other endpoint is up in lone" in said, said
    assert states(proxy) == ["up"] * 4 and states(proxy, "lone") == ["up"] and processes.pids == before


def test_endpoints_that_nobody_has_tried_are_no_hindrance(
    processes: Processes, make_sheaf: Callable[..., Sheaf], tmp_path: Path
) -> None:
    feeds = {"name": "feeds", "urls": processes.urls}
    proxy = make_sheaf("", conf(processes, backend=[feeds], pool={"health_check_interval": "0s"}), ready="/livez")
    before = processes.pids
    status, said = roll(proxy, processes, tmp_path, "-w", "1")
    assert status == 0 and said.count("is restarted") == 4, said
    assert not set(before) & set(processes.pids)


def test_one_that_is_waited_for_is_undrained_when_the_script_is_ended(
    proxy: Sheaf, processes: Processes, tmp_path: Path
) -> None:
    before = processes.pids
    request = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=20)
    for url in processes.urls[1:]:
        change(proxy, url, "drain")
    request.request("GET", "/slow?6")
    wait_until(lambda: endpoints(proxy)[0]["sessions"] == 1, 5, "it is busy")
    for url in processes.urls[1:]:
        change(proxy, url, "undrain")
    script = begin(proxy, tmp_path)
    wait_until(lambda: states(proxy)[0] == "draining", 5, "the first is drained")
    script.terminate()
    assert script.wait(10) == 143
    assert states(proxy) == ["up"] * 4 and processes.pids == before
    assert request.getresponse().status == 200
    request.close()


def test_what_is_wrong_is_said(proxy: Sheaf, processes: Processes, tmp_path: Path) -> None:
    before = processes.pids
    for options, token, words in (
        (("-b", "realtime"), TOKEN, "there is no backend realtime, but: default"),
        ((), "another", "401"),
    ):
        status, said = roll(proxy, processes, tmp_path, *options, token=token)
        assert status == 1 and words in said, said
    assert processes.pids == before and states(proxy) == ["up"] * 4
