"""A drain that an operator or a preStop hook asks for: POST and GET /drain, POST /undrain, and signals besides."""

from __future__ import annotations

import asyncio
import bisect
import contextlib
import json
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path

import pytest

from harness.acting import Answer, act, await_drain, crowd, most_in_one_second
from harness.backend import Backend
from harness.certificates import Pair
from harness.frames import RawWebSocket
from harness.modes import Served, served_in
from harness.ports import free_port
from harness.pushing import LeavingClient, open_clients
from harness.raw import RawClient, get
from harness.reloading import TOKEN, ReloadableSheaf
from harness.sheaf import is_sanitized, scaled

SLACK = 0.3 if not is_sanitized() else 1.5


class Waiting:
    """GET /drain in a thread of its own; the answer when it has come."""

    def __init__(self, proxy: ReloadableSheaf, seconds: float = 60) -> None:
        self.answer: tuple[int, Answer] | None = None
        self.at = 0.0
        self._thread = threading.Thread(target=self._wait, args=(proxy, seconds), daemon=True)
        self._thread.start()

    def _wait(self, proxy: ReloadableSheaf, seconds: float) -> None:
        with contextlib.suppress(OSError):
            self.answer = await_drain(proxy, seconds)
        self.at = time.monotonic()

    def over(self, seconds: float = 20) -> tuple[int, Answer]:
        """The answer, which must come within this time."""
        self._thread.join(seconds)
        assert self.answer, "there is no answer"
        return self.answer


def takes_clients(proxy: ReloadableSheaf) -> bool:
    try:
        with RawWebSocket(proxy.port) as client:
            client.check_echo(b"new")
        return True
    except OSError:
        return False


@pytest.fixture
def proxy(make_reloadable, backend: Backend) -> ReloadableSheaf:
    return make_reloadable(backend.url, {"drain": {"delay": "500ms", "timeout": "4s"}})


def test_get_drain_is_answered_when_all_have_gone(proxy: ReloadableSheaf) -> None:
    """Twice at once, by curl as by a kubelet, and once more when it is over."""
    command = ["curl", "-s", "-H", f"Authorization: Bearer {TOKEN}", f"http://127.0.0.1:{proxy.admin_port}/drain"]
    with crowd(proxy, 100) as watched, subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as curl:
        proxy.wait_for_log("draining", 'by="GET /drain"')
        second = Waiting(proxy)
        assert proxy.admin("/readyz")[0] == 503 and takes_clients(proxy), "the delay is for those who do not know yet"
        closed = list(watched.wait_for(100, 20))
        assert second.answer is None or second.at >= closed[-1].at
        told, _ = curl.communicate(timeout=10)
        assert told == '{"status":"drained","sessions":0,"sessions_closed":100}\n'
        assert second.over() == (200, {"status": "drained", "sessions": 0, "sessions_closed": 100})
    assert {(one.code, one.reason) for one in closed} == {(1012, "the proxy is restarting")}
    assert most_in_one_second(closed) <= 1.5 * 100 / 2.1
    assert not takes_clients(proxy) and proxy.admin("/livez")[0] == 200
    began = time.monotonic()
    assert await_drain(proxy, 5) == (200, {"status": "drained", "sessions": 0, "sessions_closed": 100})
    assert act(proxy, "/drain") == (200, {"status": "drained", "sessions": 0, "sessions_closed": 100})
    proxy.signal()
    assert proxy.wait(3) == 0
    assert time.monotonic() - began < 0.5 + 3 * SLACK, "there is no second delay"
    assert len(proxy.log_lines("draining")) == 1


def test_post_drain_does_not_wait(proxy: ReloadableSheaf) -> None:
    with crowd(proxy, 30) as watched:
        assert act(proxy, "/drain") == (200, {"status": "draining", "sessions": 30})
        assert not watched.closed
        assert await_drain(proxy, 20)[1]["sessions_closed"] == 30
        assert len(watched.wait_for(30, 3)) == 30


def test_request_under_way_is_finished(make_reloadable, backend: Backend) -> None:
    """As SIGTERM does; a stream that does not end is what is left when drain.timeout is over."""
    proxy = make_reloadable(backend.url, {"drain": {"delay": "0s", "timeout": "3s"}})
    with RawClient(proxy.port) as endless:
        endless.send(b"GET /sse HTTP/1.1\r\nHost: a\r\n\r\n")
        endless.read_until(b"id: 0")
        began = time.monotonic()
        waiting = Waiting(proxy)
        endless.read_until(b"id: 3")
        assert waiting.over()[0] == 200
        assert time.monotonic() - began >= 3
        proxy.wait_for_log("drain.timeout is over", "connections=1")
        endless.read_until(b"id: 5")
        proxy.signal()
        assert proxy.wait(3) == 0


