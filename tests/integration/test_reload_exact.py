"""Nothing that is under way is lost, repeated, reordered or altered by reloads: messages, bodies, streams; and what is
told of the configuration is true."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.backend import Backend
from harness.compression import STOCK_OFFER, Context, whole
from harness.frames import BINARY, TEXT, RawWebSocket, frame
from harness.loads import quotes
from harness.ports import free_port, wait_until
from harness.raw import RawClient, get
from harness.recorder import Recorder, upgrade_answer
from harness.reloading import ReloadableSheaf
from harness.sheaf import BINARY as SHEAF
from harness.sheaf import Conf, is_sanitized, scaled

ENOUGH = 25  # reloads
CHANGES: list[Conf] = [
    {"deflate": {"level": 9}},
    {"deflate": {"context": "none"}, "limits": {"buffer_high": "64KiB", "buffer_low": "1KiB"},
     "batching": {"max_bytes": "32KiB"}},
    {"deflate": {"memory_level": 1}, "batching": {"delivery": "cork"}},
    {"deflate": {"window_bits": 9}, "timeouts": {"stall": "9s"}},
    {"deflate": {"enabled": False}, "batching": {"adaptive": False}},
    {"deflate": {"threshold": 0, "max_context_bytes": 50_000}, "limits": {"max_message": "64KiB"}},
    {"deflate": {"level": 1}, "batching": {"delivery": "off"}, "pool": {"max_size": 50}},
]  # fmt: skip


@contextmanager
def reloading(proxy: ReloadableSheaf, pause: float = 0.003) -> Iterator[Callable[[], bool]]:
    """Meanwhile the configuration changes all the time; then the first one is in force again. Yields what tells whether
    it has changed often."""
    stop = threading.Event()
    failures: list[BaseException] = []

    done = 0

    def go_on() -> None:
        nonlocal done
        try:
            while not stop.wait(pause):
                proxy.reload(CHANGES[done % len(CHANGES)], [{"path": "/ws", "size": 1 + done % 90}])
                done += 1
        except BaseException as failure:  # noqa: BLE001  (it is raised below, in the test's own thread)
            failures.append(failure)

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield lambda: done >= ENOUGH or bool(failures)
    finally:
        stop.set()
        thread.join()
    assert not failures, failures
    assert done >= ENOUGH, "it was over before there were many reloads"
    proxy.reload()


@pytest.fixture
def proxy(make_reloadable, backend: Backend) -> ReloadableSheaf:
    return make_reloadable(backend.url, {"workers": 2})


@pytest.mark.parametrize("path", ["/ws/echo", "/ws/echo?sheaf=json"])
def test_compressed_conversation(proxy: ReloadableSheaf, path: str) -> None:
    """With a context that the server keeps, one wrong byte would spoil all that follow."""
    source = random.Random(3)
    with RawWebSocket(proxy.port, path, STOCK_OFFER) as client, reloading(proxy) as often:
        context = Context()
        while not often():
            for text in quotes(source):
                client.send_frame(TEXT, text.encode())
                assert context.content(whole(client)) == text.encode()


@pytest.mark.parametrize("offer", ["", STOCK_OFFER], ids=["plain", "deflate"])
def test_large_messages_under_way(proxy: ReloadableSheaf, offer: str) -> None:
    """Each takes longer than many reloads; a limit that a reload brings does not hold for the session."""
    payload = random.Random(2).randbytes(4 << 20)
    with RawWebSocket(proxy.port, "/ws/echo", offer, timeout=30) as client, reloading(proxy) as often:
        context = Context()
        while not often():
            sending = threading.Thread(target=client.send, args=(frame(BINARY, payload),))
            sending.start()
            received = whole(client)
            sending.join()
            assert hashlib.sha256(context.content(received)).digest() == hashlib.sha256(payload).digest()


def test_pushed_messages_are_complete_and_in_order(make_reloadable) -> None:
    """Sessions of each way of delivery, old and new ones, while routes change: numbers come one after another."""
    recorder = Recorder(upgrade_answer, at_head=True)
    proxy: ReloadableSheaf = make_reloadable(recorder.url, {"workers": 1, "batching": {"timeout": "20ms"}})
    try:
        with reloading(proxy) as often:
            for path in itertools.takewhile(lambda _: not often(), itertools.cycle(["/ws", "/ws?sheaf=json"])):
                with RawWebSocket(proxy.port, path) as client:
                    backend = recorder.latest.connection
                    for first in range(0, 600, 3):
                        numbers = range(first, first + 3)
                        backend.send(b"".join(frame(TEXT, b'{"n":%d}' % n, masked=False) for n in numbers))
                        time.sleep(0.0005)
                    assert numbers_of(client, 600) == list(range(600)), path
    finally:
        recorder.stop()


def numbers_of(client: RawWebSocket, count: int) -> list[int]:
    found: list[int] = []
    while len(found) < count:
        document = json.loads(client.read_message()[1])
        found += [one["n"] for one in document["messages"]] if document.get("type") == "batch" else [document["n"]]
    return found


def test_bodies_and_streams_under_way(proxy: ReloadableSheaf) -> None:
    size = 3 << 20
    body = random.Random(1).randbytes(size)
    with (
        RawClient(proxy.port, timeout=30) as up,
        RawClient(proxy.port, timeout=30) as down,
        RawClient(proxy.port) as events,
    ):
        events.send(b"GET /sse?count=10&interval=0.05 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        down.send(b"GET /download?bytes=8000000&length=1 HTTP/1.1\r\nHost: a\r\n\r\n")
        with reloading(proxy) as often:
            up.send(b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size)
            for start in range(0, size, size // 20):
                up.send(body[start : start + size // 20])
                time.sleep(0.02)
            wait_until(often, 20, "there were many reloads")
            assert json.loads(up.response().body) == {"bytes": size, "sha256": hashlib.sha256(body).hexdigest()}
            response = down.response()
            assert (response.complete, len(response.body)) == (True, 8_000_000)
            answer = events.response()
            assert answer.complete and answer.body.count(b"event: quotes") == 10


def test_requests_of_kept_connections(proxy: ReloadableSheaf) -> None:
    """One after another, and pipelined."""
    with RawClient(proxy.port) as client, reloading(proxy) as often:
        while not often():
            assert client.request("GET /page HTTP/1.1\nHost: a\n\n").status == 200
            client.send(b"GET /page HTTP/1.1\r\nHost: a\r\n\r\n" * 10)
            assert [client.response().status for _ in range(10)] == [200] * 10


# ---- what is told


def test_what_is_told_of_the_configuration(proxy: ReloadableSheaf) -> None:
    time.sleep(1.1)
    before = proxy.stats()["configuration"]
    assert (before["generation"], before["reloads"]) == (1, 0) and before["age_seconds"] >= 1
    began = time.time()
    answer = proxy.reload({"limits": {"max_fields": 50}})
    digest = hashlib.sha256(proxy.conf_file.read_bytes()).hexdigest()
    now = proxy.stats()["configuration"]
    assert answer["sha256"] == now["sha256"] == digest != before["sha256"]
    assert (now["generation"], now["reloads"], now["reloads_failed"]) == (2, 1, 0) and now["age_seconds"] < 1
    assert abs(proxy.metric("sheaf_reload_last_success_timestamp_seconds") - began) <= 2
    assert proxy.wait_for_log("reloaded", "generation=2", digest)


def test_ready_all_along(proxy: ReloadableSheaf, make_backend) -> None:
    """Also when the backend is another one, which nobody has dialled so far and whose check takes a while."""
    slow: Conf = {"health_check_path": "/slow?seconds=0.3"}
    urls = [proxy.conf["upstream"]["url"], make_backend().url]
    for number in range(10):
        proxy.reload({"upstream": {"url": urls[number % 2]}, "pool": slow})
        assert [proxy.admin(path)[0] for path in ("/readyz", "/livez", "/startupz")] == [200] * 3, number
        assert get(proxy.port, "/page").status == 200


def test_without_a_file(tmp_path: Path, backend: Backend) -> None:
    """The environment and the command line are all there is: a reload finds them as they were."""
    port, admin = free_port(), free_port()
    words = [f"listen.address=127.0.0.1:{port}", f"admin.address=127.0.0.1:{admin}", f"upstream.url={backend.url}"]
    command = [str(SHEAF), *(part for word in [*words, "drain.delay=0s"] for part in ("--set", word))]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env={**os.environ}) as process:
        wait_until(lambda: answers(port), 10, "it serves")
        with RawWebSocket(port) as session:
            process.send_signal(signal.SIGHUP)
            time.sleep(0.3)
            session.check_echo(b"still here")
            assert answers(port)
        process.send_signal(signal.SIGTERM)
        log = process.communicate(timeout=10)[1]
    assert process.returncode == 0 and ("reloaded" in log or "reload failed" in log), log


def answers(port: int) -> bool:
    try:
        return get(port, "/page").status == 200
    except OSError:
        return False


def test_many_routes(proxy: ReloadableSheaf) -> None:
    """Two thousand, in another order each time: a reload leaves nothing behind."""
    routes: list[Conf] = [{"path": f"/r{n}", "size": 1 + n % 9} for n in range(scaled(2000, 500))]
    rss = 0
    for number in range(12):
        proxy.reload({"limits": {"max_fields": 100 + number}}, random.Random(number).sample(routes, len(routes)))
        rss = rss or (proxy.memory_kib() if number == 3 else 0)
    # A sanitizer keeps what was freed for a while.
    assert is_sanitized() or proxy.memory_kib() < rss * 1.15, (rss, proxy.memory_kib())
    assert proxy.metric("sheaf_route_plans") == 2 * (len(routes) + 1)
    proxy.reload()
    assert proxy.metric("sheaf_route_plans") == 2
