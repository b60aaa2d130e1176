"""Issue item 15: `sheaf doctor` says what differs through Sheaf, and which option mends it."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from websockets.sync.client import connect

from harness.backend import Backend
from harness.certificates import Authority, Pair
from harness.frames import accept_for
from harness.ports import free_port, wait_until
from harness.recorder import Recorder, Request
from harness.sheaf import BINARY, Conf, Sheaf, merged, write_conf

SAME = "Nothing that matters differs."
PATHS = ("--path", "/ws/echo", "--http-path", "/page")

Doctor = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def doctor(folder: Path) -> Doctor:
    """doctor(upstream, conf, *words): the report of a doctor with that conf file, nothing of which runs."""

    def run(
        upstream: str,
        conf: Conf | None = None,
        *words: str,
        wrapper: list[str] | None = None,
        routes: list[Conf] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        port = free_port()
        addresses: Conf = {"listen": {"address": f"127.0.0.1:{port}"}, "upstream": {"url": upstream}}
        file = write_conf(folder / f"doctor-{port}.conf", merged(addresses, conf or {}), routes or [])
        return subprocess.run([*(wrapper or []), str(BINARY), "doctor", "-c", str(file), *PATHS, *words],
                              capture_output=True, text=True, timeout=60, check=False)

    return run


def beside(sheaf: Sheaf, *words: str) -> subprocess.CompletedProcess[str]:
    """The report of a doctor with the conf file of a running Sheaf."""
    file = sheaf.log_file.with_suffix(".conf")
    return subprocess.run([str(BINARY), "doctor", "-c", str(file), *PATHS, *words],
                          capture_output=True, text=True, timeout=60, check=False)


@contextlib.contextmanager
def listener() -> Iterator[int]:
    """A port on which something listens that answers nobody."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def check_same(seen: subprocess.CompletedProcess[str]) -> None:
    assert seen.returncode == 0, seen.stdout + seen.stderr
    assert SAME in seen.stdout and "DIFFERS" not in seen.stdout
    assert seen.stdout.count(" same\n") == 4


def check_differs(seen: subprocess.CompletedProcess[str], *parts: str) -> None:
    assert seen.returncode == 1, seen.stdout + seen.stderr
    assert SAME not in seen.stdout
    for part in parts:
        assert part in seen.stdout, seen.stdout


def test_nothing_differs_before_sheaf_is_installed(doctor: Doctor, backend: Backend) -> None:
    seen = doctor(backend.url)
    check_same(seen)
    assert "a trial with this configuration, since none listens at" in seen.stdout
    for part in ("HTTP GET /page ", "WebSocket /ws/echo ", "Socket.IO polling ", "Socket.IO websocket "):
        assert part in seen.stdout


def test_a_trial_leaves_nothing_running(doctor: Doctor, backend: Backend) -> None:
    assert doctor(backend.url).returncode == 0
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert "drain.timeout=1s" not in running


def test_beside_a_running_sheaf_that_one_is_asked(sheaf: Sheaf) -> None:
    before = sheaf.metric("sheaf_http_requests_total")
    seen = beside(sheaf)
    check_same(seen)
    assert f"the one that runs at 127.0.0.1:{sheaf.port}" in seen.stdout
    assert sheaf.metric("sheaf_http_requests_total") > before


def test_options_of_the_command_line_reach_the_trial(doctor: Doctor, backend: Backend) -> None:
    check_differs(doctor("http://127.0.0.1:1", None, "--set", f"upstream.url={backend.url}",
                         "--set", "limits.max_fields=3"), "431 too_many_fields", "-> limits.max_fields: ")


def test_a_backend_that_is_down_is_told_with_a_remedy(doctor: Doctor) -> None:
    seen = doctor(f"http://127.0.0.1:{free_port()}")
    assert seen.returncode == 2
    assert "Connection refused" in seen.stdout and "-> upstream.url: is the backend running" in seen.stdout


