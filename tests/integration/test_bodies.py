"""Issue item 4: bodies are streamed. A gigabyte each way in constant memory, and backpressure in both directions."""

from __future__ import annotations

import hashlib
import json
import threading
import time

import pytest

from harness.ports import wait_until
from harness.raw import RawClient
from harness.recorder import Recorder, Request
from harness.sheaf import Sheaf, is_sanitized, scaled

GIGABYTE = scaled(1 << 30, 1 << 26)
# What one exchange may add at its peak: two marks of 256 KiB, the loops' receive buffers, and what malloc keeps. The
# sanitizers' own memory grows with every allocation, so the bound is meaningless under them.
BOUND_KIB = 8 * 1024 if not is_sanitized() else 1 << 30


def peak_growth(proxy: Sheaf, before: int) -> int:
    return proxy.memory_kib("VmHWM") - before


@pytest.mark.parametrize("length", ["true", "false"], ids=["length", "chunked"])
def test_download_of_a_gigabyte_takes_constant_memory(sheaf: Sheaf, length: str) -> None:
    sheaf.reset_peak()
    before, received = sheaf.memory_kib(), 0
    with RawClient(sheaf.port, timeout=60) as client:
        client.send(
            f"GET /download?bytes={GIGABYTE}&length={length} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode()
        )
        client.read_until(b"\r\n\r\n")
        received = len(client.buffer)
        buffer = bytearray(1 << 20)
        while count := client.socket.recv_into(buffer):
            received += count
    assert received >= GIGABYTE, f"{received} bytes of {GIGABYTE} arrived"
    assert received < GIGABYTE * 1.01
    assert peak_growth(sheaf, before) < BOUND_KIB


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_upload_of_a_gigabyte_takes_constant_memory(sheaf: Sheaf, framing: str) -> None:
    sheaf.reset_peak()
    before, digest = sheaf.memory_kib(), hashlib.sha256()
    block = bytes(range(256)) * 4096
    with RawClient(sheaf.port, timeout=60) as client:
        fields = f"Content-Length: {GIGABYTE}" if framing == "length" else "Transfer-Encoding: chunked"
        client.send(f"POST /upload HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n".encode())
        for _ in range(GIGABYTE // len(block)):
            client.send(block if framing == "length" else b"%x\r\n%s\r\n" % (len(block), block))
            digest.update(block)
        if framing == "chunked":
            client.send(b"0\r\n\r\n")
        answer = json.loads(client.response().body)
    assert answer == {"bytes": GIGABYTE, "sha256": digest.hexdigest()}
    assert peak_growth(sheaf, before) < BOUND_KIB


def test_slow_client_holds_the_backend_back(make_recorder, make_sheaf) -> None:
    """A client that reads nothing: the backend can send no more than the buffers on the way take; nothing is lost."""
    total, sent = 256 << 20, [0]

    def endless(request: Request) -> None:
        request.connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % total)
        block = bytes(1 << 16)
        while sent[0] < total:
            request.connection.socket.sendall(block)
            sent[0] += len(block)

    recorder: Recorder = make_recorder(endless)
    proxy = make_sheaf(recorder.url)
    before = proxy.memory_kib()
    with RawClient(proxy.port, receive_buffer=65536, timeout=60) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        time.sleep(1.5)
        held = sent[0]
        time.sleep(0.5)
        assert sent[0] == held, "the backend can still send"
        assert held < 24 << 20, "too much is buffered on the way"
        assert proxy.memory_kib() - before < BOUND_KIB
        assert proxy.metric("sheaf_backpressure_pauses_total") >= 1
        head = client.read_until(b"\r\n\r\n")
        assert b"200" in head
        received = len(client.buffer)
        buffer = bytearray(1 << 20)
        while count := client.socket.recv_into(buffer):
            received += count
        assert received == total


def test_slow_backend_holds_the_client_back(make_recorder, make_sheaf) -> None:
    """A backend that reads nothing of the body: the client cannot send it all away, and all arrives once it reads."""
    go = threading.Event()

    def wait(_: Request) -> None:
        go.wait(30)

    recorder: Recorder = make_recorder(wait, at_head=True)
    proxy = make_sheaf(recorder.url)
    before, total, sent = proxy.memory_kib(), 64 << 20, [0]
    with RawClient(proxy.port, timeout=60) as client:
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % total)

        def upload() -> None:
            while sent[0] < total:
                client.send(bytes(1 << 16))
                sent[0] += 1 << 16

        uploading = threading.Thread(target=upload, daemon=True)
        uploading.start()
        time.sleep(1.5)
        held = sent[0]
        time.sleep(0.5)
        assert sent[0] == held < total, "the client can still send"
        assert proxy.memory_kib() - before < BOUND_KIB
        go.set()
        uploading.join(60)
        wait_until(lambda: len(recorder.latest.connection.received) >= total, 20, "the whole body arrives upstream")


def test_client_that_leaves_in_the_middle_of_a_download_frees_the_backend(make_recorder, make_sheaf) -> None:
    def go_on(request: Request) -> None:
        while not request.connection.ended:
            request.connection.send(bytes(1000))
            time.sleep(0.05)

    def endless(request: Request) -> None:
        request.connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n" + bytes(100_000))
        threading.Thread(target=go_on, args=(request,), daemon=True).start()

    recorder: Recorder = make_recorder(endless)
    proxy = make_sheaf(recorder.url)
    with RawClient(proxy.port) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        client.read(1000)
    wait_until(lambda: recorder.latest.connection.ended, 3, "the upstream connection ends")
    wait_until(lambda: proxy.metric("sheaf_pool_links", state="active") == 0, 3, "the slot is free")


def test_client_that_leaves_in_the_middle_of_an_upload_leaves_no_whole_request(make_recorder, make_sheaf) -> None:
    recorder: Recorder = make_recorder(lambda _: None, at_head=True)
    proxy = make_sheaf(recorder.url)
    with RawClient(proxy.port) as client:
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        wait_until(lambda: b"hello" in recorder.received, 3, "the body begins to arrive")
    wait_until(lambda: recorder.latest.connection.ended, 3, "the upstream connection ends")
    assert not recorder.received.endswith(b"0\r\n\r\n"), "the body was made to look whole"


@pytest.mark.parametrize("length", ["true", "false"], ids=["length", "chunked"])
def test_response_that_the_backend_breaks_off_is_seen_to_be_broken_off(sheaf: Sheaf, length: str) -> None:
    with RawClient(sheaf.port) as client:
        response = client.request(f"GET /cut?length={length} HTTP/1.1\nHost: a\n\n")
        assert response.status == 200 and not response.complete
        assert client.read_all() == b""
