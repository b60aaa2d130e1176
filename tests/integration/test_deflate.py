"""permessage-deflate at the edge (RFC 7692): what is agreed, what passes, and what a hostile client gets."""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.sync.client import connect

from harness.backend import Backend
from harness.browser import open_page
from harness.clients_js import node
from harness.compression import OFFER, RSV1, content, deflated, whole
from harness.frames import BINARY, CONTINUATION, PING, PONG, TEXT, RawWebSocket, frame
from harness.ports import wait_until
from harness.recorder import Recorder, upgrade_answer
from harness.sheaf import Sheaf

MAX_MESSAGE = 1 << 20


@pytest.fixture(scope="module")
def proxy(folder: Path, backend: Backend) -> Iterator[Sheaf]:
    """As shipped, but for a limit that is cheap to exceed, compression of every size, and a route with takeover off."""
    routes = [{"path": "/ws/quotes", "deflate": False}]
    conf = {"limits": {"max_message": MAX_MESSAGE, "max_fragments": 64}, "deflate": {"threshold": 0}}
    running = Sheaf(folder, backend.url, conf, routes)
    yield running
    running.stop()


def extension(proxy: Sheaf, *offers: str, path: str = "/ws/echo") -> str | None:
    """The extension in the 101, for these Sec-WebSocket-Extensions lines."""
    with RawWebSocket(proxy.port, path, "".join(f"Sec-WebSocket-Extensions: {offer}\n" for offer in offers)) as socket:
        answers = socket.handshake.all("sec-websocket-extensions")
        assert len(answers) <= 1
        return answers[0] if answers else None


def parameters(answer: str) -> dict[str, str]:
    name, *rest = [part.strip() for part in answer.split(";")]
    assert name == "permessage-deflate"
    pairs = [part.partition("=") for part in rest]
    assert len({key for key, _, _ in pairs}) == len(pairs), "a parameter stands twice"
    return {key: value for key, _, value in pairs}


# ---- negotiation

ONE_SIDED = {"client_no_context_takeover": ""}
NO_TAKEOVER = {"server_no_context_takeover": "", **ONE_SIDED}


@pytest.mark.parametrize(
    "offer,agreed",
    [
        ("permessage-deflate", {}),
        ("permessage-deflate; client_max_window_bits", {}),
        ("permessage-deflate; client_max_window_bits=10", {}),
        ("permessage-deflate; server_max_window_bits=10", {"server_max_window_bits": "10"}),
        ('permessage-deflate; server_max_window_bits="10"', {"server_max_window_bits": "10"}),
        ("permessage-deflate; server_max_window_bits=9; client_max_window_bits=9",
         {"server_max_window_bits": "9"}),
        ("permessage-deflate;server_no_context_takeover;client_no_context_takeover", {}),
        ("foo, permessage-deflate", {}),
        ("permessage-deflate; server_max_window_bits=16, permessage-deflate", {}),
        ("permessage-deflate; x, permessage-deflate; server_max_window_bits=12", {"server_max_window_bits": "12"}),
    ],
)
def test_offer_is_accepted_with_what_it_asks(proxy: Sheaf, offer: str, agreed: dict[str, str]) -> None:
    answer = extension(proxy, offer)
    assert answer is not None
    seen = parameters(answer)
    kept = NO_TAKEOVER if "server_no_context_takeover" in offer else ONE_SIDED
    assert {key: seen.pop(key, "missing") for key in kept} == kept
    # A client that offers a window keeps to it without being told (7.1.2.2); one that does not may not be told any.
    assert int(seen.pop("client_max_window_bits", "9")) <= 15
    assert "client_max_window_bits" not in answer or "client_max_window_bits" in offer
    assert seen in (agreed, {**agreed, "server_max_window_bits": "15"})