def test_a_socket_that_is_not_there_is_told_with_a_remedy(doctor: Doctor, folder: Path) -> None:
    seen = doctor(f"unix:{folder}/nobody.sock")
    assert seen.returncode == 2
    assert "No such file or directory" in seen.stdout and "is that its socket's path" in seen.stdout


def test_a_wrong_configuration_could_not_be_examined(doctor: Doctor, backend: Backend) -> None:
    seen = doctor(backend.url, {"pool": {"min_sise": 1}})
    assert seen.returncode == 2
    assert 'did you mean "min_size"?' in seen.stderr


def test_a_sheaf_that_cannot_start_could_not_be_examined(doctor: Doctor, backend: Backend) -> None:
    # Enough descriptors for the doctor, too few to serve anybody.
    seen = doctor(backend.url, wrapper=["sh", "-c", 'ulimit -n 30; exec "$@"', "sh"])
    assert seen.returncode == 2
    assert "Sheaf does not start" in seen.stdout and "cannot start error=" in seen.stdout


def test_a_path_that_the_backend_does_not_have_is_no_difference(doctor: Doctor, backend: Backend) -> None:
    seen = doctor(backend.url, None, "--path", "/nowhere", "--http-path", "/nowhere")
    check_same(seen)
    assert "404, " in seen.stdout and "403, " in seen.stdout


def test_a_refused_origin_names_the_option(doctor: Doctor, backend: Backend) -> None:
    conf: Conf = {"websocket": {"allowed_origins": ["https://a.example"]}}
    # The doctor comes from an allowed one by itself.
    assert "WebSocket: " not in doctor(backend.url, conf).stdout
    seen = doctor(backend.url, conf, "--origin", "http://b.example")
    check_differs(seen, "WebSocket: status: directly 101, through Sheaf 403 origin_not_allowed",
                  "-> websocket.allowed_origins: ")


def test_a_large_head_names_the_option(doctor: Doctor, backend: Backend) -> None:
    cookie = ("--header", "Cookie: id=" + 3000 * "x")
    check_same(doctor(backend.url, None, *cookie))
    seen = doctor(backend.url, {"limits": {"max_head": "2KiB"}}, *cookie)
    check_differs(seen, "431 head_too_large", "-> limits.max_head: ")


def test_a_scheme_that_is_not_believed_names_the_trusted_proxies(doctor: Doctor, backend: Backend) -> None:
    page = ("--origin", "https://app.example.org")
    by_default = doctor(backend.url, None, *page)  # loopback is trusted
    check_same(by_default)
    assert "note: X-Forwarded-Proto: https came from this machine" in by_default.stdout
    seen = doctor(backend.url, {"forwarded": {"trusted_proxies": ["192.0.2.1"]}}, *page)
    check_differs(seen, "Socket.IO polling: status: directly 200, through Sheaf 400", "-> forwarded.trusted_proxies: ")


def test_a_full_pool_names_the_option(make_sheaf, backend: Backend) -> None:
    sheaf = make_sheaf(backend.url, {"pool": {"max_size": 1, "acquire_timeout": "50ms"}})
    with connect(f"{sheaf.ws_url}/ws/echo"):
        check_differs(beside(sheaf), "503 pool_exhausted", "-> pool.max_size: ")


def test_an_invalid_answer_of_the_backend_is_told_by_its_cause(doctor: Doctor, make_recorder) -> None:
    backend: Recorder = make_recorder(
        lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok"
    )
    check_differs(doctor(backend.url), "502 upstream_bad_response", "the backend's answer is not valid (cause ",
                  "log: ")


def test_a_lost_backend_names_websocket_upstream_lost(doctor: Doctor, backend: Backend, make_recorder) -> None:
    # Each WebSocket is accepted and then dropped.
    def drop(request: Request) -> bytes | None:
        key = request.get("sec-websocket-key")
        if key is None:
            return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
        request.connection.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                b"Sec-WebSocket-Accept: " + accept_for(key).encode() + b"\r\n\r\n")
        request.connection.socket.shutdown(socket.SHUT_RDWR)
        return None

    dropping: Recorder = make_recorder(drop)
    check_differs(doctor(dropping.url), "WebSocket: close code: directly 1006, through Sheaf 1012",
                  "-> websocket.upstream_lost: ")
    check_same(doctor(dropping.url, {"websocket": {"upstream_lost": "none"}}))


