"""deflate.context = shared, from outside: frames are common where histories are, each client can inflate its own, and
nothing of one client's messages shows in what others get."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest

from harness.cohort import Member, say, window_offer
from harness.compression import OFFER, RSV1, STOCK_OFFER, deflated
from harness.decoding import DECODERS, normal_packet
from harness.fixtures import recorder_fixture
from harness.frames import BINARY, CONTINUATION, PING, TEXT, frame
from harness.leaky import MakeLeaky, leaky
from harness.ports import wait_until
from harness.recorder import Recorder, frames_at, upgrade_answer
from harness.sheaf import Sheaf

KIB = 1024
FULL = 400  # quotes that fill any window, so that what was before them is of no account
recorder = recorder_fixture(upgrade_answer, at_head=True)

Join = Callable[..., Member]


@pytest.fixture
def proxy(make_sheaf: Callable[..., Sheaf], recorder: Recorder) -> Sheaf:
    """One worker, so that all clients may share; without any history."""
    return make_sheaf(recorder.url, {"workers": 1})


@pytest.fixture
def join(proxy: Sheaf, recorder: Recorder) -> Iterator[Join]:
    """join(offer, path): one more client."""
    with ExitStack() as stack:
        yield lambda *arguments: stack.enter_context(closing(Member(proxy, recorder, *arguments)))


def quotes(seed: int, count: int) -> list[bytes]:
    """Such of some 100 bytes, which compress to a quarter behind each other and hardly by themselves."""
    source = random.Random(seed)
    quoted = [
        {"type": "price_update", "symbol": source.choice(("AAPL", "MSFT", "GOOG", "AMZN", "NVDA")),
         "price": round(source.uniform(100, 900), 2), "volume": source.randrange(10**6), "ts": 10**12 + n * 37}
        for n in range(count)
    ]
    return [json.dumps(one).encode() for one in quoted]


def fill(seed: int, said: Callable[[bytes], bool]) -> None:
    """Has so many quotes said that none of any window was before them: again, where Sheaf may not have known one."""
    for attempt in range(20):
        if all([said(text) for text in quotes(seed + 1000 * attempt, FULL)]):
            return
    raise AssertionError("no text in a row goes to all within half a second")


def payloads(member: Member, last: int) -> list[bytes]:
    """Of its last frames."""
    return [one.payload for one in member.frames[-last:]]


def is_small(member: Member, last: int) -> bool:
    """Whether its last frames, of quotes, are as small as with a context that has got them all."""
    return member.sizes(last) < 0.35 * last * len(quotes(0, 1)[0])


# ---- what is common


def test_clients_of_one_history_get_the_same_small_frames(join: Join) -> None:
    clients = [join() for _ in range(4)]
    fill(1, lambda text: say(clients, text))
    assert all(payloads(one, 40) == payloads(clients[0], 40) for one in clients)
    assert is_small(clients[0], 40)
    assert all(one.rsv == RSV1 for one in clients[0].frames[-40:])


def test_late_joiner_gets_the_same_content_and_soon_the_same_frames(join: Join) -> None:
    old = [join() for _ in range(3)]
    texts = quotes(2, 70)
    say(old, *texts[:60])
    late = join()
    say([*old, late], *texts[60:70])
    assert late.sizes(8) < 0.6 * sum(map(len, texts[62:70])), "one common message is enough to begin with"
    fill(21, lambda text: say([*old, late], text))
    assert payloads(late, 20) == payloads(old[0], 20)


def test_client_that_skipped_messages_comes_back(join: Join) -> None:
    clients = [join() for _ in range(3)]
    texts = quotes(3, 50)
    say(clients, *texts[:40])
    say(clients[1:], *texts[40:50])
    fill(31, lambda text: say(clients, text))
    assert is_small(clients[0], FULL - 10)
    assert payloads(clients[0], 20) == payloads(clients[1], 20)


def test_small_unicasts_leave_a_client_with_the_others(join: Join) -> None:
    clients = [join() for _ in range(3)]
    say(clients, *quotes(4, 40))
    numbers = itertools.count()

    def said(text: bytes) -> bool:
        say(clients[:1], b'{"status":"ok","ack":%d}' % next(numbers))
        return say(clients, text)

    fill(41, said)
    assert payloads(clients[0], 120)[1::2][-40:] == payloads(clients[1], 40)
    assert is_small(clients[1], 40)


def test_client_comes_back_after_large_unicasts(join: Join) -> None:
    clients = [join() for _ in range(3)]
    texts = quotes(5, 48)
    say(clients, *texts[:40])
    for number in range(8):
        say(clients[:1], b'{"type": "order", "number":%d,"note":"%s"}' % (number, random.Random(number).randbytes(150).hex().encode()))
        say(clients, texts[40 + number])
    fill(51, lambda text: say(clients, text))
    assert is_small(clients[1], 40)
    assert payloads(clients[0], 40) == payloads(clients[1], 40)


def test_clients_of_two_rooms_each_take_few_bytes(join: Join) -> None:
    clients = [join() for _ in range(12)]
    places = [(number % 4, (number + 1 + number // 4) % 4) for number in range(12)]
    rooms = [[one for one, its in zip(clients, places) if room in its] for room in range(4)]
    source = random.Random(6)
    streams = [iter(quotes(room, 200)) for room in range(4)]
    for _ in range(400):
        room = source.randrange(4)
        say(rooms[room], next(streams[room]))
    assert sum(is_small(one, 100) for one in clients) >= 10


# ---- what must not be common


@pytest.mark.parametrize("begin", ['{"type": "order_', '{"type": "price_'], ids=["another kind", "like broadcasts"])
@pytest.mark.parametrize("size", [128, 330, 5000])
def test_frames_do_not_tell_what_another_client_was_told(join: Join, size: int, begin: str) -> None:
    """What was told to one alone is news to the others: it takes the bytes that it takes to say it."""
    clients = [join() for _ in range(3)]
    texts = quotes(7, 100)
    say(clients, *texts[:20])
    for number, text in enumerate(texts[20:]):
        secret = random.Random(number).randbytes(50)
        say(clients[:1], (begin + secret.hex()).encode().ljust(size, b"."))
        if number % 2:
            say(clients, text)
        say(clients, b'{"type": "price_update", "note": "%s"}' % secret.hex().encode())
        assert all(len(one.frames[-1].payload) >= len(secret) for one in clients[1:])


# ---- whatever comes, it can be inflated


def mixed(source: random.Random, number: int) -> bytes:
    """Messages of many sizes, with parts of others."""
    size = source.choice((1, 20, 100, 100, 100, 300, 1200, 7400, 40_000))
    text = f"{number} "
    while len(text) < size:
        text += f"word{source.randrange(40)} " if source.random() < 0.9 else source.randbytes(4).hex()
    return text[:size].encode()


OFFERS = [STOCK_OFFER, window_offer(9), window_offer(10), window_offer(12), OFFER, ""]


def test_every_window_is_kept_in_one_broadcast(join: Join) -> None:
    clients = [join(offer) for offer in OFFERS for _ in range(2)]
    source = random.Random(8)
    for number in range(400):
        say(clients if number % 4 else source.sample(clients, 6), mixed(source, number))
    assert all(any(one.rsv == RSV1 for one in client.frames) == bool(client.answer) for client in clients)


def test_empty_messages_both_ways(join: Join) -> None:
    clients = [join(), join(), join(window_offer(9))]
    for text in quotes(9, 40):
        say(clients, text, b"")
        for client in clients:
            client.socket.send_frame(TEXT, deflated(b""), rsv=RSV1)
            client.socket.send_frame(TEXT, b"")
    wait_until(lambda: all(len(frames_at(one.backend)) >= 80 for one in clients), 5, "the backend has all of them")
    for client in clients:
        assert {(one.opcode, one.payload) for one in frames_at(client.backend)} == {(TEXT, b"")}


@pytest.mark.parametrize("size", [128 * KIB - 1, 128 * KIB + 1, 1 << 20])
def test_message_larger_than_a_line_remembers(join: Join, size: int) -> None:
    clients = [join(), join(), join(window_offer(9))]
    large = random.Random(size).randbytes(size // 2 + 1).hex().encode()[:size]
    texts = quotes(10, 60)
    say(clients, *texts[:20], large, *texts[20:40])
    say(clients[:1], large[::-1])
    say(clients, *texts[40:], large)


def test_ping_between_the_parts_of_a_message(join: Join) -> None:
    """Of a small message, and of one that is passed on piece by piece."""
    clients = [join(), join()]
    texts = quotes(11, 60)
    say(clients, *texts[:20])
    for size in (50, 3 * KIB * KIB):
        text = (b" ".join(texts) * (size // 5000 + 1))[: 2 * size]
        for client in clients:
            client.backend.send(frame(TEXT, text[:size], fin=False, masked=False) + frame(PING, b"x", masked=False))
            client.backend.send(frame(CONTINUATION, text[size:], masked=False))
        for client in clients:
            assert client.read() == (TEXT, text)
        say(clients, *texts[20:40])


def test_binary_messages_and_texts_share_a_history(join: Join) -> None:
    clients = [join(), join()]
    for number, text in enumerate(quotes(12, 60)):
        for client in clients:
            client.send(text, BINARY if number % 3 else TEXT)
        for client in clients:
            assert client.read() == (BINARY if number % 3 else TEXT, text)
    assert is_small(clients[0], 30)


def test_same_texts_again_and_again_to_some_of_all(join: Join) -> None:
    """Equal messages are one to Sheaf, wherever they stand in a client's history."""
    clients = [join() for _ in range(5)]
    source = random.Random(13)
    texts = quotes(13, 3)
    for _ in range(400):
        say(source.sample(clients, source.randrange(1, 6)), source.choice(texts))


