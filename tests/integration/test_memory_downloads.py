"""At critical, HTTP responses that nobody reads are broken off, and who reads is left alone (`shed_by_cost`)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from harness.backend import Backend
from harness.cgroup import MIB
from harness.closings import Closings
from harness.leaky import LeakySheaf, MakeLeaky, crowd, grow_old, leaky
from harness.ports import wait_until
from harness.raw import RawClient
from harness.recorder import Recorder, Request

SIZE = 64 * MIB
HEADS = {
    "length": b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n",
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n",
    "until_close": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
}
# Who reads nothing is known as such after half a second, instead of five.
QUICK = {"websocket": {"close_timeout": "500ms"}}


def send_much(request: Request) -> None:
    """`/<framing>/<bytes>`, as fast as it is taken."""
    _, framing, size = request.target.split("/")
    head = HEADS[framing]
    request.connection.send(head % int(size) if b"%" in head else head)
    left, block = int(size), bytes(1 << 16)
    while left > 0 and not request.connection.ended:
        try:
            request.connection.socket.sendall(block[:left])
        except OSError:
            return
        left -= len(block)
    if framing == "until_close":
        request.connection.close()
    elif framing == "chunked":
        request.connection.send(b"\r\n0\r\n\r\n")


def held(proxy: LeakySheaf) -> int:
    return proxy.memory["queued_bytes"]


def start(proxy: LeakySheaf, path: str, fields: bytes = b"", *, receive_buffer: int = 4096) -> RawClient:
    """A response without a length reaches a client of HTTP/1.0 as it is; another gets it in chunks."""
    client = RawClient(proxy.port, receive_buffer=receive_buffer)
    version = b"1.0" if "until_close" in path else b"1.1"
    client.send(b"GET %s HTTP/%s\r\nHost: a\r\n%s\r\n" % (path.encode(), version, fields))
    return client


@contextmanager
def stalled(proxy: LeakySheaf, paths: list[str]) -> Iterator[list[RawClient]]:
    """Downloads of which nothing is read; the backend is stopped for each."""
    with ExitStack() as stack:
        before = proxy.metric("sheaf_backpressure_pauses_total", side="upstream")
        clients = [stack.enter_context(start(proxy, path)) for path in paths]
        wait_until(
            lambda: proxy.metric("sheaf_backpressure_pauses_total", side="upstream") >= before + len(paths),
            20,
            "all are stalled",
        )
        yield clients


class SteadyReader:
    """Reads some of a download ten times a second until it ends."""

    def __init__(self, client: RawClient) -> None:
        self._received, self._hurry, self._client = 0, threading.Event(), client
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        buffer = bytearray(1 << 16)
        try:
            while count := self._client.socket.recv_into(buffer):
                self._received += count
                self._hurry.wait(0.1)
        except ConnectionResetError:
            pass

    def finish(self) -> int:
        """Reads the rest at once, up to the end. How much came in all."""
        self._hurry.set()
        self._thread.join(30)
        return self._received


@pytest.mark.parametrize("framing", list(HEADS))
def test_downloads_that_nobody_reads_are_broken_off(
    make_leaky: MakeLeaky, make_recorder: Callable[..., Recorder], framing: str
) -> None:
    proxy = leaky(make_leaky, make_recorder(send_much).url, sections=QUICK)
    with stalled(proxy, [f"/{framing}/{SIZE}"] * 4) as clients:
        assert held(proxy) > MIB // 2
        proxy.go_to("critical")
        wait_until(lambda: proxy.relief("shed_by_cost") == 4, 15, "the four are cut off")
        for one in clients:
            response = one.response()
            assert response.status == 200
            assert len(response.body) < SIZE
        assert proxy.metric("sheaf_client_closes_total", reason="memory_shed") == 4
        assert proxy.metric("sheaf_memory_relief_bytes_total", step="shed_by_cost") > MIB // 2
        target = f"target=/{framing}/{SIZE}"
        wait_until(lambda: len(proxy.log_lines("access", target)) == 4, 5, "each has its line")
        assert all("end=memory_shed" in line for line in proxy.log_lines("access", target))
        wait_until(lambda: proxy.metric("sheaf_client_connections") == 0, 5, "their connections are gone")
        wait_until(lambda: proxy.metric("sheaf_pool_links", state="active") == 0, 5, "their backends are let go")
        assert held(proxy) == 0


def test_who_reads_steadily_is_not_cut_while_others_do_not_read(
    make_leaky: MakeLeaky, make_recorder: Callable[..., Recorder]
) -> None:
    """Though it holds as much as they do, and they go one by one."""
    proxy = leaky(make_leaky, make_recorder(send_much).url, shed_rate=4, sections=QUICK)
    with start(proxy, f"/length/{8 * MIB}", b"Connection: close\r\n", receive_buffer=65536) as client:
        reader = SteadyReader(client)
        with stalled(proxy, [f"/chunked/{SIZE}"] * 6):
            proxy.go_to("critical")
            wait_until(lambda: proxy.relief("shed_by_cost") >= 6, 20, "the six are cut off")
        proxy.go_to("normal")
        reader.finish()
    ends = wait_until(lambda: len(found := proxy.log_lines("access", "end=")) == 7 and found, 5, "all have ended")
    assert "target=/length/" in ends[6], "it was cut before another"


def test_who_reads_and_holds_little_is_left_alone_at_critical(
    make_leaky: MakeLeaky, make_recorder: Callable[..., Recorder]
) -> None:
    go_on = threading.Event()

    def trickle(request: Request) -> None:
        request.connection.send(HEADS["until_close"])
        while not go_on.wait(0.02):
            request.connection.send(bytes(1000))
        request.connection.close()

    proxy = leaky(make_leaky, make_recorder(trickle).url, sections=QUICK)
    with start(proxy, "/until_close/0", receive_buffer=65536) as client:
        reader = SteadyReader(client)
        proxy.go_to("critical")
        looks = proxy.memory["looks"]
        wait_until(lambda: proxy.memory["looks"] > looks + 150, 10, "it is critical for a while")
        go_on.set()
        assert reader.finish() > 10_000
        assert "end=done" in proxy.wait_for_log("access", "end=")[0]
    assert proxy.relief("shed_by_cost") == 0


def is_reset(client: RawClient) -> bool:
    """Whether the connection ends with a reset."""
    try:
        while client.socket.recv(1 << 20):
            pass
    except ConnectionResetError:
        return True
    return False


def test_fragment_whose_end_would_be_the_connections_ends_with_a_reset(
    make_leaky: MakeLeaky, make_recorder: Callable[..., Recorder]
) -> None:
    proxy = leaky(make_leaky, make_recorder(send_much).url, sections=QUICK)
    with stalled(proxy, [f"/until_close/{SIZE}"]) as clients:
        proxy.go_to("critical")
        wait_until(lambda: proxy.relief("shed_by_cost") == 1, 15, "it is cut off")
        assert is_reset(clients[0])


@pytest.mark.parametrize("fields", [b"", b"Connection: close\r\n"], ids=["kept alive", "lingering"])
def test_complete_response_that_nobody_takes_is_given_up_too(
    make_leaky: MakeLeaky, make_recorder: Callable[..., Recorder], fields: bytes
) -> None:
    """The backend is done, and the whole of it waits here."""
    size = 16 * MIB
    proxy = leaky(make_leaky, make_recorder(send_much).url, sections={**QUICK, "limits": {"buffer_high": "64MiB"}})
    with start(proxy, f"/length/{size}", fields) as client:
        proxy.wait_for_log("access", f"target=/length/{size}", "end=done", seconds=10)
        assert held(proxy) > 8 * MIB
        proxy.go_to("critical")
        wait_until(lambda: proxy.relief("shed_by_cost") == 1, 15, "it is given up")
        assert is_reset(client)
    wait_until(lambda: proxy.metric("sheaf_client_connections") == 0, 5, "its connection is gone")
    assert proxy.metric("sheaf_memory_relief_bytes_total", step="shed_by_cost") > 8 * MIB


def test_downloads_are_left_alone_at_high(make_leaky: MakeLeaky, make_recorder: Callable[..., Recorder]) -> None:
    proxy = leaky(make_leaky, make_recorder(send_much).url, sections=QUICK)
    with stalled(proxy, [f"/length/{SIZE}"]):
        proxy.go_to("high")
        looks = proxy.memory["looks"]
        wait_until(lambda: proxy.memory["looks"] > looks + 100, 10, "it has been high for a while")
        assert proxy.relief("shed_by_cost") == 0 and proxy.metric("sheaf_http_requests_active") == 1


def test_route_with_shed_false_keeps_its_downloads(
    make_leaky: MakeLeaky, make_recorder: Callable[..., Recorder]
) -> None:
    proxy = leaky(make_leaky, make_recorder(send_much).url, [{"path": "/chunked", "shed": False}], sections=QUICK)
    with stalled(proxy, [f"/chunked/{SIZE}", f"/length/{SIZE}"]):
        proxy.go_to("critical")
        wait_until(lambda: proxy.relief("shed_by_cost") == 1, 15, "the other one is cut off")
        looks = proxy.memory["looks"]
        wait_until(lambda: proxy.memory["looks"] > looks + 100, 10, "it stays critical for a while")
        assert proxy.relief("shed_by_cost") == 1 and proxy.metric("sheaf_http_requests_active") == 1


def test_who_reads_nothing_goes_before_the_idle(
    make_leaky: MakeLeaky, backend: Backend
) -> None:
    """Forty idle sessions at ten a second would keep their memory for four seconds."""
    proxy = leaky(make_leaky, backend.url, shed_rate=10, sections=QUICK)
    with crowd(proxy, 40, "/ws/echo") as clients, Closings(clients) as closings:
        with stalled(proxy, [f"/download?bytes={SIZE}"] * 2):
            grow_old(proxy)
            proxy.go_to("critical")
            wait_until(lambda: proxy.relief("shed_by_cost") == 2, 15, "the downloads are cut off")
            assert len(closings.closed) < 30
        closings.wait_for(40, 30)
    assert proxy.relief("shed_idle") == 40
