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

from harness.clients_js import CLIENTS, MODULES
from harness.instances import Instances
from harness.ports import wait_until
from harness.sheaf import ROOT, Sheaf

TOKEN = "of the tests"
REQUESTS_A_CONNECTION = 20


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
def instances(tmp_path: Path) -> Iterator[Instances]:
    running = Instances(tmp_path, 4)
    yield running
    running.stop()


@pytest.fixture
def proxy(instances: Instances, make_sheaf: Callable[..., Sheaf]) -> Sheaf:
    conf = {
        "upstream": {"url": None, "urls": instances.urls},
        "pool": {"health_check_interval": "500ms"},
        "reload": {"max_age": "1s"},
        "admin": {"token": TOKEN},
    }
    return make_sheaf("", conf)


def endpoints(proxy: Sheaf) -> list[dict[str, Any]]:
    status, body = proxy.admin("/backends", headers={"Authorization": f"Bearer {TOKEN}"})
    assert status == 200, body
    return json.loads(body)["backends"][0]["endpoints"]


def states(proxy: Sheaf) -> list[str]:
    return [one["state"] for one in endpoints(proxy)]


def change(proxy: Sheaf, url: str, action: str) -> None:
    path = f"/backends/default/{url}/{action}"
    assert proxy.admin(path, "POST", {"Authorization": f"Bearer {TOKEN}"})[0] == 200


def begin(proxy: Sheaf, instances: Instances, *options: str, token: str = TOKEN) -> subprocess.Popen[str]:
    """The script, which has begun."""
    return subprocess.Popen(
        [ROOT / "docker/rolling_restart.sh", *options, *instances.command],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={**os.environ, "SHEAF_ADMIN": f"http://127.0.0.1:{proxy.admin_port}", "SHEAF_ADMIN_TOKEN": token},
    )  # fmt: skip


def roll(
    proxy: Sheaf, instances: Instances, *options: str, broken: int | None = None, token: str = TOKEN
) -> tuple[int, str]:
    """The script's exit status, and what it said."""
    script = begin(proxy, instances, *options, token=token)
    try:
        while script.poll() is None:
            instances.restart_wanted(broken=broken)
            time.sleep(0.05)
        assert script.stdout
        return script.returncode, script.stdout.read()
    finally:
        script.kill()
        script.wait()


def test_all_are_restarted_and_no_request_fails(proxy: Sheaf, instances: Instances) -> None:
    before = instances.ids
    clients = [Staying(command, proxy.url)
               for command in (["node", str(CLIENTS / "socketio_stays.cjs")], [sys.executable, "-m", "harness.staying"])]  # fmt: skip
    loads = [Load(proxy.port) for _ in range(4)]
    try:
        status, said = roll(proxy, instances)
        seen = [client.finish() for client in clients]
    finally:
        for load in loads:
            load.stop()
        for client in clients:
            client.kill()
    assert status == 0, said
    assert said.count("is restarted") == 4, said
    assert not set(before) & set(instances.ids)
    assert [load.failed for load in loads] == [[]] * 4
    assert min(load.done for load in loads) > 100
    for one in seen:
        assert one["connects"] > 1 and one["errors"] == [] and one["answer"] in ("still there", ["still there"]), one
    assert states(proxy) == ["up"] * 4


def test_a_process_that_does_not_come_again_stays_drained_and_ends_the_script(
    proxy: Sheaf, instances: Instances
) -> None:
    first, *_, last = instances.ids
    status, said = roll(proxy, instances, broken=2)
    assert status == 1
    assert "this command failed" in said and f"{instances.urls[1]} stays drained" in said, said
    assert states(proxy) == ["up", "draining", "up", "up"]
    assert instances.ids[0] != first and instances.ids[3] == last


def test_the_last_one_that_is_up_is_not_drained(proxy: Sheaf, instances: Instances) -> None:
    for number in (2, 3, 4):
        instances.stop_one(number)
    wait_until(lambda: states(proxy) == ["up", "down", "down", "down"], 10, "three are down")
    before = instances.ids
    status, said = roll(proxy, instances, "-w", "1")
    assert status == 1 and "no other endpoint is up" in said, said
    assert states(proxy)[0] == "up" and instances.ids == before


def test_what_an_operator_has_drained_is_left_alone(proxy: Sheaf, instances: Instances) -> None:
    for url in instances.urls[1:]:
        change(proxy, url, "drain")
    change(proxy, instances.urls[3], "undrain")
    before = instances.ids
    status, said = roll(proxy, instances)
    assert status == 0 and said.count("is restarted") == 2, said
    assert states(proxy) == ["up", "draining", "draining", "up"]
    assert [one == other for one, other in zip(before, instances.ids, strict=True)] == [False, True, True, False]


def test_one_that_is_waited_for_is_undrained_when_the_script_is_ended(proxy: Sheaf, instances: Instances) -> None:
    before = instances.ids
    request = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=20)
    for url in instances.urls[1:]:
        change(proxy, url, "drain")
    request.request("GET", "/slow?seconds=6")
    wait_until(lambda: endpoints(proxy)[0]["sessions"] == 1, 5, "it is busy")
    for url in instances.urls[1:]:
        change(proxy, url, "undrain")
    script = begin(proxy, instances)
    wait_until(lambda: states(proxy)[0] == "draining", 5, "the first is drained")
    script.terminate()
    assert script.wait(10) == 143
    assert states(proxy) == ["up"] * 4 and instances.ids == before
    assert request.getresponse().status == 200
    request.close()


def test_what_is_wrong_is_said(proxy: Sheaf, instances: Instances) -> None:
    before = instances.ids
    for options, token, words in (
        (("-b", "realtime"), TOKEN, "there is no backend realtime, but: default"),
        ((), "another", "401"),
    ):
        status, said = roll(proxy, instances, *options, token=token)
        assert status == 1 and words in said, said
    assert instances.ids == before and states(proxy) == ["up"] * 4