def test_client_that_goes_away_does_not_end_the_drain(proxy: ReloadableSheaf) -> None:
    with crowd(proxy, 30) as watched:
        with pytest.raises(TimeoutError):
            await_drain(proxy, 0.2)
        assert {one.code for one in watched.wait_for(30, 10)} == {1012}
        assert await_drain(proxy, 10)[0] == 200


# ---- undrain


def test_undrain_amid_the_delay(proxy: ReloadableSheaf) -> None:
    with crowd(proxy, 30) as watched:
        waiting = Waiting(proxy)
        proxy.wait_for_log("draining")
        assert act(proxy, "/undrain") == (200, {"status": "serving", "sessions": 30})
        status, answer = waiting.over()
        assert status == 409 and "ended by POST /undrain" in answer["message"]
        time.sleep(1)
        assert takes_clients(proxy) and proxy.admin("/readyz")[0] == 200
        assert not watched.closed
    assert act(proxy, "/undrain")[1]["status"] == "serving", "there is nothing to undrain, and no harm"


def test_undrain_amid_the_spreading_keeps_those_who_were_not_told(make_reloadable, backend: Backend) -> None:
    proxy = make_reloadable(backend.url, {"drain": {"delay": "0s", "timeout": "10s"}})
    with crowd(proxy, 60) as watched:
        waiting = Waiting(proxy)
        watched.wait_for(10, 10)
        assert not takes_clients(proxy)
        assert act(proxy, "/undrain")[0] == 200
        assert waiting.over()[0] == 409
        told = len(watched.closed)
        assert takes_clients(proxy), "who comes right behind the answer is let in"
        time.sleep(1)
        assert len(watched.closed) <= told + 2 and told < 40
        assert get(proxy.port, "/page").status == 200
        there = 60 - len(watched.closed)
        assert Waiting(proxy).over()[1]["sessions_closed"] == there, "those of the first drain are not counted"
        assert {one.code for one in watched.wait_for(60, 5)} == {1012}


def test_undrain_when_it_is_over(proxy: ReloadableSheaf) -> None:
    for turn in range(3):
        with crowd(proxy, 5) as watched:
            assert await_drain(proxy, 20) == (200, {"status": "drained", "sessions": 0, "sessions_closed": 5})
            assert len(watched.wait_for(5, 2)) == 5
        assert act(proxy, "/undrain") == (200, {"status": "serving", "sessions": 0})
        assert takes_clients(proxy) and proxy.admin("/readyz")[0] == 200, turn
        proxy.reload({"limits": {"max_fields": 100 + turn}})
    proxy.signal()
    assert proxy.wait(5) == 0


def test_undrain_of_listeners_with_tls_and_unix_sockets(
    make_reloadable, backend: Backend, certificate: Pair, client_tls: ssl.SSLContext, tmp_path: Path
) -> None:
    """Files, permissions and certificates are there again."""
    path, port = tmp_path / "clients.sock", free_port()
    pair = {"tls_certificate": str(certificate.certificate), "tls_key": str(certificate.key)}
    listeners = [{"address": f"unix:{path}", "socket_mode": "0600"}, {"address": f"127.0.0.1:{port}", **pair}]
    proxy = make_reloadable(backend.url, {"listener": listeners, "drain": {"delay": "0s", "timeout": "2s"}})
    assert get(port, "/page", context=client_tls).status == 200
    assert await_drain(proxy, 10)[0] == 200
    assert not path.exists(), "nobody finds it"
    with pytest.raises(ConnectionRefusedError):
        get(port, "/page", context=client_tls)
    assert act(proxy, "/undrain")[0] == 200
    assert path.stat().st_mode & 0o777 == 0o600
    assert get(path, "/page").status == get(port, "/page", context=client_tls).status == 200
    assert takes_clients(proxy)
    proxy.stop()
    assert not path.exists()


def test_undrain_that_cannot_listen_again_says_why(proxy: ReloadableSheaf) -> None:
    assert await_drain(proxy, 10)[0] == 200
    with socket.create_server(("127.0.0.1", proxy.port), reuse_port=True):
        status, answer = act(proxy, "/undrain")
        assert status == 409 and "another program listens there" in answer["message"], answer
        assert proxy.admin("/readyz")[0] == 503
    assert act(proxy, "/undrain")[0] == 200
    assert takes_clients(proxy)


# ---- signals besides


@pytest.mark.parametrize("stage", ["delay", "spreading"])
def test_sigterm_amid_a_drain_joins_it(make_reloadable, backend: Backend, stage: str) -> None:
    delay = "1s" if stage == "delay" else "0s"
    proxy = make_reloadable(backend.url, {"drain": {"delay": delay, "timeout": "5s"}})
    with crowd(proxy, 60) as watched:
        waiting = Waiting(proxy)
        proxy.wait_for_log("draining")
        if stage == "spreading":
            watched.wait_for(5, 5)
        proxy.signal()
        proxy.wait_for_log("ends when the drain is over", "by=SIGTERM")
        status, answer = act(proxy, "/undrain")
        assert status == 409 and "a signal has come" in answer["message"]
        closed = list(watched.wait_for(60, 10))
        assert proxy.wait(5) == 0
        assert waiting.over() == (200, {"status": "drained", "sessions": 0, "sessions_closed": 60})
    assert {one.code for one in closed} == {1012}
    assert most_in_one_second(closed) <= 1.5 * 60 / (2.4 if stage == "delay" else 3) + 1


