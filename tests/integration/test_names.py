"""A backend with a name: name servers that do not answer, names that appear late, and addresses that change."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from harness.name_server import NAME, Names, SilentNameServer, skip_without_namespaces
from harness.ports import free_port, wait_until
from harness.raw import get
from harness.sheaf import is_sanitized

SOON = {"upstream": {"resolve_interval": "200ms"}}


@pytest.fixture
def names(tmp_path: Path) -> Names:
    skip_without_namespaces(tmp_path)
    return Names(tmp_path)


@pytest.fixture
def silent(tmp_path: Path) -> Iterator[Names]:
    """The only name server says nothing, and is asked."""
    skip_without_namespaces(tmp_path)
    with SilentNameServer() as server:
        yield Names(tmp_path, server.address)
        assert server.questions > 0


class Backends:
    """HTTP servers at several loopback addresses, on one port; each answers with its address and then closes."""

    def __init__(self, *addresses: str) -> None:
        self.port = free_port()
        self.running: dict[str, ThreadingHTTPServer] = {}
        for address in addresses:
            self.start(address)

    def start(self, address: str) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(address.encode())

            def log_message(self, format: str, *args: object) -> None:
                pass

        server = ThreadingHTTPServer((address, self.port), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        self.running[address] = server

    def stop(self, address: str) -> None:
        server = self.running.pop(address)
        server.shutdown()
        server.server_close()

    @property
    def url(self) -> str:
        return f"http://{NAME}:{self.port}"


@pytest.fixture
def backends() -> Iterator[Backends]:
    made = Backends("127.0.0.2", "127.0.0.3")
    yield made
    for address in list(made.running):
        made.stop(address)


def answered_by(port: int, address: str) -> bool:
    response = get(port, "/")
    return response.status == 200 and response.body == address.encode()


def test_sheaf_listens_at_once_though_the_name_server_says_nothing(make_sheaf, silent: Names) -> None:
    began = time.monotonic()
    proxy = make_sheaf(f"http://{NAME}:8000", ready="/startupz", wrapper=silent.wrapper)
    assert time.monotonic() - began < (1 if not is_sanitized() else 5)
    status, why = proxy.admin("/readyz")
    assert status == 503 and "name" in why
    assert proxy.admin("/livez")[0] == 200
    began = time.monotonic()
    proxy.signal()
    assert proxy.wait(15) == 0
    assert time.monotonic() - began < (1 if not is_sanitized() else 5)


def test_second_signal_ends_it_at_once_while_a_look_up_hangs(make_sheaf, silent: Names) -> None:
    conf = {"drain": {"delay": "20s", "timeout": "20s"}}
    proxy = make_sheaf(f"http://{NAME}:8000", conf, ready="/startupz", wrapper=silent.wrapper)
    proxy.exit_codes = (1,)
    proxy.signal()
    proxy.wait_for_log("draining")
    began = time.monotonic()
    proxy.signal(signal.SIGINT)
    assert proxy.wait(15) == 1
    assert time.monotonic() - began < (1 if not is_sanitized() else 5)


def test_request_waits_for_the_first_look_up_up_to_acquire_timeout(make_sheaf, silent: Names) -> None:
    conf = {"pool": {"acquire_timeout": "700ms"}}
    proxy = make_sheaf(f"http://{NAME}:8000", conf, ready="/startupz", wrapper=silent.wrapper)
    began = time.monotonic()
    response = get(proxy.port, "/")
    assert response.status == 503 and json.loads(response.body)["reason"] == "upstream_refused"
    assert 0.6 < time.monotonic() - began < 3


def test_name_that_appears_later_is_found_and_a_waiting_request_served(
    make_sheaf, names: Names, backends: Backends
) -> None:
    proxy = make_sheaf(backends.url, SOON, ready="/startupz", wrapper=names.wrapper)
    response = get(proxy.port, "/")
    assert response.status == 503 and json.loads(response.body)["reason"] == "upstream_refused"
    assert proxy.admin("/readyz")[0] == 503
    names.point_to("127.0.0.2")
    wait_until(lambda: proxy.admin("/readyz")[0] == 200, 5, "/readyz follows the name")
    wait_until(lambda: proxy.metric("sheaf_pool_links", state="idle") > 0, 5, "warm connections are dialled")
    assert answered_by(proxy.port, "127.0.0.2")
    assert len(proxy.log_lines("the backend's name cannot be looked up", NAME)) == 1
    assert len(proxy.log_lines("the backend's name can be looked up again", NAME)) == 1


def test_new_connections_go_where_the_name_has_moved(make_sheaf, names: Names, backends: Backends) -> None:
    names.point_to("127.0.0.2")
    proxy = make_sheaf(backends.url, {**SOON, "pool": {"min_size": 0}}, wrapper=names.wrapper)
    assert answered_by(proxy.port, "127.0.0.2")
    names.point_to("127.0.0.3")
    wait_until(lambda: answered_by(proxy.port, "127.0.0.3"), 5, "the new address is used")
    assert all(answered_by(proxy.port, "127.0.0.3") for _ in range(10))
    assert len(proxy.log_lines("the backend has another address", "127.0.0.3")) == 1


def test_failed_connects_have_the_name_looked_up_long_before_the_interval(
    make_sheaf, names: Names, backends: Backends
) -> None:
    names.point_to("127.0.0.2")
    proxy = make_sheaf(backends.url, {"upstream": {"resolve_interval": "0s"}}, wrapper=names.wrapper)
    assert answered_by(proxy.port, "127.0.0.2")
    names.point_to("127.0.0.3")
    time.sleep(1.5)
    assert answered_by(proxy.port, "127.0.0.2"), "looked up though nothing had failed"
    backends.stop("127.0.0.2")
    wait_until(lambda: answered_by(proxy.port, "127.0.0.3"), 5, "the new address is used")


def test_name_that_is_lost_keeps_its_last_address(make_sheaf, names: Names, backends: Backends) -> None:
    names.point_to("127.0.0.2")
    proxy = make_sheaf(backends.url, SOON, wrapper=names.wrapper)
    names.point_to(None)
    proxy.wait_for_log("the backend's name cannot be looked up", seconds=5)
    time.sleep(0.8)
    assert answered_by(proxy.port, "127.0.0.2")
    assert proxy.admin("/readyz")[0] == 200
    assert len(proxy.log_lines("cannot be looked up")) == 1
    names.point_to("127.0.0.2")
    proxy.wait_for_log("the backend's name can be looked up again", seconds=5)
    assert proxy.log_lines("the backend has another address") == []
