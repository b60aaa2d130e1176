"""The Python decoders by themselves: golden vectors, and the law of envelopes.md."""

from __future__ import annotations

import json
import random
import subprocess
import tracemalloc
from typing import Any

import pytest
from sheaf_batch import EnvelopeError, Message, decode_frame, with_envelope

from harness.encoding import ENCODERS, MAGIC, PREFIX, encode
from harness.sheaf import BINARY, ROOT

VECTORS = json.loads((ROOT / "tests/vectors/envelopes.json").read_text())


def cases(kind: str) -> list[Any]:
    return [
        pytest.param(envelope, vector, id=f"{envelope}: {vector['name']}")
        for envelope, lists in VECTORS.items()
        for vector in lists[kind]
    ]


def payload(item: dict[str, Any]) -> Message:
    """The payload of a message or frame of the vectors."""
    data = item["data"]
    if isinstance(data, list):
        data = "".join(piece if isinstance(piece, str) else piece[0] * piece[1] for piece in data)
    return data if item["type"] == "text" else bytes.fromhex(data)


def same_packet(got: Message, wanted: Message) -> bool:
    """Equal, or, as rebuilt events are allowed to be, equal but for white space around name and argument."""
    if got == wanted or isinstance(got, bytes) or isinstance(wanted, bytes):
        return got == wanted
    head, bracket, rest = wanted.partition("[")
    # repr: NaN is not equal to itself
    return got.startswith(head + bracket) and repr(json.loads(got[len(head) :])) == repr(json.loads(bracket + rest))


@pytest.mark.parametrize("envelope,vector", cases("encode"))
def test_frames_of_the_vectors_give_the_messages(envelope: str, vector: dict[str, Any]) -> None:
    got = [message for frame in vector["frames"] for message in decode_frame(envelope, payload(frame))]
    wanted = [payload(message) for message in vector["messages"]]
    if envelope == "socketio-event":
        assert len(got) == len(wanted) and all(map(same_packet, got, wanted)), got
    else:
        assert got == wanted


@pytest.mark.parametrize("envelope,vector", cases("decode"))
def test_each_frame_of_the_vectors_is_taken_apart_as_they_say(envelope: str, vector: dict[str, Any]) -> None:
    if vector.get("error"):
        with pytest.raises(EnvelopeError):
            decode_frame(envelope, payload(vector["frame"]))
    else:
        assert decode_frame(envelope, payload(vector["frame"])) == [payload(message) for message in vector["messages"]]


PIECES = ["42", "4", "45", "2", "/n,", "7", "\x1e", "[", "]", "{", "}", ",", ":", '"', "\\", " ", "\n", "é", "𝄞"]
PIECES += ["1e999"]
WHOLE = ['{"a":[1,"],["]}', '"\\"\\ud800\\\\"', "[[],[{}]]", " [2] ", "", "null", '{"k":1,"k":2}', "NaN", PREFIX]
WHOLE += [f'{PREFIX}1,"messages":[1]}}', f'{PREFIX}1,"text":"a"}}', f'{PREFIX}2,"messages":[1]}}', PREFIX[:-1]]
NAMES = ["a", "batch", "connect", 'q"],[\\', "é\x1e"]
ARGUMENTS: list[Any] = [1, None, "],[", {"event": "x"}, [{}], {"type": "batch", "batch_size": 1, "messages": [{}]}]


def random_text(chance: random.Random) -> str:
    kind = chance.random()
    if kind < 0.3:
        return chance.choice(WHOLE)
    if kind < 0.6:
        count = chance.choice([1, 1, 1, 0, 2])
        array = [chance.choice(NAMES), *chance.choices(ARGUMENTS, k=count)]
        return f"42{chance.choice(['', '', '/n,', '/m,', '3'])}{json.dumps(array)}"
    return "".join(chance.choices(PIECES, k=chance.randrange(1, 9)))


def random_messages(chance: random.Random, envelope: str) -> list[Message]:
    messages: list[Message] = []
    for _ in range(chance.randrange(1, 9)):
        text = random_text(chance)
        if chance.random() < 0.1 and messages and isinstance(messages[-1], str):
            text = str(encode(envelope, messages[-1:] * 2)[0])  # an app that sends what Sheaf would
        messages.append(text if chance.random() < 0.8 else chance.choice([b"", MAGIC]) + text.encode())
    return messages


