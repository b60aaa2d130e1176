"""Issue 10, item 2: servers that bind a worker, a thread or a place to each connection do not starve behind Sheaf.

Real servers, with what is shipped: pool.min_size, pool.idle_timeout and workers are left out of the conf file.
"""

from __future__ import annotations

import socket
import ssl
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.backend import Backend
from harness.certificates import Authority, Pair
from harness.frames import RawWebSocket
from harness.ports import wait_until
from harness.raw import get
from harness.recorder import Recorder
from harness.requesting import ask_from_many
from harness.servers import Gunicorn, Node, Server
from harness.sheaf import AS_SHIPPED, BINARY, Conf, Sheaf, merged

# Generous: what starves waits for 5 s (gthread), 30 s (sync) or for ever.
PROMPT_SECONDS = 3.0
QUIET = {"health_check_interval": "0s"}  # no checks: every connection to the recorder is the pool's
CHECKED: Conf = merged(AS_SHIPPED, {"pool": {"health_check_interval": "300ms", "health_check_timeout": "300ms"}})
SETTLE_SECONDS = 1.0  # warm connections would stand by now


def expect_all_answered(port: int, requests: int, clients: int, **options: object) -> None:
    outcome = ask_from_many(
        port,
        requests=requests,
        clients=clients,
        timeout=PROMPT_SECONDS,
        **options,  # type: ignore[arg-type]
    )
    assert outcome.statuses == {200: requests}, f"{outcome}"
    assert outcome.slowest < PROMPT_SECONDS, f"{outcome}"


def settled(make_sheaf: Callable[..., Sheaf], url: str, conf: Conf = AS_SHIPPED) -> Sheaf:
    """A Sheaf that has dialled ahead whatever it does; `/livez`, since the test looks at `/readyz` itself."""
    proxy = make_sheaf(url, conf, ready="/livez")
    time.sleep(SETTLE_SECONDS)
    return proxy


# ---- gunicorn


@pytest.fixture
def sync(folder: Path):  # noqa: ANN201
    with Gunicorn(folder, "sync") as server:
        yield server


@pytest.fixture
def gthread(folder: Path):  # noqa: ANN201
    with Gunicorn(folder, "gthread", "--threads", "4") as server:
        yield server


def test_gunicorn_sync_answers_one_after_another_through_sheaf(sync: Server, make_sheaf) -> None:
    expect_all_answered(settled(make_sheaf, sync.url).port, 10, 1)


@pytest.mark.parametrize("keep_alive", [False, True], ids=["close", "keep-alive"])
def test_gunicorn_sync_answers_many_at_once_through_sheaf(sync: Server, make_sheaf, keep_alive: bool) -> None:
    expect_all_answered(settled(make_sheaf, sync.url).port, 160, 8, keep_alive=keep_alive)


def test_gunicorn_sync_is_as_good_as_without_sheaf_for_those_that_ask_it_directly(sync: Server, make_sheaf) -> None:
    proxy = settled(make_sheaf, sync.url)
    expect_all_answered(sync.port, 10, 2)
    expect_all_answered(proxy.port, 16, 8)
    expect_all_answered(sync.port, 10, 2)


def test_gunicorn_sync_takes_more_requests_at_once_than_it_has_workers(sync: Server, make_sheaf) -> None:
    """16 requests of a tenth of a second on one worker: 1.6 s, whoever asks."""
    expect_all_answered(settled(make_sheaf, sync.url).port, 16, 16, path="/slow")


def test_readyz_says_of_gunicorn_sync_what_is_true(folder: Path, make_sheaf) -> None:
    with Gunicorn(folder, "sync") as server:
        proxy = settled(make_sheaf, server.url, CHECKED)
        assert proxy.admin("/readyz")[0] == 200
        assert get(proxy.port, timeout=PROMPT_SECONDS).status == 200, "ready, but nothing is answered"
    wait_until(lambda: proxy.admin("/readyz")[0] == 503, 5, "/readyz fails once the server is gone")


def test_gunicorn_threads_do_not_stall_behind_sheaf(gthread: Server, make_sheaf) -> None:
    proxy = settled(make_sheaf, gthread.url)
    expect_all_answered(gthread.port, 20, 4)
    expect_all_answered(proxy.port, 10, 1)
    expect_all_answered(proxy.port, 160, 8)
    expect_all_answered(proxy.port, 160, 8, keep_alive=True)
    expect_all_answered(gthread.port, 20, 4)


