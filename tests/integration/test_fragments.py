"""Issue 11, item 1: stock clients and backends send messages in thousands of fragments. What they do passes with shipped
options; a flood of fragments that carry nothing is closed with 1008 (hardening.md, row 50)."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from websockets.sync.client import connect

from harness.clients_js import CLIENTS, MODULES, node
from harness.compression import content, whole
from harness.fragmenting import FragmentingBackend, digest, digest_of_pieces, pieces
from harness.frames import BINARY, CONTINUATION, TEXT, RawWebSocket, frame
from harness.ports import free_port, wait_until
from harness.raw import RawClient
from harness.recorder import Recorder, upgrade_answer
from harness.sheaf import AS_SHIPPED, Sheaf, is_sanitized
from harness.streaming import MIB, Reader

DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate\n"
PATHS = {"off": "/off", "cork": "/ws", "json": "/ws?sheaf=json", "binary": "/ws?sheaf=binary", "rules": "/rules"}
ROUTES = [
    {"path": "/off", "delivery": "off"},
    {"path": "/rules", "slow_client": "conflate", "conflate": [{"prefix": "{", "key": "/type"}]},
]


@pytest.fixture(scope="module")
def fragmenting() -> Iterator[FragmentingBackend]:
    running = FragmentingBackend()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def proxy(folder: Path, fragmenting: FragmentingBackend) -> Iterator[Sheaf]:
    running = Sheaf(folder, fragmenting.url, AS_SHIPPED, ROUTES)
    yield running
    running.stop()


# ---- from the backend


@pytest.mark.parametrize("fields", ["", DEFLATE], ids=["plain", "deflate"])
@pytest.mark.parametrize("way", PATHS)
@pytest.mark.parametrize("count,size", [(5_000, 1), (20_000, 20)])
def test_generator_of_a_python_backend_passes(proxy: Sheaf, way: str, fields: str, count: int, size: int) -> None:
    context = zlib.decompressobj(-15)
    with RawWebSocket(proxy.port, PATHS[way], fields, timeout=20) as socket:
        for _ in range(2):
            socket.send_frame(TEXT, json.dumps({"count": count, "size": size}).encode())
            assert Reader(socket, context).read().summary == digest_of_pieces(count, size)


def test_generator_of_a_python_backend_reaches_a_python_client(proxy: Sheaf) -> None:
    """It takes no more than 4,096 fragments itself, unless Sheaf makes the message anew."""
    with connect(f"{proxy.ws_url}/ws") as socket:
        socket.send('{"count": 20000, "size": 20}')
        assert digest(socket.recv(timeout=20)) == digest_of_pieces(20_000, 20)


@pytest.fixture(scope="module")
def node_proxy(folder: Path) -> Iterator[Sheaf]:
    """In front of the stock ws server."""
    port = free_port()
    command = ["node", str(CLIENTS / "fragments.cjs"), "serve", str(port)]
    with subprocess.Popen(command, env={**os.environ, "NODE_PATH": str(MODULES)}) as server:
        running = None
        try:
            wait_until(lambda: answers(port), 10, "the ws server answers")
            running = Sheaf(folder, f"http://127.0.0.1:{port}", AS_SHIPPED, ROUTES)
            yield running
        finally:
            if running:
                running.stop()
            server.kill()


def answers(port: int) -> bool:
    try:
        RawClient(port).close()
    except ConnectionRefusedError:
        return False
    return True


@pytest.mark.parametrize("way", PATHS)
def test_fragments_of_a_node_backend_pass(node_proxy: Sheaf, way: str) -> None:
    with RawWebSocket(node_proxy.port, PATHS[way], timeout=20) as socket:
        socket.send_frame(TEXT, b'{"count": 20000, "size": 9}')
        assert Reader(socket).read().summary == digest_of_pieces(20_000, 9)


@pytest.mark.parametrize("way", PATHS)
def test_backend_may_send_any_number_of_empty_fragments(folder: Path, way: str, make_recorder, make_sheaf) -> None:
    recorder = make_recorder(upgrade_answer, at_head=True)
    proxy = make_sheaf(recorder.url, None, ROUTES)
    with RawWebSocket(proxy.port, PATHS[way], timeout=20) as socket:
        upstream = recorder.latest.connection
        empty = frame(CONTINUATION, fin=False, masked=False)
        wire = frame(TEXT, b"a", fin=False, masked=False) + empty * 300_000 + frame(CONTINUATION, b"b", masked=False)
        threading.Thread(target=upstream.send, args=(wire,), daemon=True).start()
        assert Reader(socket).read().summary == digest(b"ab")


def test_half_a_message_is_passed_on_as_it_comes(make_recorder, make_sheaf) -> None:
    """With delivery off: fragments are not gathered."""
    recorder = make_recorder(upgrade_answer, at_head=True)
    proxy = make_sheaf(recorder.url, None, ROUTES)
    with RawWebSocket(proxy.port, "/off") as socket:
        upstream = recorder.latest.connection
        for number in range(3):
            upstream.send(frame(CONTINUATION if number else TEXT, b"part", fin=False, masked=False))
            received = socket.read_frame()
            assert received is not None and (received.payload, received.fin) == (b"part", False)


# ---- from clients


def in_frames(payload: bytes, size: int, *, opcode: int = BINARY, rsv: int = 0, empty_last: bool = False) -> bytes:
    """As a writer sends it that flushes every `size` bytes; some end with an empty frame."""
    parts = [payload[start : start + size] for start in range(0, len(payload), size)] + ([b""] if empty_last else [])
    wire = [
        frame(CONTINUATION if number else opcode, part, fin=number == len(parts) - 1, rsv=0 if number else rsv)
        for number, part in enumerate(parts)
    ]
    return b"".join(wire)


def send_raw(proxy: Sheaf, payload: bytes, wire: bytes, fields: str = "") -> None:
    with RawWebSocket(proxy.port, "/ws", fields, timeout=20) as socket:
        socket.send(wire)
        answer = whole(socket)
        assert (answer.opcode, content(answer).decode(errors="replace")) == (TEXT, digest(payload))


@pytest.mark.parametrize("size", [5_000_000, 16 * MIB])
def test_default_writer_of_gorilla_passes(proxy: Sheaf, size: int) -> None:
    """Frames of 4 KiB."""
    payload = os.urandom(MIB) * (size // MIB + 1)
    send_raw(proxy, payload[:size], in_frames(payload[:size], 4096))


@pytest.mark.parametrize("count,size", [(20_000, 1), (20_000, 20), (4_096, 4096)])
def test_writer_of_coder_passes(proxy: Sheaf, count: int, size: int) -> None:
    """A frame a call, and an empty one at the end."""
    payload = os.urandom(count * size)
    send_raw(proxy, payload, in_frames(payload, size, empty_last=True))


def test_many_small_messages_of_two_frames_each_pass(proxy: Sheaf) -> None:
    """Coder's Writer with small messages: half of all frames are empty."""
    with RawWebSocket(proxy.port, "/ws", timeout=20) as socket:
        socket.send((frame(TEXT, b"x", fin=False) + frame(CONTINUATION)) * 5_000)
        for _ in range(5_000):
            assert socket.read_message() == (TEXT, digest(b"x").encode())