def test_random_sets_of_random_clients(join: Join) -> None:
    clients = [join(source_offer) for source_offer in OFFERS[:4] * 2]
    source = random.Random(14)
    for number in range(800):
        if source.random() < 0.02:
            gone = clients.pop(source.randrange(len(clients)))
            gone.close()
            clients.append(join(source.choice(OFFERS[:4])))
        say(source.sample(clients, source.choice((1, 1, 2, 5, 8, 8, 8))), mixed(source, number))


@pytest.mark.parametrize("path", ["/ws", *(f"/ws?sheaf={envelope}" for envelope in DECODERS)])
def test_corked_and_enveloped_clients(join: Join, path: str) -> None:
    """In bursts, so that there is something to gather, each client with another window."""
    clients = [join(offer, path) for offer in OFFERS for _ in range(2)]
    decode = DECODERS.get(path.partition("=")[2], lambda opcode, payload: [(opcode, payload)])
    texts = [b'42["quote",%s]' % text for text in quotes(15, 400)]
    for begin in range(0, 400, 40):
        burst = texts[begin : begin + 40]
        for client in clients:
            client.backend.send(b"".join(frame(TEXT, text, masked=False) for text in burst))
        for client in clients:
            received: list[bytes] = []
            while len(received) < 40:
                received += [normal_packet(payload) for _, payload in decode(*client.read())]
            assert received == list(map(normal_packet, burst))


