#!/usr/bin/env python3
"""Writes mux.json, the golden vectors of proxy/wire/mux_frame.md (see README.md). Run it after a change here."""

import json
import pathlib
import struct

TYPES = ("hello", "open", "accept", "refuse", "body", "text", "binary", "multicast", "group", "credit", "close", "goaway",
         "ping", "pong")
GROUP, BINARY, MORE = 1 << 5, 1 << 6, 1 << 7
FLAGS = {"group": GROUP, "binary": BINARY, "more": MORE}

MAX_FRAME = 131072
MAX_PAYLOAD, MAX_LIST_PAYLOAD, MAX_PAYLOAD_UP = 65535, 131064, 16384
MAX_STREAM = 2**32 - 1
ALLOWED = {"open": MORE, "accept": MORE, "refuse": MORE, "body": MORE, "text": MORE, "binary": MORE}
LINK = ("hello", "goaway", "ping", "pong")
BY_APP = ("accept", "refuse", "body", "multicast", "group")

UPGRADE = ((b"connection", b"Upgrade"), (b"upgrade", b"websocket"))
REQUEST = ((b"host", b"example.org"), (b"sec-websocket-version", b"13"), (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="),
           *UPGRADE)


def header(kind, length, stream, flags=0):
    """The 8 bytes in front of a payload of `length` bytes; `kind` is a name of TYPES, or a number."""
    number = TYPES.index(kind) if isinstance(kind, str) else kind
    return struct.pack("<II", number | flags | length << 8, stream)


def record(kind, payload=b"", stream=0, flags=0):
    """A record as bytes."""
    return header(kind, len(payload), stream, flags) + payload


def text(data):
    """A text with a length."""
    return struct.pack("<H", len(data)) + data


def block(fields):
    """A field block of pairs of bytes."""
    lengths = b"".join(struct.pack("<HH", len(name), len(value)) for name, value in fields)
    return struct.pack("<H", len(fields)) + lengths + b"".join(name + value for name, value in fields)


def ids(streams):
    """A count and as many streams."""
    return struct.pack(f"<I{len(streams)}I", len(streams), *streams)


def packed(data):
    """A list of hexadecimal strings; what repeats every four bytes as a pair with its count, and numbers that count up as
    `{"from", "count"}`."""
    parts, plain, at = [], 0, 0
    while at < len(data):
        unit, times = data[at:at + 4], 1
        while data[at + 4 * times:at + 4 * times + 4] == unit:
            times += 1
        ascending = 1
        first = int.from_bytes(unit, "little")
        while data[at + 4 * ascending:at + 4 * ascending + 4] == struct.pack("<Q", first + ascending)[:4]:
            ascending += 1
        if max(times, ascending) < 32:
            at += 1
            continue
        if plain < at:
            parts.append(data[plain:at].hex())
        parts.append([unit.hex(), times] if times > ascending else {"from": first, "count": ascending})
        plain = at = at + 4 * max(times, ascending)
    return parts + ([data[plain:].hex()] if plain < len(data) else [])


def said(kind, length, stream=0, flags=(), **values):
    """What a decoder must say of a record; bytes and streams among the values are packed."""
    entry = {"type": kind, "stream": stream, "flags": list(flags), "length": length}
    for name, value in values.items():
        if isinstance(value, bytes):
            value = packed(value)
        elif name == "fields":
            value = [[packed(part) for part in field] for field in value]
        elif name == "streams":
            value = packed(struct.pack(f"<{len(value)}I", *value))
        entry[name] = value
    return entry


VECTORS = []


def add(name, to, frames, records=(), error=""):
    """A vector: `frames` (bytes, or a list of them) arrive at the end `to`."""
    frames = [frames] if isinstance(frames, bytes) else frames
    assert all(len(frame) <= MAX_FRAME for frame in frames), name
    VECTORS.append({"name": name, "to": to, "frames": [packed(frame) for frame in frames], "records": list(records),
                    "error": error})


def both(name, *args, **kwargs):
    """The same towards the app and towards the proxy."""
    add(f"{name}, up", "app", *args, **kwargs)
    add(f"{name}, down", "proxy", *args, **kwargs)


def one(name, to, kind, data, stream=0, flags=(), **values):
    """A frame of one record that is right."""
    bits = sum(FLAGS[flag] for flag in flags)
    add(name, to, record(kind, data, stream, bits), [said(kind, len(data), stream, flags, **values)])


def hello(lowest=1, highest=1, traits=0, process=0, link_window=0, session_window=16384, largest_message=0):
    """The payload of a HELLO."""
    return struct.pack("<8sHHIQIII", b"SHEAFMUX", lowest, highest, traits, process, link_window, session_window,
                       largest_message)


def hellos():
    def right(name, to, behind=b"", **values):
        every = {"lowest": 1, "highest": 1, "traits": 0, "process": 0, "link_window": 0, "session_window": 16384,
                 "largest_message": 0, **values}
        one(name, to, "hello", hello(**every) + behind, **every)

    right("the proxy's HELLO", "app", session_window=262144, largest_message=16 << 20)
    right("the app's HELLO", "proxy", process=0x0123456789ABCDEF, link_window=49152, session_window=262144)
    right("the app's HELLO with siblings", "proxy", traits=1, process=7)
    right("a HELLO with traits that nobody knows yet", "proxy", traits=0xFFFFFFFF, process=7)
    right("a HELLO with every number at its largest", "proxy", lowest=65535, highest=65535, traits=1, process=2**64 - 1,
          link_window=2**32 - 1, session_window=2**32 - 1, largest_message=2**32 - 1)
    right("a HELLO of two versions", "app", highest=2)
    right("a HELLO of later versions alone", "proxy", lowest=2, highest=9)
    right("a HELLO that a later version made longer", "app", behind=b"what is behind is ignored")


def opening():
    def payload(scheme=0, minor=1, port=0, address=b"", target=b"/", fields=()):
        return struct.pack("<BBH", scheme, minor, port) + text(address) + text(target) + block(fields)

    def right(name, stream=1, **values):
        every = {"scheme": 0, "minor": 1, "port": 0, "address": b"", "target": b"/", "fields": (), **values}
        data = payload(**every)
        every["scheme"] = ("ws", "wss")[every["scheme"]]
        pieces = [data[at:at + MAX_PAYLOAD_UP] for at in range(0, len(data), MAX_PAYLOAD_UP)]
        raw, told = [], []
        for piece in pieces[:-1]:
            raw.append(record("open", piece, stream, MORE))
            told.append(said("open", len(piece), stream, ("more",)))
        raw.append(record("open", pieces[-1], stream))
        told.append(said("open", len(pieces[-1]), stream, (), **every))
        frames = [b"".join(raw[at:at + 7]) for at in range(0, len(raw), 7)]
        add(name, "app", frames, told)

    right("the shortest OPEN there is", minor=0)
    right("an OPEN over ws", 1, port=54321, address=b"192.0.2.7", target=b"/chat?room=1", fields=REQUEST)
    right("an OPEN over wss from IPv6, on the last stream", MAX_STREAM, scheme=1, port=65535, address=b"2001:db8::1",
          fields=REQUEST)
    right("an OPEN with an empty value and a repeated name", fields=((b"x-a", b""), (b"x-b", b"1"), (b"x-a", b"2"), *UPGRADE))
    right("an OPEN with every byte that a value may have",
          fields=((b"x-all", b"x" + bytes([9, *range(32, 127), *range(128, 256)]) + b"x"), *UPGRADE))
    base = len(payload(fields=((b"x", b""), *UPGRADE)))
    for name, size in (("of exactly one piece", MAX_PAYLOAD_UP), ("of one piece and a byte", MAX_PAYLOAD_UP + 1),
                       ("of exactly two pieces", 2 * MAX_PAYLOAD_UP)):
        right(f"an OPEN {name}", fields=((b"x", b"y" * (size - base)), *UPGRADE))
    base = len(payload(fields=((b"a", b""), (b"b", b""), (b"c", b""), *UPGRADE)))
    right("the longest OPEN there is, over two frames",
          fields=((b"a", b"v" * 65535), (b"b", b"w" * 60000), (b"c", b"x" * (131072 - base - 125535)), *UPGRADE))

    good = payload(fields=REQUEST)
    for name, bad in (
            ("of nothing", b""), ("that ends in the head", good[:3]), ("that ends in the address", payload(address=b"ab")[:6]),
            ("that ends in the field block's lengths", good[:16]), ("that ends in a value", good[:-1]),
            ("with a byte behind the fields", good + b"!"), ("of a scheme that is none", payload(scheme=2)),
            ("of HTTP/1.2", payload(minor=2)), ("without a target", payload(target=b"")),
            ("with more fields than it has", payload()[:-2] + struct.pack("<H", 65535)),
            ("with a field without a name", payload(fields=((b"", b"v"),)))):
        add(f"an OPEN {name}", "app", record("open", bad, 1), error="bad_payload")
    add("an OPEN in two pieces that fit no fields", "app", record("open", good[:20], 1, MORE) + record("open", b"!", 1),
        [said("open", 20, 1, ("more",))], "bad_payload")
    add("an OPEN over its largest piece", "app", header("open", MAX_PAYLOAD_UP + 1, 1), error="bad_length")


def answers():
    def accepted(subprotocol=b"", fields=()):
        return text(subprotocol) + block(fields)

    def refused(status, fields=()):
        return struct.pack("<H", status) + block(fields)

    cookies = ((b"set-cookie", b"a=1"), (b"set-cookie", b"b=2; Path=/"))
    one("the shortest ACCEPT there is", "proxy", "accept", accepted(), 1, subprotocol=b"", fields=())
    one("an ACCEPT with a subprotocol and fields", "proxy", "accept", accepted(b"chat.v2", cookies), 9, subprotocol=b"chat.v2",
        fields=cookies)
    longs = ((b"x-long", b"z" * 60000), (b"x-more", b"z" * 60000))
    long = accepted(b"chat", longs)
    add("an ACCEPT in pieces, another stream between", "proxy",
        [record("accept", long[:MAX_PAYLOAD], 1, MORE) + record("text", b"hi", 2), record("accept", long[MAX_PAYLOAD:], 1)],
        [said("accept", MAX_PAYLOAD, 1, ("more",)), said("text", 2, 2, payload=b"hi"),
         said("accept", len(long) - MAX_PAYLOAD, 1, subprotocol=b"chat", fields=longs)])
    one("a REFUSE without a body", "proxy", "refuse", refused(403), 1, status=403, fields=())
    add("a REFUSE with a body in two records", "proxy",
        record("refuse", refused(404, ((b"content-type", b"text/plain"),)), 1, MORE) + record("body", b"not ", 1, MORE) +
        record("body", b"here", 1),
        [said("refuse", len(refused(404, ((b"content-type", b"text/plain"),))), 1, ("more",), status=404,
              fields=((b"content-type", b"text/plain"),)),
         said("body", 4, 1, ("more",), payload=b"not "), said("body", 4, 1, payload=b"here")])
    one("an empty last BODY", "proxy", "body", b"", 1, payload=b"")
    page = (b"page" * 16384)[:MAX_PAYLOAD]
    one("the largest BODY", "proxy", "body", page, 1, ("more",), payload=page)
    for status in (300, 425, 427, 599):
        one(f"a REFUSE with {status}", "proxy", "refuse", refused(status), 1, status=status, fields=())
    for status in (0, 101, 200, 299, 426, 600, 65535):
        add(f"a REFUSE with {status}", "proxy", record("refuse", refused(status), 1), error="bad_answer")
    for name, field in (("a name with a space", (b"x y", b"1")), ("an empty name", (b"", b"1")),
                        ("a name with a colon", (b"x:", b"1")), ("a line's end in a value", (b"x", b"1\r\nset-cookie: a=b")),
                        ("a zero byte in a value", (b"x", b"1\0"))):
        add(f"an ACCEPT with {name}", "proxy", record("accept", accepted(b"", (field,)), 1), error="bad_answer")
        add(f"a REFUSE with {name}", "proxy", record("refuse", refused(403, (field,)), 1), error="bad_answer")
    good = accepted(b"chat", cookies)
    for name, bad in (("of nothing", b""), ("that ends in the subprotocol", good[:3]), ("without a field block", good[:6]),
                      ("that ends in a value", good[:-1]), ("with a byte behind the fields", good + b"!")):
        add(f"an ACCEPT {name}", "proxy", record("accept", bad, 1), error="bad_payload")
    good = refused(403, cookies)
    for name, bad in (("that ends in a value", good[:-1]), ("with a byte behind the fields", good + b"!")):
        add(f"a REFUSE {name}", "proxy", record("refuse", bad, 1), error="bad_payload")
    add("a REFUSE of three bytes", "proxy", record("refuse", good[:3], 1), error="bad_length")
    for kind in ("accept", "refuse", "body"):
        add(f"{kind.upper()} over its largest", "proxy", header(kind, MAX_PAYLOAD + 1, 1), error="bad_length")


def data():
    for to, largest in (("app", MAX_PAYLOAD_UP), ("proxy", MAX_PAYLOAD)):
        way = "up" if to == "app" else "down"
        for kind in ("text", "binary"):
            for size in (0, 1, largest - 1, largest):
                payload = (b"abcd" * (size // 4 + 1))[:size]
                one(f"{kind.upper()} of {size} bytes, {way}", to, kind, payload, 1, payload=payload)
            add(f"{kind.upper()} over its largest, {way}", to, header(kind, largest + 1, 1), error="bad_length")
            add(f"{kind.upper()} of the largest length there is, {way}", to, header(kind, 2**24 - 1, 1), error="bad_length")
    characters = "aé€📈".encode()
    one("TEXT on the last stream, every kind of character", "app", "text", characters, MAX_STREAM, payload=characters)
    one("BINARY of every byte", "proxy", "binary", bytes(range(256)), 3, payload=bytes(range(256)))
    both("a text in three pieces, cut amid a character, another stream and a CLOSE between",
         record("text", b"\xe2\x82", 1, MORE) + record("binary", b"\xff", 2) + record("text", b"", 1, MORE) +
         record("close", struct.pack("<H", 1000), 2) + record("text", b"\xac", 1),
         [said("text", 2, 1, ("more",), payload=b"\xe2\x82"), said("binary", 1, 2, payload=b"\xff"),
          said("text", 0, 1, ("more",), payload=b""), said("close", 2, 2, code=1000, reason=b""),
          said("text", 1, 1, payload=b"\xac")])
    for bad in (b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"a\xe2\x82"):
        both(f"TEXT of {bad.hex()}, which is no UTF-8", record("text", bad, 1), error="bad_utf8")


def several():
    one("a GROUP of three", "proxy", "group", ids((1, 5, MAX_STREAM)), 1, streams=(1, 5, MAX_STREAM))
    one("an empty GROUP, the last there may be", "proxy", "group", ids(()), 64, streams=())
    most = MAX_LIST_PAYLOAD // 4 - 1
    one("the largest GROUP", "proxy", "group", ids(range(1, most + 1)), 2, streams=range(1, most + 1))
    one("a MULTICAST to three", "proxy", "multicast", ids((9, 2, 4)) + b"hello", streams=(9, 2, 4), payload=b"hello")
    one("a binary MULTICAST", "proxy", "multicast", ids((1,)) + b"\xff\x00", 0, ("binary",), streams=(1,), payload=b"\xff\x00")
    one("an empty MULTICAST to nobody", "proxy", "multicast", ids(()), streams=(), payload=b"")
    most = (MAX_LIST_PAYLOAD - MAX_PAYLOAD) // 4 - 1
    news = (b"news" * 16384)[:MAX_PAYLOAD]
    one("a MULTICAST of the longest message to as many as fit beside it", "proxy", "multicast",
        ids(range(1, most + 1)) + news, streams=range(1, most + 1), payload=news)
    one("a MULTICAST to a group", "proxy", "multicast", b"hello", 64, ("group",), payload=b"hello")
    add("a binary MULTICAST to a group in two pieces, other records between", "proxy",
        [record("group", ids((1, 2)), 3) + record("multicast", b"abc", 3, GROUP | BINARY | MORE) + record("text", b"x", 7) +
         record("close", struct.pack("<H", 1001), 2), record("multicast", b"", 3, GROUP | BINARY)],
        [said("group", 12, 3, streams=(1, 2)), said("multicast", 3, 3, ("group", "binary", "more"), payload=b"abc"),
         said("text", 1, 7, payload=b"x"), said("close", 2, 2, code=1001, reason=b""),
         said("multicast", 0, 3, ("group", "binary"), payload=b"")])

    for name, bad in (("with more streams than it has", struct.pack("<II", 2, 1)), ("with fewer", struct.pack("<III", 1, 1, 2)),
                      ("of a count that overflows", struct.pack("<II", 0x40000000, 1)), ("that descends", ids((2, 1))),
                      ("with a stream twice", ids((1, 1))), ("of five bytes", ids(()) + b"!")):
        add(f"a GROUP {name}", "proxy", record("group", bad, 1), error="bad_payload")
    for name, bad in (("of nothing", b""), ("of three bytes", b"\0\0\0")):
        add(f"a GROUP {name}", "proxy", record("group", bad, 1), error="bad_length")
    add("a GROUP over its largest", "proxy", header("group", MAX_LIST_PAYLOAD + 4, 1), error="bad_length")
    for name, bad in (("with more streams than it has", struct.pack("<II", 2, 1)),
                      ("of a count that overflows", struct.pack("<II", 0x40000000, 1)),
                      ("of a message that needs a group", ids((1,)) + b"m" * (MAX_PAYLOAD + 1))):
        add(f"a MULTICAST {name}", "proxy", record("multicast", bad), error="bad_payload")
    add("a MULTICAST of three bytes", "proxy", record("multicast", b"\0\0\0"), error="bad_length")
    add("a MULTICAST over its largest", "proxy", header("multicast", MAX_LIST_PAYLOAD + 1, 0), error="bad_length")
    add("a MULTICAST to a group that is no UTF-8", "proxy", record("multicast", b"\xff", 1, GROUP), error="bad_utf8")
    add("a MULTICAST that is no UTF-8", "proxy", record("multicast", ids((1,)) + b"\xff"), error="bad_utf8")


def control():
    both("CREDIT for the link", record("credit", struct.pack("<I", 1)), [said("credit", 4, bytes=1)])
    both("the largest CREDIT for a stream", record("credit", struct.pack("<I", 2**31 - 1), 1),
         [said("credit", 4, 1, bytes=2**31 - 1)])
    for code in (1000, 1003, 1005, 1006, 1007, 1012, 1014, 3000, 4999):
        both(f"CLOSE with {code}", record("close", struct.pack("<H", code), 1), [said("close", 2, 1, code=code, reason=b"")])
    both("CLOSE with a reason", record("close", struct.pack("<H", 4001) + "adiós".encode(), 1),
         [said("close", 8, 1, code=4001, reason="adiós".encode())])
    both("CLOSE with the longest reason", record("close", struct.pack("<H", 1000) + b"r" * 123, 1),
         [said("close", 125, 1, code=1000, reason=b"r" * 123)])
    for reason in range(4):
        both(f"GOAWAY with {reason}", record("goaway", struct.pack("<H", reason)), [said("goaway", 2, reason=reason)])
    for kind in ("ping", "pong"):
        both(kind.upper(), record(kind, b"\0\1\2\3\xfc\xfd\xfe\xff"), [said(kind, 8, payload=b"\0\1\2\3\xfc\xfd\xfe\xff")])
    both("PONG, CREDIT, TEXT and CLOSE in one frame",
         record("pong", b"12345678") + record("credit", struct.pack("<I", 7)) + record("text", b"bye", 3) +
         record("close", struct.pack("<H", 1000), 3),
         [said("pong", 8, payload=b"12345678"), said("credit", 4, bytes=7), said("text", 3, 3, payload=b"bye"),
          said("close", 2, 3, code=1000, reason=b"")])

    for amount in (0, 2**31, 2**32 - 1):
        both(f"CREDIT of {amount}", record("credit", struct.pack("<I", amount), 1), error="bad_credit")
    for code in (0, 999, 1004, 1015, 1016, 2999, 5000, 65535):
        both(f"CLOSE with {code}", record("close", struct.pack("<H", code), 1), error="bad_payload")
    both("CLOSE with a reason that is no UTF-8", record("close", struct.pack("<H", 1000) + b"\xc3", 1), error="bad_payload")


def hello_errors():
    good = hello()
    for name, bad in (("of another magic", b"SHEAFMUY" + good[8:]), ("of version 0", hello(lowest=0)),
                      ("whose lowest is over its highest", hello(lowest=2))):
        both(f"a HELLO {name}", record("hello", bad), error="bad_hello")
    both("a HELLO with too small a session window", record("hello", hello(session_window=16383)), error="bad_hello")
    both("a HELLO that is too short", record("hello", good[:35]), error="bad_length")


def record_errors():
    both("an empty frame", b"")
    whole = record("text", b"hi", 1)
    for size in (1, 4, 7, 8, 9):
        both(f"a frame that ends after {size} bytes of a record", whole[:size], error="cut_record")
    both("a frame that ends amid its second record", whole + whole[:-1], [said("text", 2, 1, payload=b"hi")], "cut_record")
    for number in range(14, 32):
        both(f"the unknown type {number}", record(number), error="unknown_type")
    for kind in BY_APP:
        add(f"{kind.upper()} from the proxy", "app", record(kind, b"\0\0\0\0", 1), error="wrong_direction")
    add("OPEN from the app", "proxy", record("open", b"\0\0\0\0", 1), error="wrong_direction")
    flags()
    streams()
    for kind, right, wrong in (("credit", 4, (0, 3, 5)), ("close", 2, (0, 1, 126)), ("goaway", 2, (0, 1, 3)),
                               ("ping", 8, (0, 7, 9)), ("pong", 8, (0, 7, 9))):
        for size in wrong:
            stream = 0 if kind in LINK else 1
            both(f"{kind.upper()} of {size} bytes", header(kind, size, stream), error="bad_length")
    both("two good records and one of an unknown type", whole + whole + record(31), [said("text", 2, 1, payload=b"hi")] * 2,
         "unknown_type")


def flags():
    for kind in TYPES:
        to = "app" if kind not in BY_APP else "proxy"
        stream = 0 if kind in LINK else 1
        if kind == "multicast":
            add("MULTICAST without a group and with MORE", to, record(kind, ids(()), 0, MORE), error="bad_flags")
            continue
        for name, bit in FLAGS.items():
            if not ALLOWED.get(kind, 0) & bit:
                add(f"{kind.upper()} with the flag {name}", to, header(kind, 8, stream, bit), error="bad_flags")


def streams():
    for kind in TYPES:
        to = "app" if kind not in BY_APP else "proxy"
        if kind in LINK:
            add(f"{kind.upper()} on a stream", to, header(kind, 8, 1), error="bad_stream")
        elif kind not in ("multicast", "credit"):
            add(f"{kind.upper()} on stream 0", to, header(kind, 8, 0), error="bad_stream")
    add("GROUP 65", "proxy", header("group", 4, 65), error="bad_stream")
    add("MULTICAST on a stream", "proxy", header("multicast", 4, 1), error="bad_stream")
    for stream in (0, 65):
        add(f"MULTICAST to the group {stream}", "proxy", header("multicast", 4, stream, GROUP), error="bad_stream")


def main():
    for group in (hellos, opening, answers, data, several, control, hello_errors, record_errors):
        group()
    names = [vector["name"] for vector in VECTORS]
    assert len(names) == len(set(names)), "two vectors have one name"
    lines = ",\n".join("  " + json.dumps(vector, separators=(", ", ": ")) for vector in VECTORS)
    path = pathlib.Path(__file__).with_name("mux.json")
    path.write_text('{"vectors": [\n' + lines + "\n]}\n", encoding="utf-8")
    print(f"{path.name}: {len(VECTORS)} vectors")


if __name__ == "__main__":
    main()