def test_gunicorn_threads_serve_bursts_between_which_their_keep_alive_ends(gthread: Server, make_sheaf) -> None:
    """gthread closes a connection after 2 s without a request: Sheaf must notice, and must not hold any thread."""
    proxy = settled(make_sheaf, gthread.url)
    for _ in range(3):
        expect_all_answered(proxy.port, 40, 8)
        expect_all_answered(gthread.port, 8, 4)
        time.sleep(2.0)


# ---- uvicorn


@pytest.fixture(scope="module")
def limited(folder: Path):  # noqa: ANN201
    """Refuses with 503 whatever comes while 12 connections are open, that of the request included."""
    backend = Backend(folder, options=("--limit-concurrency", "12"))
    yield backend
    backend.stop()


def test_uvicorn_with_a_concurrency_limit_refuses_nobody_beside_an_idle_sheaf(limited: Backend, make_sheaf) -> None:
    settled(make_sheaf, limited.url)
    expect_all_answered(limited.port, 110, 11, path="/page")


@pytest.mark.parametrize("keep_alive", [False, True], ids=["close", "keep-alive"])
def test_uvicorn_with_a_concurrency_limit_refuses_nobody_behind_sheaf(
    limited: Backend, make_sheaf, keep_alive: bool
) -> None:
    """At most 5 at once on each of two workers, which keep the connections that they have used as any client would.

    With 8 clients that keep theirs uvicorn refuses some without Sheaf, too: a request that is just over still counts.
    """
    proxy = settled(make_sheaf, limited.url, merged(AS_SHIPPED, {"workers": 2}))
    expect_all_answered(proxy.port, 300, 5, path="/page", keep_alive=keep_alive)


def test_uvicorn_with_a_concurrency_limit_has_its_places_back_soon_after_a_burst(limited: Backend, make_sheaf) -> None:
    proxy = settled(make_sheaf, limited.url, merged(AS_SHIPPED, {"workers": 2}))
    expect_all_answered(proxy.port, 100, 5, path="/page")
    time.sleep(5.0)  # pool.idle_timeout and a tick
    expect_all_answered(limited.port, 110, 11, path="/page")


def test_uvicorn_with_a_concurrency_limit_takes_as_many_websockets_through_sheaf_as_directly(
    limited: Backend, make_sheaf
) -> None:
    proxy = settled(make_sheaf, limited.url, merged(AS_SHIPPED, {"pool": QUIET}))
    sessions = [RawWebSocket(proxy.port, "/ws/echo") for _ in range(11)]
    for number, session in enumerate(sessions):
        session.check_echo(b"%d" % number)
        session.close()


# ---- Node


def test_node_server_close_completes_soon_after_the_last_request(folder: Path, make_sheaf) -> None:
    with Node(folder) as server:
        proxy = settled(make_sheaf, server.url)
        expect_all_answered(proxy.port, 20, 4)
        took = server.close(7)
        assert took is not None, "server.close() still waits after 7 s: Sheaf holds connections that it does not use"


def test_node_server_close_completes_beside_a_sheaf_that_nobody_has_asked(folder: Path, make_sheaf) -> None:
    with Node(folder) as server:
        settled(make_sheaf, server.url)
        took = server.close(7)
        assert took is not None, "server.close() still waits after 7 s: Sheaf holds connections that it does not use"


# ---- pool.min_size


def standing(recorder: Recorder) -> int:
    return len(recorder.open_connections)


def warnings(proxy: Sheaf) -> list[str]:
    return proxy.log_lines("pool.min_size")