@pytest.mark.parametrize("envelope", ENCODERS)
def test_decoding_undoes_encoding(envelope: str) -> None:
    chance = random.Random(3)
    batches = 0
    for _ in range(5000):
        messages = random_messages(chance, envelope)
        sent = encode(envelope, messages)
        batches += len(sent) < len(messages)
        got = [message for frame in sent for message in decode_frame(envelope, frame)]
        if envelope == "socketio-event":
            assert len(got) == len(messages) and all(map(same_packet, got, messages)), (messages, sent, got)
        else:
            assert got == messages, sent
    assert batches > 100


def piece(text: str) -> Message:
    """A message or a frame of the corpus."""
    data = bytes.fromhex(text[1:])
    return data.decode() if text[0] == "t" else data


def test_decoding_undoes_what_sheaf_encodes() -> None:
    """Random sequences through the C++ encoders (tests/unit/batching/envelope_corpus.cc)."""
    corpus = subprocess.run([BINARY.parent / "tests/envelope_corpus", "3000"], capture_output=True, text=True, check=True)
    saved = dict.fromkeys(ENCODERS, 0)
    for line in corpus.stdout.splitlines():
        case = json.loads(line)
        saved[case["envelope"]] += len(case["messages"]) - len(case["frames"])
        got = [message for frame in case["frames"] for message in decode_frame(case["envelope"], piece(frame))]
        # A rebuilt event has lost its white space, one that came alone has not.
        pairs = [{piece(sent), piece(canonical)} for sent, canonical in zip(case["messages"], case["canonical"])]
        assert len(got) == len(pairs) and all(one in pair for one, pair in zip(got, pairs)), (line, got)
    assert all(count > 300 for count in saved.values()), saved


@pytest.mark.parametrize("envelope", ENCODERS)
def test_bytes_of_any_kind_raise_nothing_but_envelope_errors(envelope: str) -> None:
    """Each frame of a batch, cut and changed at every place: the messages come back or the frame does."""
    batch = encode(envelope, ['42["a",{"b":"c"}]', '42["d",2]'] if "io" in envelope else ['{"a":["b\\n"]}', "[2]"])[0]
    assert len(decode_frame(envelope, batch)) == 2
    for place in range(len(batch)):
        for other in ('"', "\\", "[", "}", "9", "\x1e"):
            put = other if isinstance(batch, str) else other.encode()
            for changed in (batch[:place], batch[:place] + put + batch[place + 1 :]):  # type: ignore[operator]
                try:
                    assert decode_frame(envelope, changed)
                except EnvelopeError:
                    assert envelope == "binary"


def test_great_messages_need_no_great_memory_or_recursion() -> None:
    escapes = '"' + "\\n" * 1_000_000 + '"'
    strings = "[" + ",".join(['"a"'] * 500_000) + "]"
    tracemalloc.start()
    for message in (escapes, strings, "[" * 99_999 + "]" * 99_999):
        assert decode_frame("json", f'{PREFIX}2,"messages":[{message},1]}}') == [message, "1"]
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 30_000_000  # the longest message four times; a careless expression takes hundreds of megabytes
    count = "9" * 5000
    frame = f'{PREFIX}{count},"messages":[1]}}'
    assert decode_frame("json", frame) == [frame]


@pytest.mark.parametrize(
    "url,asked",
    [
        ("ws://h/p", "ws://h/p?sheaf=json"),
        ("ws://h", "ws://h?sheaf=json"),
        ("ws://h/p?", "ws://h/p?sheaf=json"),
        ("ws://h/p?b=%2f&a&b=", "ws://h/p?b=%2f&a&b=&sheaf=json"),
        ("ws://h/p?sheaf=binary&x=1&%73heaf=a", "ws://h/p?x=1&sheaf=json"),
        ("http://h/?xsheaf=1#f?g", "http://h/?xsheaf=1&sheaf=json#f?g"),
    ],
)
def test_query_keeps_everything_but_the_envelope(url: str, asked: str) -> None:
    assert with_envelope(url, "json") == asked


def test_unknown_envelopes_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown envelope"):
        decode_frame("xml", "")
    with pytest.raises(ValueError, match="unknown envelope"):
        with_envelope("ws://h", "xml")