def test_what_is_dropped_for_memory_leaves_all_decodable(make_leaky: MakeLeaky, recorder: Recorder) -> None:
    proxy = leaky(make_leaky, recorder.url, idle_after="1h")
    source = random.Random(16)
    texts = iter(quotes(16, 1000))
    with ExitStack() as stack:
        clients = [stack.enter_context(closing(Member(proxy, recorder, offer))) for offer in OFFERS[:4] * 2]
        for level in ("normal", "high", "normal", "moderate", "high", "normal"):
            proxy.go_to(level)
            for number in range(60):
                say(clients, next(texts))
                say(source.sample(clients, 3), mixed(source, number))
        assert proxy.relief("drop_contexts") >= 2
        say(clients, *itertools.islice(texts, 60))
        assert is_small(clients[0], 40), "contexts are kept again"


# ---- what is agreed on


def test_reload_from_own_to_shared_to_none(make_reloadable: Callable[..., Sheaf], recorder: Recorder) -> None:
    """A session keeps what it has begun with, in one broadcast with the others."""
    proxy = make_reloadable(recorder.url, {"workers": 1, "deflate": {"context": "own"}})
    texts = iter(quotes(17, 400))
    with ExitStack() as stack:
        clients: dict[str, list[Member]] = {}
        for context in ("own", "shared", "none"):
            proxy.reload({"deflate": {"context": context}})  # type: ignore[attr-defined]
            clients[context] = [stack.enter_context(closing(Member(proxy, recorder))) for _ in range(2)]
            say(itertools.chain(*clients.values()), *itertools.islice(texts, 60))
        none, shared = clients["none"][0], clients["shared"][0]
        assert "server_no_context_takeover" in none.answer and "server_no_context_takeover" not in shared.answer
        assert is_small(shared, 40) and not is_small(none, 40)


@pytest.mark.parametrize(
    "offer,agreed",
    [
        (STOCK_OFFER, {"server_max_window_bits": None, "server_no_context_takeover": None}),
        (window_offer(9), {"server_max_window_bits": "9", "server_no_context_takeover": None}),
        (window_offer(12), {"server_max_window_bits": "12", "server_no_context_takeover": None}),
        (OFFER, {"server_max_window_bits": None, "server_no_context_takeover": ""}),
    ],
    ids=["stock", "9 bits", "12 bits", "no takeover"],
)
def test_answer_is_what_any_server_with_a_context_says(join: Join, offer: str, agreed: dict[str, str | None]) -> None:
    name, *rest = [part.strip() for part in join(offer).answer.split(";")]
    said = {key: value for key, _, value in (part.partition("=") for part in rest)}
    assert name == "permessage-deflate"
    assert {key: said.get(key) for key in agreed} == agreed
    assert said.keys() - agreed.keys() <= {"client_max_window_bits", "client_no_context_takeover"}


def test_client_without_an_offer_gets_plain_frames(join: Join) -> None:
    plain, other = join(""), join()
    say([plain, other], *quotes(18, 40))
    assert plain.answer == "" and all(one.rsv == 0 for one in plain.frames)