def test_a_port_that_is_taken_is_told(doctor: Doctor, backend: Backend) -> None:
    with listener() as port:
        seen = doctor(backend.url, {"listen": {"address": f"127.0.0.1:{port}"}})
    assert seen.returncode == 1, seen.stdout
    assert "something else listens there" in seen.stdout and "-> listen.address: " in seen.stdout


def test_a_tls_listener_is_asked_over_tls(make_sheaf, doctor: Doctor, backend: Backend, certificate: Pair) -> None:
    conf: Conf = {"listen": {"tls_certificate": str(certificate.certificate), "tls_key": str(certificate.key)}}
    for seen in (doctor(backend.url, conf), beside(make_sheaf(backend.url, conf))):
        check_same(seen)
        assert "its certificate not verified" in seen.stdout and "as https://127.0.0.1:" in seen.stdout


def test_a_sheaf_on_a_unix_socket_is_asked_there(doctor: Doctor, make_sheaf, backend: Backend, folder: Path) -> None:
    conf: Conf = {"listen": {"address": f"unix:{folder}/doctor.sock", "socket_mode": "0600"}}
    check_same(doctor(backend.url, conf))
    make_sheaf(backend.url, conf)
    beside_it = doctor(backend.url, conf)
    check_same(beside_it)
    assert "the one that runs at unix:" in beside_it.stdout


def test_with_the_proxy_protocol_a_trial_is_asked(doctor: Doctor, make_sheaf, backend: Backend) -> None:
    conf: Conf = {"listen": {"proxy_protocol": "on"}, "forwarded": {"trusted_proxies": ["192.0.2.1"]}}
    running = make_sheaf(backend.url, conf)
    seen = beside(running)
    check_same(seen)
    assert "a trial with this configuration, without the PROXY protocol" in seen.stdout


def test_of_several_listeners_one_without_the_proxy_protocol_is_asked(
    doctor: Doctor, make_sheaf, backend: Backend, certificate: Pair
) -> None:
    pair = {"tls_certificate": str(certificate.certificate), "tls_key": str(certificate.key)}
    proxied, plain = free_port(), free_port()
    conf: Conf = {
        "listen": {"address": [f"127.0.0.1:{proxied}"], "proxy_protocol": "on"},
        "listener": [{"address": f"127.0.0.1:{plain}", "proxy_protocol": "off", **pair}],
        "forwarded": {"trusted_proxies": ["192.0.2.1"]},
    }
    trial = doctor(backend.url, conf)
    check_same(trial)
    assert f"a trial with this configuration, its certificate not verified, since none listens at 127.0.0.1:{plain}" in trial.stdout
    make_sheaf(backend.url, conf)
    beside_it = doctor(backend.url, conf)
    check_same(beside_it)
    assert f"the one that runs at 127.0.0.1:{plain}, its certificate not verified" in beside_it.stdout


def test_a_trial_opens_no_listener_of_the_file(doctor: Doctor, backend: Backend) -> None:
    """Else it could not start beside the Sheaf that has them."""
    with listener() as taken:
        conf: Conf = {"listen": {"address": f"127.0.0.1:{free_port()}"}, "listener": [{"address": f"127.0.0.1:{taken}"}]}
        check_same(doctor(backend.url, conf))


def listens(port: int) -> bool:
    with socket.socket(socket.AF_INET6) as probe:
        return probe.connect_ex(("::1", port)) == 0