def outside_address() -> str:
    """An address of this machine that is not a loopback one; empty where it has none. Nothing is sent for this."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return ""
        address = str(probe.getsockname()[0])
    return "" if address.startswith("127.") else address


def test_min_size_dials_nothing_ahead_to_a_plain_backend_on_loopback(make_recorder, make_sheaf) -> None:
    recorder: Recorder = make_recorder()
    for url in (recorder.url, f"http://localhost:{recorder.port}"):
        proxy = settled(make_sheaf, url, merged(AS_SHIPPED, {"pool": QUIET}))
        assert len(recorder.connections) == 0, f"dialled ahead to {url}"
        assert warnings(proxy) == []


def test_min_size_dials_nothing_ahead_to_a_unix_socket(make_recorder, make_sheaf, folder: Path) -> None:
    recorder: Recorder = make_recorder(path=folder / "auto.sock")
    proxy = settled(make_sheaf, recorder.url, merged(AS_SHIPPED, {"pool": QUIET}))
    assert len(recorder.connections) == 0 and warnings(proxy) == []
    assert get(proxy.port).status == 200
    recorder.settle(0.5)
    assert len(recorder.connections) == 1, "a used connection made others"


def test_min_size_auto_is_what_is_shipped(make_recorder, make_sheaf) -> None:
    shown = subprocess.run([BINARY, "--print-default-config"], capture_output=True, text=True, check=True).stdout
    assert 'min_size = "auto"' in shown
    recorder: Recorder = make_recorder()
    settled(make_sheaf, recorder.url, {"pool": {"min_size": "auto", **QUIET}})
    assert len(recorder.connections) == 0


def test_min_size_auto_keeps_10_to_an_https_backend(
    make_recorder, make_sheaf, certificate: Pair, authority: Authority
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.certificate, certificate.key)
    recorder: Recorder = make_recorder(context=context)
    conf = merged(AS_SHIPPED, {"pool": QUIET, "upstream": {"tls_ca": str(authority.certificate)}})
    proxy = make_sheaf(recorder.url, conf)
    wait_until(lambda: standing(recorder) == 10, 5, "10 connections stand")
    recorder.settle(0.5)
    assert len(recorder.connections) == 10 and warnings(proxy) == []


def test_min_size_auto_keeps_10_to_another_host(make_sheaf) -> None:
    """This machine by an address that is not loopback: a backend cannot be told from one elsewhere by its address."""
    address = outside_address()
    if not address:
        pytest.skip("this machine has no address but loopback")
    with socket.create_server((address, 0)) as listener:
        port = listener.getsockname()[1]
        proxy = make_sheaf(f"http://{address}:{port}", merged(AS_SHIPPED, {"pool": QUIET}), ready="/livez")
        wait_until(lambda: proxy.metric("sheaf_pool_links", state="idle") == 10, 5, "10 connections stand")
        assert warnings(proxy) == []


@pytest.mark.parametrize("unix", [False, True], ids=["loopback", "unix socket"])
def test_min_size_that_is_given_is_obeyed_and_told_once_where_it_is_risky(
    make_recorder, make_sheaf, folder: Path, unix: bool
) -> None:
    recorder: Recorder = make_recorder(path=folder / "ten.sock") if unix else make_recorder()
    proxy = make_sheaf(recorder.url, {"workers": 2, "pool": {"min_size": 10, **QUIET}})
    wait_until(lambda: standing(recorder) == 10, 5, "10 connections stand")
    recorder.settle(0.5)
    assert standing(recorder) == 10
    assert len(warnings(proxy)) == 1, proxy.log()


def test_min_size_of_zero_is_not_told(make_recorder, make_sheaf) -> None:
    proxy = settled(make_sheaf, make_recorder().url, {"pool": {"min_size": 0, **QUIET}})
    assert warnings(proxy) == []


def test_min_size_that_is_given_is_not_told_to_an_https_backend(
    make_recorder, make_sheaf, certificate: Pair, authority: Authority
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.certificate, certificate.key)
    recorder: Recorder = make_recorder(context=context)
    conf = {"pool": {"min_size": 4, **QUIET}, "upstream": {"tls_ca": str(authority.certificate)}}
    proxy = make_sheaf(recorder.url, conf)
    wait_until(lambda: standing(recorder) == 4, 5, "4 connections stand")
    assert warnings(proxy) == []


def test_manual_names_the_servers_that_warm_connections_starve() -> None:
    manual = subprocess.run([BINARY, "--print-options-manual"], capture_output=True, text=True, check=True).stdout
    line = next(line for line in manual.splitlines() if "`pool.min_size`" in line and line.startswith("|"))
    for name in ("gunicorn", "uvicorn", "Node"):
        assert name in line, line
