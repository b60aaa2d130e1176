"""Compression contexts of a client's own: as shipped a stock client gets no more bytes than from uvicorn itself."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness.backend import Backend
from harness.certificates import Pair
from harness.compression import OFFER, content
from harness.frames import TEXT, frame
from harness.helpers import BroadcastBackend
from harness.loads import LOADS, Client, bytes_a_message, quotes
from harness.ports import wait_until
from harness.recorder import upgrade_answer
from harness.sheaf import AS_SHIPPED, Sheaf, merged

CONTEXT = 38_720  # bytes of one: 12 window bits, memory level 5


@pytest.fixture(scope="module")
def proxy(folder: Path, backend: Backend) -> Iterator[Sheaf]:
    running = Sheaf(folder, backend.url, merged(AS_SHIPPED, {"drain": {"delay": "0s"}}))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def tls_pair(folder: Path, certificate: Pair) -> Iterator[tuple[Backend, Sheaf]]:
    """uvicorn with TLS, and Sheaf with TLS in front of it."""
    backend = Backend(folder, tls=certificate)
    listen = {"tls_certificate": str(certificate.certificate), "tls_key": str(certificate.key)}
    conf = {"drain": {"delay": "0s"}, "listen": listen, "upstream": {"tls_verify": False}}
    running = Sheaf(folder, backend.url, merged(AS_SHIPPED, conf))
    yield backend, running
    running.stop()
    backend.stop()


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("load", LOADS)
def test_stock_client_gets_no_more_bytes_than_the_backend_would_send(
    proxy: Sheaf, backend: Backend, tls_pair: tuple[Backend, Sheaf], load: str, tls: bool
) -> None:
    alone, through = tls_pair if tls else (backend, proxy)
    direct = bytes_a_message(alone.port, load, tls)
    sheaf = bytes_a_message(through.port, load, tls)
    print(f"{load}: {direct:.1f} bytes a message from uvicorn, {sheaf:.1f} from Sheaf")
    assert sheaf <= direct * 1.01


@pytest.mark.parametrize("load", LOADS)
def test_short_conversation_takes_no_more_bytes_either(proxy: Sheaf, backend: Backend, load: str) -> None:
    for messages in (1, 3):
        direct = bytes_a_message(backend.port, load, False, messages)
        sheaf = bytes_a_message(proxy.port, load, False, messages)
        print(f"{load}, {messages}: {direct:.1f} bytes a message from uvicorn, {sheaf:.1f} from Sheaf")
        assert sheaf <= direct * 1.01


def test_same_text_again_is_still_the_clients_alone(proxy: Sheaf, backend: Backend) -> None:
    def total(port: int) -> int:
        with Client(port) as client:
            before = client.bytes()
            for n in range(40):
                client.echo(f"a state that changes now and then, as this one for the {n // 4} times")
            return client.bytes() - before

    assert total(proxy.port) <= total(backend.port) * 1.01


def test_client_without_a_context_of_its_own_gets_none(proxy: Sheaf) -> None:
    with Client(proxy.port, offer=OFFER) as client:
        for text in quotes(random.Random(2)):
            assert content(client.echo(text)) == text.encode()
        assert proxy.metric("sheaf_deflate_contexts") == 0


def test_context_goes_with_its_client(proxy: Sheaf) -> None:
    with Client(proxy.port) as client:
        for n in range(10):
            client.echo(f"message {n} of a client that is alone with it")
        assert proxy.metric("sheaf_deflate_contexts") == 1
        assert proxy.metric("sheaf_deflate_context_bytes") == CONTEXT
    wait_until(lambda: proxy.metric("sheaf_deflate_contexts") == 0, 5, "the context is gone")
    assert proxy.metric("sheaf_deflate_context_bytes") == 0


def test_beyond_the_bound_frames_stand_alone_and_are_counted(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url, {"workers": 1, "deflate": {"max_context_bytes": 100_000, "threshold": 0}})
    with ExitStack() as stack:
        clients = [stack.enter_context(Client(proxy.port)) for _ in range(5)]
        for n in range(20):
            for number, client in enumerate(clients):
                client.echo(f"message {n} for client {number} alone, which it has echoed")
        assert proxy.metric("sheaf_deflate_contexts") == 2
        assert proxy.metric("sheaf_deflate_contexts_refused_total") > 0


def test_when_contexts_are_scarce_they_are_earned(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url, {"workers": 1, "deflate": {"max_context_bytes": 2 * CONTEXT, "threshold": 0}})
    with Client(proxy.port) as first, Client(proxy.port) as second:
        first.echo("the first message of the first client")
        assert proxy.metric("sheaf_deflate_contexts") == 1
        for n in range(4):
            second.echo(f"message {n} of a second client, which has to earn it")
        assert proxy.metric("sheaf_deflate_contexts") == 1
        second.echo("message 4 of a second client, which has earned it")
        assert proxy.metric("sheaf_deflate_contexts") == 2


def frames_that_were_there_already(proxy: Sheaf) -> float:
    """Compressed frames that clients got, less those that were made."""
    contexts = ("own", "line_15", "line_12", "line_10", "tail", "none")
    sent = sum(proxy.metric("sheaf_deflate_frames_total", context=context) for context in contexts)
    return sent - proxy.metric("sheaf_deflate_messages_total")


def test_what_is_broadcast_is_compressed_once_and_earns_no_context(make_sheaf) -> None:
    with BroadcastBackend() as broadcaster:
        proxy = make_sheaf(broadcaster.url, {"deflate": {"threshold": 0}})
        with ExitStack() as stack:
            clients = [stack.enter_context(Client(proxy.port, "/ws")) for _ in range(20)]
            wait_until(lambda: broadcaster.tell({})["sockets"] >= 20, 5, "all are there")
            broadcaster.tell({"messages": 50, "size": 300, "pause": 0.01})
            messages = [[client.read()[1] for _ in range(50)] for client in clients]
            assert messages == messages[:1] * 20
            assert proxy.metric("sheaf_deflate_contexts") == 0
            assert frames_that_were_there_already(proxy) > 500


def test_own_and_common_messages_in_any_order_are_understood(make_sheaf, make_recorder) -> None:
    """Each change between the two kinds of compression must be one that a stock client can follow."""
    recorder = make_recorder(upgrade_answer, at_head=True)
    proxy = make_sheaf(recorder.url, {"workers": 1, "deflate": {"threshold": 0}})
    source = random.Random(3)
    with Client(proxy.port, "/ws") as one:
        to_one = recorder.latest.connection
        with Client(proxy.port, "/ws") as other:
            to_other = recorder.latest.connection
            for n in range(400):
                common = source.random() < (0.1, 0.5, 0.9)[n // 50 % 3]
                text = f"message {n} of a common beginning " * source.choice((1, 3, 100))
                for client, backend, name in ((one, to_one, "one"), (other, to_other, "other")):
                    said = text if common else name + text
                    backend.send(frame(TEXT, said.encode(), masked=False))
                    assert client.read()[1] == said
    assert frames_that_were_there_already(proxy) > 0
