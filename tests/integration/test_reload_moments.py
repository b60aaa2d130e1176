"""Reloads at bad moments: with a SIGTERM, amid a drain, before Sheaf listens, under memory pressure, many at once."""

from __future__ import annotations

import http.client
import json
import re
import signal
import subprocess
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness.backend import Backend
from harness.closings import Closings
from harness.frames import RawWebSocket
from harness.leaky import IDLE, LEVELS, ReloadableLeaky
from harness.ports import free_port, wait_until
from harness.raw import get
from harness.reloading import TOKEN, ReloadableSheaf, post_and_leave
from harness.sheaf import BINARY, Conf, write_conf

HUP, TERM = signal.SIGHUP, signal.SIGTERM


def ended_with_1012(proxy: ReloadableSheaf, watched: Closings) -> None:
    assert proxy.wait(10) == 0
    closed = watched.wait_for(len(watched.clients), 5)
    assert {one.code for one in closed} == {1012}


# ---- with the way out


@pytest.mark.parametrize("order", [(HUP, HUP, HUP, TERM), (HUP, HUP, TERM, HUP), (TERM, HUP, HUP, HUP)])
def test_three_hups_and_a_term_within_5_ms(
    make_reloadable, backend: Backend, order: tuple[signal.Signals, ...]
) -> None:
    for _ in range(5):
        proxy: ReloadableSheaf = make_reloadable(backend.url, {"drain": {"timeout": "3s"}})
        with Closings([RawWebSocket(proxy.port) for _ in range(10)]) as watched:
            proxy.put({"limits": {"max_fields": 50}}, [{"path": "/ws"}])
            began = time.monotonic()
            for number in order:
                proxy.process.send_signal(number)
            assert time.monotonic() - began < 0.005
            proxy._signalled = True  # noqa: SLF001  (a second SIGTERM would end it at once)
            ended_with_1012(proxy, watched)


@pytest.mark.parametrize("phase", ["delay", "drain"])
def test_hup_and_post_amid_the_way_out(make_reloadable, backend: Backend, phase: str) -> None:
    """Neither ends it early nor takes anything up; the request is told why."""
    drain = {"delay": "1s", "timeout": "4s"} if phase == "delay" else {"delay": "0s", "timeout": "3s"}
    proxy: ReloadableSheaf = make_reloadable(backend.url, {"drain": drain})
    with Closings([RawWebSocket(proxy.port) for _ in range(30)]) as watched:
        began = time.monotonic()
        proxy.signal()
        wait_until(lambda: proxy.admin("/readyz")[0] == 503, 2, "it is on its way out", every=0.005)
        proxy.put({"drain": {"delay": "0s", "timeout": "0s"}})
        for _ in range(3):
            proxy.process.send_signal(HUP)
        status, answer = proxy.post()
        assert (status, answer["status"], answer["generation"]) == (422, "failed", 1)
        assert answer["error"]
        ended_with_1012(proxy, watched)
        assert time.monotonic() - began > (1.0 if phase == "delay" else 0.2), "a reload has cut it short"


def blocks_hang_up(process: subprocess.Popen[str]) -> bool:
    """Whether the program has begun to keep SIGHUP for itself. (Amid its start by Python all signals are blocked.)"""
    found = re.search(r"^SigBlk:\s*(\w+)$", Path(f"/proc/{process.pid}/status").read_text(), re.MULTILINE)
    blocked = int(found[1], 16) if found else 0
    return bool(blocked >> (HUP - 1) & 1) and blocked.bit_count() < 10


def test_hup_before_it_listens(tmp_path: Path, backend: Backend) -> None:
    """As soon as it can be sent, it neither kills the process nor is lost: what was written before it is in force."""
    for _ in range(10):
        port, admin = free_port(), free_port()
        base: Conf = {
            "listen": {"address": f"127.0.0.1:{port}"},
            "upstream": {"url": backend.url},
            "admin": {"address": f"127.0.0.1:{admin}"},
            "drain": {"delay": "0s"},
        }
        conf = write_conf(tmp_path / f"{port}.conf", base, [])
        with subprocess.Popen([BINARY, "-c", str(conf)], stderr=subprocess.PIPE, text=True) as process:
            wait_until(lambda one=process: blocks_hang_up(one), 10, "it keeps SIGHUP", every=0)
            write_conf(conf, {**base, "limits": {"max_fields": 5}}, [])
            process.send_signal(HUP)
            wait_until(lambda at=port: answers(at), 10, "it serves")
            try:
                many = "".join(f"X-{number}: y\n" for number in range(10))
                wait_until(lambda at=port: get(at, "/page", many).status == 431, 3, "what was written is in force")
            finally:
                process.send_signal(TERM)
                log = process.communicate(timeout=10)[1]
        assert process.returncode == 0, log