def test_second_signal_amid_it_ends_the_process_at_once(make_reloadable, backend: Backend) -> None:
    proxy = make_reloadable(backend.url, {"drain": {"delay": "0s", "timeout": "30s"}})
    proxy.exit_codes = (1,)
    with crowd(proxy, 60) as watched:
        waiting = Waiting(proxy)
        watched.wait_for(3, 5)
        proxy.signal()
        proxy.wait_for_log("ends when the drain is over")
        proxy.signal()
        assert proxy.wait(5) == 1
        status, answer = waiting.over()
        assert status == 409 and "second signal" in answer["message"]


def test_get_drain_joins_the_drain_of_a_signal(proxy: ReloadableSheaf) -> None:
    with crowd(proxy, 30):
        proxy.signal()
        proxy.wait_for_log("draining", "by=SIGTERM")
        assert await_drain(proxy, 10) == (200, {"status": "drained", "sessions": 0, "sessions_closed": 30})
        assert proxy.wait(3) == 0


# ---- who may, and how many


def test_over_a_unix_socket_the_file_says_who_may(make_reloadable, backend: Backend, tmp_path: Path) -> None:
    """Without a token; an Origin is refused there, too."""
    proxy = make_reloadable(backend.url, {"drain": {"delay": "0s", "timeout": "2s"}})
    path = tmp_path / "admin.sock"
    proxy.reload({"admin": {"address": f"unix:{path}", "token": None}})
    with RawClient(path) as client:
        assert client.request("GET /drain HTTP/1.1\nHost: localhost\nOrigin: http://a\n\n").status == 403
        assert client.request("GET /readyz HTTP/1.1\nHost: localhost\n\n").status == 200
        response = client.request("GET /drain HTTP/1.1\nHost: localhost\n\n")
        assert (response.status, json.loads(response.body)["status"]) == (200, "drained")
        response = client.request("POST /undrain HTTP/1.1\nHost: localhost\nContent-Length: 0\n\n")
        assert (response.status, json.loads(response.body)["status"]) == (200, "serving")


served = served_in("tunnel", "mux", conf={"drain": {"delay": "0s", "timeout": "4s"}})


def test_drain_and_undrain_in_each_mode(served: Served) -> None:
    """The application's handlers are told; then it serves as before."""
    clients = [RawWebSocket(served.port, f"/ws/closed?tag=d{index}") for index in range(30)]
    for client in clients:
        client.check_echo(b"here")
    waiting = Waiting(served.sheaf)
    for client in clients:
        assert client.read_close().code == 1012
        client.close()
    assert waiting.over()[1]["sessions_closed"] >= 29
    assert act(served.sheaf, "/undrain")[0] == 200
    with RawWebSocket(served.port, "/ws/closed?tag=after") as client:
        client.check_echo(b"again")


@pytest.mark.timeout(400)
@pytest.mark.parametrize("way", ["signal", "get"])
def test_drain_of_very_many_is_even(make_reloadable, backend: Backend, way: str) -> None:
    """5,000 in 20 s with SHEAF_TEST_SCALE=10: every one gets its Close, and no second more than 1.5 x the mean."""
    count = scaled(500, 200)
    seconds = 20 if count >= 5000 else 5
    window = seconds - min(0.4 * seconds, 6)
    proxy = make_reloadable(backend.url, {"drain": {"delay": "0s", "timeout": f"{seconds}s"}})

    async def scenario() -> list[float]:
        clients = await open_clients(proxy.port, "/ws/echo", count, LeavingClient)
        began = time.monotonic()
        waiting = Waiting(proxy) if way == "get" else proxy.signal()
        while not all(client.code for client in clients):
            assert time.monotonic() - began < seconds + 5, "not everybody has got a Close"
            await asyncio.sleep(0.05)
        assert {client.code for client in clients} == {1012}
        if isinstance(waiting, Waiting):
            told = await asyncio.to_thread(waiting.over)
            assert told == (200, {"status": "drained", "sessions": 0, "sessions_closed": count})
        return sorted(client.closed_at - began for client in clients)

    times = asyncio.run(scenario())
    most = max(bisect.bisect_left(times, begin + 1) - place for place, begin in enumerate(times))
    print(f"{way}: {count} sessions in {times[-1]:.1f} s, {count / window:.0f} a second, {most} at most")
    assert most <= 1.5 * count / window
    assert times[-1] < seconds, "drain.timeout was over first"
