"""`localhost` as the backend's name: either family serves, without a look-up and without a failure that anybody sees."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from harness.frames import RawWebSocket
from harness.ports import free_port, wait_until
from harness.raw import get
from harness.sheaf import Sheaf


class OneFamily:
    """Answers each request with the address that it listens at, and closes."""

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self._listener = socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=64
        )
        self.dials = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                accepted, _ = self._listener.accept()
            except OSError:
                return
            self.dials += 1
            with accepted:
                if accepted.recv(65536):
                    body = self.host.encode()
                    accepted.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    def stop(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def servers() -> Iterator[list[OneFamily]]:
    made: list[OneFamily] = []
    yield made
    for one in made:
        one.stop()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("check", ["0s", "200ms"])
def test_backend_of_one_family_serves_the_first_request_and_every_other(
    make_sheaf, servers: list[OneFamily], host: str, check: str
) -> None:
    port = free_port()
    servers.append(OneFamily(host, port))
    proxy: Sheaf = make_sheaf(f"http://localhost:{port}", {"pool": {"health_check_interval": check}})
    for _ in range(6):
        response = get(proxy.port)
        assert (response.status, response.body.decode()) == (200, host)
    assert proxy.admin("/readyz")[0] == 200
    assert proxy.log_lines("the backend is down") == [] and proxy.log_lines("looked up") == []


def test_of_both_families_ipv4_is_asked(make_sheaf, servers: list[OneFamily]) -> None:
    port = free_port()
    servers += [OneFamily("127.0.0.1", port), OneFamily("::1", port)]
    proxy = make_sheaf(f"http://localhost:{port}")
    assert {get(proxy.port).body for _ in range(6)} == {b"127.0.0.1"}
    assert servers[1].dials == 0


def test_backend_that_comes_back_on_the_other_family_is_found(make_sheaf, servers: list[OneFamily]) -> None:
    port = free_port()
    servers.append(OneFamily("127.0.0.1", port))
    proxy = make_sheaf(f"http://localhost:{port}", {"workers": 1})
    assert get(proxy.port).body == b"127.0.0.1"
    servers.pop().stop()
    assert get(proxy.port).status == 503
    servers.append(OneFamily("::1", port))
    wait_until(lambda: get(proxy.port).status == 200, 5, "it is reached again")
    assert get(proxy.port).body == b"::1"
    assert len(proxy.log_lines("the backend is down")) == 1


def test_websocket_reaches_uvicorn_on_ipv6_alone(make_sheaf, make_backend) -> None:
    backend = make_backend(host="::1")
    proxy = make_sheaf(f"http://localhost:{backend.port}")
    with RawWebSocket(proxy.port) as client:
        client.check_echo(b"over ::1")