def answers(port: int) -> bool:
    try:
        return get(port, "/page").status == 200
    except OSError:
        return False


# ---- many at once


def test_two_posts_at_once_and_a_signal(make_reloadable, backend: Backend) -> None:
    """Each one that asks is answered once, by a reload that began after it had asked."""
    proxy: ReloadableSheaf = make_reloadable(backend.url)
    answers_got: list[tuple[int, int]] = []

    def post() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", proxy.admin_port, timeout=10)
        connection.request("POST", "/reload", headers={"Authorization": f"Bearer {TOKEN}"})
        response = connection.getresponse()
        answers_got.append((response.status, json.loads(response.read())["generation"]))
        connection.close()

    with RawWebSocket(proxy.port) as session:
        for round_number in range(20):
            before = proxy.generation
            answers_got.clear()
            # The last signal of the round before may come so late that its reload is under way now.
            proxy.replace({"limits": {"max_fields": 50 + round_number}})
            threads = [threading.Thread(target=post) for _ in range(6)]
            for index, thread in enumerate(threads):
                thread.start()
                if index % 2:
                    proxy.process.send_signal(HUP)
            for thread in threads:
                thread.join()
            assert [status for status, _ in answers_got] == [200] * 6
            assert all(generation > before for _, generation in answers_got)
            session.check_echo(b"%d" % round_number)
        assert proxy.failed == 0
        wait_until(lambda: proxy.reloads == proxy.generation - 1, 5, "every generation is a reload that was counted")


def test_client_of_a_post_that_leaves(make_reloadable, backend: Backend) -> None:
    proxy: ReloadableSheaf = make_reloadable(backend.url)
    for _ in range(30):
        post_and_leave(proxy)
    wait_until(lambda: proxy.reloads >= 1, 5, "it reloads all the same")
    descriptors = proxy.descriptors()
    for _ in range(30):
        post_and_leave(proxy)
    assert proxy.reload()["status"] == "ok"
    wait_until(lambda: proxy.descriptors() <= descriptors + 2, 5, "nothing of those clients is left")


def test_method_and_right_to_reload(make_reloadable, backend: Backend) -> None:
    """Nothing but a POST of who has the token changes anything, however it is asked."""
    proxy: ReloadableSheaf = make_reloadable(backend.url)
    assert proxy.admin("/reload")[0] == 405
    assert proxy.admin("/reload", "POST", {"Authorization": "Bearer wrong"})[0] == 401
    assert proxy.admin("/reload", "POST", {"Authorization": ""})[0] == 401
    assert proxy.admin("/reload", "POST", {"Origin": "http://evil.example"})[0] in (200, 403)
    assert proxy.generation in (1, 2) and proxy.failed == 0


# ---- under memory pressure


@pytest.mark.parametrize("level", LEVELS)
def test_under_memory_pressure(folder: Path, memory_app: Backend, level: str) -> None:
    """The level and its steps hold over reloads, which work at each of them; nobody but the idle pays for it."""
    conf: Conf = {"workers": 2, "memory": {**IDLE, "idle_after": "1h"}}
    proxy = ReloadableLeaky(folder, memory_app.url, conf, [{"path": "/ws", "size": 50}])
    try:
        with ExitStack() as stack:
            sessions = [stack.enter_context(RawWebSocket(proxy.port)) for _ in range(10)]
            proxy.go_to(level)
            changes = proxy.memory["level_changes"]
            for number in range(10):
                if number % 2:
                    proxy.put({"limits": {"max_fields": 50 + number}})
                    proxy.hang_up()
                else:
                    proxy.reload({"limits": {"max_fields": 50 + number}}, [{"path": "/ws", "size": 51 + number}])
                assert proxy.level == level
                assert (get(proxy.port, "/api/hello").status == 503) == (level == "critical")
                for session in sessions:
                    session.check_echo(b"%d" % number)
            assert proxy.memory["level_changes"] == changes, "a reload made the level move"
            assert proxy.reloads == 10
            proxy.go_to("normal")
            assert get(proxy.port, "/api/hello").status == 200
            for session in sessions:
                session.check_echo(b"after all")
    finally:
        proxy.stop()