def test_compressed_message_in_small_fragments_passes(proxy: Sheaf) -> None:
    payload = os.urandom(20_000) + bytes(100_000)
    deflate = zlib.compressobj(wbits=-15)
    data = (deflate.compress(payload) + deflate.flush(zlib.Z_SYNC_FLUSH))[:-4]
    send_raw(proxy, payload, in_frames(data, 2, rsv=4, empty_last=True), DEFLATE)


@pytest.mark.parametrize("compression", [None, "deflate"])
@pytest.mark.parametrize("count,size", [(50_000, 1), (20_000, 20)])
def test_generator_of_a_python_client_passes(proxy: Sheaf, compression: str | None, count: int, size: int) -> None:
    with connect(f"{proxy.ws_url}/ws", compression=compression) as socket:  # type: ignore[arg-type]
        socket.send(pieces(count, size))
        assert socket.recv(timeout=30) == digest_of_pieces(count, size)


def test_fragments_of_a_node_client_pass(node_proxy: Sheaf) -> None:
    assert node("fragments.cjs", "send", f"{node_proxy.ws_url}/ws", "20000", "9") == {"answer": "180000", "code": 1000}


# ---- floods

EMPTY = frame(CONTINUATION, fin=False)
FLOODS: dict[str, tuple[bytes, str]] = {
    "empty": (EMPTY, ""),
    "a byte each": (frame(CONTINUATION, b"x", fin=False), ""),
    "five bytes each": (frame(CONTINUATION, b"12345", fin=False), ""),
    "empty, compressed": (EMPTY, DEFLATE),
}