def test_a_backend_on_the_other_family_of_localhost_is_found(doctor: Doctor, folder: Path) -> None:
    port = free_port()
    with subprocess.Popen([sys.executable, "-m", "http.server", "--bind", "::1", str(port)], cwd=folder,
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            wait_until(lambda: listens(port), 10, "the server listens")
            seen = doctor(f"http://localhost:{port}")
        finally:
            server.kill()
    check_same(seen)
    assert "404, " in seen.stdout


def test_an_https_backend_is_asked_over_tls(
    doctor: Doctor, make_backend, certificate: Pair, authority: Authority
) -> None:
    secure = make_backend(tls=certificate)
    check_same(doctor(secure.url, {"upstream": {"tls_ca": str(authority.certificate)}}))
    seen = doctor(secure.url)
    assert seen.returncode == 2
    assert "TLS failed: " in seen.stdout and "-> upstream.tls_ca: " in seen.stdout


def test_a_backend_on_a_unix_socket_is_asked_there(doctor: Doctor, make_backend) -> None:
    check_same(doctor(make_backend(unix=True).url))


def test_every_endpoint_is_connected_to(doctor: Doctor, make_backend) -> None:
    one, other = make_backend(), make_backend(unix=True)
    several: Conf = {"upstream": {"url": None, "urls": [one.url, other.url]}}
    seen = doctor("", several)
    assert f"  directly: {one.url}\n  also there: {other.url}\n" in seen.stdout, seen.stdout
    down = f"http://127.0.0.1:{free_port()}"
    seen = doctor("", {"upstream": {"url": None, "urls": [down, other.url]}})
    assert seen.returncode == 1, seen.stdout
    assert f"no connection to the backend at {down}: Connection refused\n      -> upstream.urls: is the" in seen.stdout
    assert f"  directly: {other.url}\n" in seen.stdout
    seen = doctor("", {"upstream": {"url": None, "urls": [down]}})
    assert seen.returncode == 2, seen.stdout


def test_each_request_is_compared_with_the_backend_of_its_route(doctor: Doctor, backend: Backend, make_recorder) -> None:
    other: Recorder = make_recorder(lambda _: b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone")
    conf: Conf = {"backend": [{"name": "other", "url": other.url}]}
    seen = doctor(backend.url, conf, routes=[{"path": "/page", "backend": "other"}])
    assert f"  directly: {backend.url}\n  directly, backend \"other\": {other.url}\n" in seen.stdout, seen.stdout
    check_same(seen)
    assert "404, 4 bytes" in seen.stdout and "101, " in seen.stdout


def test_a_backend_that_is_down_leaves_the_others_to_be_asked(doctor: Doctor, backend: Backend) -> None:
    down = f"http://127.0.0.1:{free_port()}"
    conf: Conf = {"backend": [{"name": "other", "url": down}]}
    seen = doctor(backend.url, conf, routes=[{"path": "/page", "backend": "other"}])
    assert seen.returncode == 1, seen.stdout
    assert f'no connection to the backend "other" at {down}: Connection refused' in seen.stdout
    assert "-> backend.urls: is the backend running" in seen.stdout
    assert seen.stdout.count(" same\n") == 3 and "HTTP GET" not in seen.stdout


def test_a_default_that_no_route_leads_to_is_not_asked(doctor: Doctor, backend: Backend) -> None:
    conf: Conf = {"upstream": {"url": None}, "backend": [{"name": "all", "url": backend.url}]}
    seen = doctor("", conf, routes=[{"path": "/", "backend": "all"}])
    assert seen.stdout.startswith(f'  directly, backend "all": {backend.url}\n  through Sheaf: '), seen.stdout
    check_same(seen)


def test_a_stream_is_left_after_a_while_and_not_compared(doctor: Doctor, backend: Backend) -> None:
    seen = doctor(backend.url, None, "--http-path", "/sse")
    check_same(seen)
    assert "200, goes on" in seen.stdout


def test_the_subprotocol_is_shown(doctor: Doctor, backend: Backend) -> None:
    seen = doctor(backend.url, None, "--path", "/ws/chat", "--subprotocol", "chat.v1")
    check_same(seen)
    assert "101, chat.v1, " in seen.stdout