@pytest.mark.parametrize(
    "offer",
    [
        "permessage-deflate; server_max_window_bits=7",
        "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; server_max_window_bits=8",
        "permessage-deflate; server_max_window_bits=010",
        "permessage-deflate; server_max_window_bits",
        "permessage-deflate; server_max_window_bits=",
        "permessage-deflate; client_max_window_bits=7",
        "permessage-deflate; client_max_window_bits=16",
        "permessage-deflate; client_max_window_bits=1x",
        "permessage-deflate; client_max_window_bits; client_max_window_bits",
        "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        "permessage-deflate; server_max_window_bits=10; server_max_window_bits=10",
        "permessage-deflate; server_no_context_takeover=1",
        "permessage-deflate; unknown",
        'permessage-deflate; server_max_window_bits="10',
        "permessage-bzip2",
        "x-webkit-deflate-frame",
        "permessage-deflate x",
        ";",
        ",",
    ],
)
def test_offer_that_is_wrong_is_declined_and_the_session_stands(proxy: Sheaf, offer: str) -> None:
    """Hardening row 56."""
    with RawWebSocket(proxy.port, "/ws/echo", f"Sec-WebSocket-Extensions: {offer}\n") as socket:
        assert socket.handshake.get("sec-websocket-extensions") is None
        socket.send_frame(TEXT, b"hello")
        assert socket.read_message() == (TEXT, b"hello")


def test_offers_on_several_lines_are_one_list(proxy: Sheaf) -> None:
    answer = extension(proxy, "foo", "permessage-deflate; server_max_window_bits=11")
    assert answer is not None and parameters(answer)["server_max_window_bits"] == "11"


def test_without_contexts_neither_side_keeps_one(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url, {"deflate": {"context": "none"}})
    assert parameters(extension(proxy, "permessage-deflate") or "") == NO_TAKEOVER


def test_configured_window_is_the_largest(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url, {"deflate": {"window_bits": 11, "threshold": 0}})
    answer = parameters(extension(proxy, "permessage-deflate; client_max_window_bits") or "")
    assert (answer["server_max_window_bits"], answer["client_max_window_bits"]) == ("11", "11")
    # A client that does not offer client_max_window_bits may use 15.
    with RawWebSocket(proxy.port, "/ws/echo", "Sec-WebSocket-Extensions: permessage-deflate\n") as socket:
        data = random.Random(1).randbytes(20_000) * 2
        assert zlib.decompressobj(-15).decompress(deflated(data)) == data and len(deflated(data)) < 25_000
        socket.send_frame(BINARY, deflated(data), rsv=RSV1)
        assert content(whole(socket), 11) == data


def test_route_and_section_can_switch_it_off(proxy: Sheaf, make_sheaf, backend: Backend) -> None:
    assert extension(proxy, "permessage-deflate", path="/ws/quotes") is None
    assert extension(make_sheaf(backend.url, {"deflate": {"enabled": False}}), "permessage-deflate") is None


def test_it_is_never_offered_upstream(make_recorder, make_sheaf) -> None:
    recorder: Recorder = make_recorder(upgrade_answer, at_head=True)
    proxy = make_sheaf(recorder.url)
    with RawWebSocket(proxy.port, "/ws", OFFER) as socket:
        socket.send_frame(TEXT, deflated(b"hello"), rsv=RSV1)
        wait_until(lambda: len(recorder.latest.connection.received) > len(recorder.latest.head) + 10, 3, "it arrives")
    assert b"extensions" not in recorder.received.lower() and b"deflate" not in recorder.received.lower()
    assert recorder.latest.connection.received[len(recorder.latest.head)] == 0x81, "text, not compressed"


# ---- messages

SIZES = [0, 1, 5, 125, 126, 127, 1000, 65_535, 65_536, 300_000, MAX_MESSAGE]