@pytest.mark.parametrize("kind", FLOODS)
def test_flood_of_fragments_that_carry_nothing_is_closed_with_1008(
    folder: Path, make_recorder, make_sheaf, kind: str
) -> None:
    """200,000 at once, with shipped options. What it costs is bounded, and a neighbour on the same worker feels nothing."""
    recorder = make_recorder(upgrade_answer, at_head=True)
    proxy = make_sheaf(recorder.url, {"workers": 1})
    fragment, fields = FLOODS[kind]
    with RawWebSocket(proxy.port, "/ws") as neighbour:
        beside = recorder.latest.connection
        with RawWebSocket(proxy.port, "/ws", fields) as socket:
            upstream = recorder.latest.connection
            before, cpu_before = proxy.memory_kib(), proxy.cpu_seconds()
            proxy.reset_peak()
            socket.send_quietly(frame(TEXT, b"", fin=False, rsv=4 if fields else 0) + fragment * 200_000)
            received = socket.read_close()
            beside.send(frame(TEXT, b"hello", masked=False))
            assert neighbour.read_message() == (TEXT, b"hello")
        assert received.code == 1008
        assert received.reason == "the client sent fragments over limits.max_tiny_fragment_rate"
        grown, cpu = proxy.memory_kib("VmHWM") - before, proxy.cpu_seconds() - cpu_before
    print(f"{kind}: memory grew by {grown} KiB at most, {cpu:.2f} s of CPU")
    assert is_sanitized() or grown < 2048
    assert len(upstream.received) < 150_000 * len(fragment), "the flood went on to the backend"
    proxy.wait_for_log("end=client_tiny_fragments")
    assert proxy.metric("sheaf_websocket_closes_total", reason="client_tiny_fragments") == 1


LITTLE = {"limits": {"max_tiny_fragment_rate": 10}}


def test_max_tiny_fragment_rate_lets_ten_seconds_worth_come_at_once(make_recorder, make_sheaf) -> None:
    recorder = make_recorder(upgrade_answer, at_head=True)
    proxy = make_sheaf(recorder.url, LITTLE)
    with RawWebSocket(proxy.port, "/ws") as socket:
        upstream = recorder.latest.connection
        socket.send(frame(TEXT, b"", fin=False) + EMPTY * 100)
        wait_until(lambda: upstream.received.count(EMPTY[:2]) >= 100, 3, "they reach the backend")
        socket.send(EMPTY * 100)
        assert socket.read_close().code == 1008


def test_what_is_no_fragment_or_carries_something_is_not_counted(make_recorder, make_sheaf) -> None:
    """Whole messages, first and last fragments, and any that are more payload than header."""
    recorder = make_recorder(upgrade_answer, at_head=True)
    proxy = make_sheaf(recorder.url, LITTLE)
    wire = frame(TEXT) + frame(TEXT, fin=False) + frame(CONTINUATION)
    wire += frame(TEXT, b"first", fin=False) + frame(CONTINUATION, b"123456", fin=False) + frame(CONTINUATION)
    with RawWebSocket(proxy.port, "/ws") as socket:
        upstream = recorder.latest.connection
        socket.send(wire * 1_000)
        wait_until(lambda: upstream.received.endswith(wire * 2), 5, "all of it reaches the backend")
        upstream.send(frame(TEXT, b"hello", masked=False))
        assert socket.read_message() == (TEXT, b"hello")


@pytest.mark.parametrize("most,code", [(0, 0), (10_000, 1008)])
def test_max_fragments_bounds_a_message_of_a_client_where_it_is_set(
    make_recorder, make_sheaf, most: int, code: int
) -> None:
    recorder = make_recorder(upgrade_answer, at_head=True)
    proxy = make_sheaf(recorder.url, {"limits": {"max_fragments": most}})
    with RawWebSocket(proxy.port, "/ws") as socket:
        upstream = recorder.latest.connection
        wire = in_frames(bytes(10_001 * 6), 6)
        socket.send(wire)
        if code:
            received = socket.read_close()
            assert (received.code, received.reason) == (
                code,
                "the client's message has more fragments than limits.max_fragments",
            )
        else:
            wait_until(lambda: upstream.received.endswith(wire[-12:]), 5, "all of it reaches the backend")
            upstream.send(frame(TEXT, b"hello", masked=False))
            assert socket.read_message() == (TEXT, b"hello")
