"""What a reload does to [timeouts] and [websocket]. A time that a reload shortens must be over soon, and one that must
not change is waited for well beyond the new one."""

from __future__ import annotations

import time

import pytest

from harness.backend import Backend
from harness.certificates import Pair
from harness.fixtures import reloadable
from harness.frames import PING, TEXT, RawWebSocket, close_frame, upgrade
from harness.helpers import BroadcastBackend
from harness.ports import wait_until
from harness.raw import RawClient
from harness.recorder import Recorder, upgrade_answer
from harness.reloading import BOTH_PLACES, ReloadableSheaf, live, new_sessions, where
from harness.sheaf import Conf

LONG, SHORT = "60s", "300ms"
SOON = 4.0  # seconds in which a SHORT time is surely over; times are looked at once a second
BASE: Conf = {
    "workers": 1,
    "timeouts": {"head": LONG, "idle": LONG, "response": LONG, "body": LONG, "stall": LONG, "handshake": LONG},
    "websocket": {"ping_interval": "0s", "ping_timeout": LONG, "close_timeout": LONG},
    "limits": {"min_body_rate": 0},
}
PAGE = "GET /page HTTP/1.1\nHost: a\n\n"


running, proxy = reloadable(BASE, "backend")


@live("timeouts.handshake")
def test_handshake(make_reloadable, backend: Backend, certificate: Pair) -> None:
    tls = {"listen": {"tls_certificate": str(certificate.certificate), "tls_key": str(certificate.key)}}
    proxy: ReloadableSheaf = make_reloadable(backend.url, {**BASE, **tls})
    with RawClient(proxy.port) as waits:
        assert not waits.ended(1.5)
        proxy.reload({"timeouts": {"handshake": SHORT}})
        with RawClient(proxy.port) as client:
            assert client.ended(SOON)


@live("timeouts.head")
def test_head_on_a_connection_that_stands(proxy: ReloadableSheaf) -> None:
    with RawClient(proxy.port) as client:
        assert client.request(PAGE).status == 200
        proxy.reload({"timeouts": {"head": SHORT}})
        client.send(b"GET /pa")
        began = time.monotonic()
        assert client.response().status == 408
        assert time.monotonic() - began < SOON


@live("timeouts.idle")
def test_idle_on_a_connection_that_stands(proxy: ReloadableSheaf) -> None:
    with RawClient(proxy.port) as client:
        assert client.request(PAGE).status == 200
        proxy.reload({"timeouts": {"idle": SHORT}})
        assert client.request(PAGE).status == 200
        assert client.ended(SOON)


@BOTH_PLACES
@new_sessions("timeouts.response")
def test_response_to_a_request_under_way(proxy: ReloadableSheaf, in_route: bool) -> None:
    slow = "GET /slow?seconds=2 HTTP/1.1\nHost: a\n\n"
    with RawClient(proxy.port) as old, RawClient(proxy.port) as new:
        old.send(slow.replace("\n", "\r\n").encode())
        wait_until(lambda: proxy.metric("sheaf_http_requests_active") == 1, 3, "it is under way")
        proxy.reload(*where("timeouts.response", SHORT, in_route))
        assert new.request(slow).status == 504
        assert old.response().status == 200
        assert old.request(slow).status == 504, "a new request on an old connection"


@BOTH_PLACES
@new_sessions("timeouts.body")
def test_body_that_is_on_its_way(proxy: ReloadableSheaf, in_route: bool) -> None:
    head = b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nhel"
    with RawClient(proxy.port) as old, RawClient(proxy.port) as new:
        old.send(head)
        wait_until(lambda: proxy.metric("sheaf_http_requests_active") == 1, 3, "it is under way")
        proxy.reload(*where("timeouts.body", SHORT, in_route))
        new.send(head)
        assert new.response().status == 408
        old.send(b"lo!")
        assert old.response().status == 200


@live("timeouts.stall")
def test_stall_of_a_session_that_stands(make_reloadable) -> None:
    with BroadcastBackend() as broadcaster:
        proxy: ReloadableSheaf = make_reloadable(broadcaster.url, BASE)
        with RawWebSocket(proxy.port, "/", receive_buffer=4096):
            proxy.reload({"timeouts": {"stall": "500ms"}})
            broadcaster.tell({"messages": 100, "size": 65536})
            proxy.wait_for_log("end=client_stalled", seconds=SOON)


@pytest.mark.parametrize("close_timeout,is_over", [(SHORT, True), ("50s", False)])
@live("websocket.close_timeout")
def test_close_timeout_of_a_session_that_stands(
    make_reloadable, make_recorder, close_timeout: str, is_over: bool
) -> None:
    recorder: Recorder = make_recorder(upgrade_answer, at_head=True)
    proxy: ReloadableSheaf = make_reloadable(recorder.url, BASE)
    with RawWebSocket(proxy.port) as old:
        proxy.reload({"websocket": {"close_timeout": close_timeout}})
        recorder.latest.connection.send(close_frame(1000, masked=False))
        assert old.read_close().code == 1000
        assert old.ended(SOON if is_over else 2.0) == is_over


def first_opcode_after(client: RawWebSocket, seconds: float) -> int:
    time.sleep(seconds)
    client.send_frame(TEXT, b"hello")
    received = client.read_frame()
    assert received is not None
    return received.opcode


@BOTH_PLACES
@new_sessions("websocket.ping_interval")
def test_ping_interval(proxy: ReloadableSheaf, in_route: bool) -> None:
    with RawWebSocket(proxy.port) as old:
        proxy.reload(*where("websocket.ping_interval", SHORT, in_route))
        with RawWebSocket(proxy.port) as new:
            assert first_opcode_after(new, 1.5) == PING
        assert first_opcode_after(old, 0) == TEXT, "the old session is pinged, too"


@BOTH_PLACES
@new_sessions("websocket.ping_timeout")
def test_ping_timeout(proxy: ReloadableSheaf, in_route: bool) -> None:
    often: Conf = {"websocket": {"ping_interval": SHORT}}
    proxy.reload(often)
    with RawWebSocket(proxy.port) as old:
        conf, routes = where("websocket.ping_timeout", SHORT, in_route)
        proxy.reload({"websocket": {**often["websocket"], **conf.get("websocket", {})}}, routes)
        with RawWebSocket(proxy.port) as new:
            while new.read_frame() is not None:
                pass  # pings, which are not answered
        old.send_frame(TEXT, b"here")
        assert old.read_message() == (TEXT, b"here")


@BOTH_PLACES
@new_sessions("websocket.allowed_origins")
def test_allowed_origins(proxy: ReloadableSheaf, in_route: bool) -> None:
    origin = "Origin: https://a.example\n"
    with RawWebSocket(proxy.port, fields=origin) as old, RawClient(proxy.port) as new:
        proxy.reload(*where("websocket.allowed_origins", ["https://b.example"], in_route))
        assert new.request(upgrade("/ws/echo", origin)).status == 403
        old.check_echo(b"still here")


@BOTH_PLACES
@new_sessions("websocket.upstream_lost")
def test_upstream_lost(make_reloadable, make_recorder, in_route: bool) -> None:
    recorder: Recorder = make_recorder(upgrade_answer, at_head=True)
    proxy: ReloadableSheaf = make_reloadable(recorder.url, BASE)
    with RawWebSocket(proxy.port) as old:
        of_old = recorder.latest.connection
        proxy.reload(*where("websocket.upstream_lost", "none", in_route))
        with RawWebSocket(proxy.port) as new:
            recorder.latest.connection.close()
            assert new.read_frame() is None
        of_old.close()
        assert old.read_close().code == 1012