def samples(size: int) -> dict[str, bytes]:
    source = random.Random(size)
    return {
        "even": b"a" * size,
        "json": (b'{"symbol":"AAPL","price":%d},' * (size // 20 + 1))[:size],
        "random": source.randbytes(size),
    }


@pytest.mark.parametrize("size", SIZES)
def test_compressed_message_of_any_size_is_echoed(proxy: Sheaf, size: int) -> None:
    with RawWebSocket(proxy.port, "/ws/echo", OFFER) as socket:
        for level in (0, 1, 9) if size < MAX_MESSAGE else (1, 9):
            for name, data in samples(size).items():
                if len(deflated(data, level)) > MAX_MESSAGE:
                    continue  # see the next test
                socket.send_frame(BINARY, deflated(data, level), rsv=RSV1)
                received = whole(socket)
                assert content(received) == data
                if name != "random" and size > 100:
                    assert len(received.payload) < size, "what compresses well is not compressed"


def test_incompressible_message_of_the_largest_size_is_echoed(proxy: Sheaf) -> None:
    """Browsers compress whatever they send: 80 bytes a MiB must not turn a legal message into one that is too large."""
    data = samples(MAX_MESSAGE)["random"]
    assert MAX_MESSAGE < len(deflated(data)) < MAX_MESSAGE + 500
    with RawWebSocket(proxy.port, "/ws/echo", OFFER) as socket:
        socket.send_frame(BINARY, deflated(data), rsv=RSV1)
        assert content(whole(socket)) == data


@pytest.mark.parametrize("cut", [1, 2, 3, 100, 100_000])
def test_fragments_of_a_compressed_message(proxy: Sheaf, cut: int) -> None:
    """Cut anywhere, even into empty fragments, with a ping between."""
    data = samples(300_000)["json"] if cut > 10 else b"hello hello hello hello, wide world"
    packed = deflated(data)
    parts = [packed[at : at + cut] for at in range(0, len(packed), cut)]
    if len(parts) > 50:
        parts = [*parts[:50], b"".join(parts[50:])]
    with RawWebSocket(proxy.port, "/ws/echo", OFFER) as socket:
        socket.send_frame(TEXT, parts[0], fin=False, rsv=RSV1)
        socket.send_frame(CONTINUATION, b"", fin=False)
        socket.send_frame(PING, b"x")
        for part in parts[1:]:
            socket.send_frame(CONTINUATION, part, fin=False)
        socket.send_frame(CONTINUATION, b"")
        pong = socket.read_frame()
        assert pong is not None and pong.opcode == PONG and pong.rsv == 0
        assert content(whole(socket)) == data


@pytest.mark.parametrize("payload", [b"\x00", b"\x02\x00", b"\x03\x00"])
def test_every_form_of_the_empty_message(proxy: Sheaf, payload: bytes) -> None:
    """RFC 7692 7.2.3.6: an empty message is one byte 00; 03 00 is an empty final block, which 7.2.3.4 allows too."""
    with RawWebSocket(proxy.port, "/ws/echo", OFFER) as socket:
        socket.send_frame(TEXT, payload, rsv=RSV1)
        assert content(whole(socket)) == b""
        socket.send_frame(TEXT, deflated(b"next"), rsv=RSV1)
        assert content(whole(socket)) == b"next"


def test_examples_of_the_rfc(proxy: Sheaf) -> None:
    """RFC 7692 7.2.3: two blocks, no compression, a final block, a shared window without takeover."""
    forms = ["f248cdc9c90700", "f248050000 00ffffcac9c90700", "000500faff48656c6c6f00", "f348cdc9c9070000"]
    with RawWebSocket(proxy.port, "/ws/echo", OFFER) as socket:
        for form in forms:
            socket.send_frame(TEXT, bytes.fromhex(form), rsv=RSV1)
            assert content(whole(socket)) == b"Hello"


def test_uncompressed_message_passes_on_a_compressed_session(proxy: Sheaf) -> None:
    with RawWebSocket(proxy.port, "/ws/echo", OFFER) as socket:
        for data in (b"plain", b"", "é".encode()):
            socket.send_frame(TEXT, data)
            assert content(whole(socket)) == data
        socket.send(frame(TEXT, b"pl", fin=False) + frame(CONTINUATION, b"ain"))
        assert content(whole(socket)) == b"plain"


def test_threshold_leaves_small_frames_alone(sheaf: Sheaf) -> None:
    with RawWebSocket(sheaf.port, "/ws/echo", OFFER) as socket:
        for size, rsv in ((255, 0), (256, RSV1)):
            socket.send_frame(TEXT, b"x" * size)
            assert whole(socket).rsv == rsv


def test_without_takeover_each_message_stands_alone(proxy: Sheaf) -> None:
    data = random.Random(3).randbytes(2000)
    with RawWebSocket(proxy.port, "/ws/echo", OFFER) as socket:
        for _ in range(3):
            socket.send_frame(BINARY, deflated(data), rsv=RSV1)
            assert content(whole(socket)) == data


@pytest.mark.parametrize("window", [9, 10, 15])
def test_server_window_is_kept(proxy: Sheaf, window: int) -> None:
    data = random.Random(7).randbytes(1500) * 20 + samples(50_000)["json"]
    fields = f"Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits={window}\n"
    with RawWebSocket(proxy.port, "/ws/echo", fields) as socket:
        socket.send_frame(BINARY, deflated(data), rsv=RSV1)
        assert content(whole(socket), window) == data


@pytest.mark.parametrize("takeover", [False, True], ids=["no takeover", "takeover"])
@pytest.mark.parametrize("bits", [None, 9, 12])
def test_stock_python_client_with_every_choice(proxy: Sheaf, takeover: bool, bits: int | None) -> None:
    offer = ClientPerMessageDeflateFactory(
        server_no_context_takeover=not takeover, server_max_window_bits=bits, client_max_window_bits=bits or True
    )
    with connect(f"{proxy.ws_url}/ws/echo", extensions=[offer], compression=None, max_size=None) as socket:
        for size in (0, 1, 300, 70_000, 700_000):
            text = ('{"symbol":"é𝄞","price":1},' * (size // 20 + 1))[:size]
            socket.send(text)
            assert socket.recv() == text
            socket.send([text.encode()[:10], text.encode()[10:]])
            assert socket.recv() == text.encode()


def test_stock_node_client_compresses(proxy: Sheaf) -> None:
    seen = node("ws.cjs", f"{proxy.ws_url}/ws/echo")
    assert "permessage-deflate" in str(seen["extensions"])
    assert (seen["received"], seen["inOrder"], seen["code"]) == (200, True, 4001)


def test_chromium_compresses_both_ways(sheaf: Sheaf, tmp_path: Path) -> None:
    """A browser's own implementation: texts of every size, and a binary one."""
    inflated_before = sheaf.metric("sheaf_inflate_messages_total")
    with open_page(f"{sheaf.url}/status/200", tmp_path) as page:
        page.evaluate(
            """
            globalThis.wrong = globalThis.count = 0;
            globalThis.echo = new WebSocket(`ws://${location.host}/ws/echo`);
            echo.binaryType = 'arraybuffer';
            const sent = [0, 1, 300, 70000, 1000000].map((size) => 'é𝄞{"price":1}'.repeat(size / 10));
            echo.onopen = () => { sent.forEach((text) => echo.send(text)); echo.send(new Uint8Array(100000)); };
            echo.onmessage = ({data}) => {
              const same = count < sent.length ? data === sent[count] : data.byteLength === 100000;
              wrong += same ? 0 : 1;
              ++count;
            };
            """
        )
        wait_until(lambda: page.evaluate("count") == 6, 20, "six echoes come back")
        assert page.evaluate("wrong") == 0
        assert "permessage-deflate" in str(page.evaluate("echo.extensions"))
    assert sheaf.metric("sheaf_inflate_messages_total") - inflated_before >= 5


# ---- figures

def test_bytes_are_counted_on_both_sides_of_the_compression(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url, {"workers": 1})
    data = b"counting " * 1000
    packed = deflated(data)
    with RawWebSocket(proxy.port, "/ws/echo", OFFER) as socket:
        socket.send_frame(TEXT, packed, rsv=RSV1)
        answer = whole(socket)
    assert proxy.metric("sheaf_inflate_messages_total") == 1
    assert proxy.metric("sheaf_inflate_input_bytes_total") == len(packed)
    assert proxy.metric("sheaf_inflate_output_bytes_total") == len(data)
    assert proxy.metric("sheaf_deflate_messages_total") == 1
    assert proxy.metric("sheaf_deflate_input_bytes_total") == len(data)
    assert proxy.metric("sheaf_deflate_output_bytes_total") == len(answer.payload)
    assert proxy.metric("sheaf_message_bytes_to_upstream_total") == len(data)
    assert proxy.metric("sheaf_message_bytes_to_clients_total") == len(data)


def test_bytes_are_counted_for_each_client_of_a_route(make_sheaf, backend: Backend) -> None:
    """Compressed, too small for it, or compressed in parts; of a client that agreed on nothing none."""
    proxy: Sheaf = make_sheaf(backend.url, {"workers": 1}, [{"path": "/ws"}])
    sent = received = 0
    for _ in range(2):
        with RawWebSocket(proxy.port, "/ws/echo", OFFER) as socket, RawWebSocket(proxy.port, "/ws/echo") as plain:
            for data in (b"counting " * 1000, b"few", samples(500_000)["json"]):
                plain.check_echo(data)
                socket.send_frame(BINARY, data)
                answer = whole(socket)
                assert content(answer) == data
                sent += len(data)
                received += len(answer.payload)
    assert proxy.metric("sheaf_deflate_route_input_bytes_total", route="/ws") == sent
    assert proxy.metric("sheaf_deflate_route_output_bytes_total", route="/ws") == received
    assert proxy.metric("sheaf_deflate_route_input_bytes_total", route="/") == 0
