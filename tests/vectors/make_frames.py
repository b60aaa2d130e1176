#!/usr/bin/env python3
"""Writes frames.json, the golden vectors of the WebSocket frame decoders (see README.md). Run it after a change here."""

import json
import pathlib
import struct

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
KEY = bytes.fromhex("37fa213d")  # the key of the example in RFC 6455 5.7


def mask(payload, key=KEY):
    return bytes(byte ^ key[i % 4] for i, byte in enumerate(payload))


def header(opcode, length, fin=True, key=None, rsv=0, form=None):
    """The header of a frame. `form` forces the length's form: 7, 16 or 64 bits."""
    form = form or (7 if length < 126 else 16 if length < 65536 else 64)
    bit = 0x80 if key is not None else 0
    out = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    out += {7: lambda: bytes([bit | length]),
            16: lambda: bytes([bit | 126]) + struct.pack(">H", length),
            64: lambda: bytes([bit | 127]) + struct.pack(">Q", length)}[form]()
    return out + (key or b"")


def frame(opcode, payload=b"", masked=True, **more):
    key = more.pop("key", KEY) if masked else None
    return header(opcode, len(payload), key=key, **more) + (mask(payload, key) if masked else payload)


def close(code, reason=b"", **more):
    return frame(CLOSE, struct.pack(">H", code) + reason, **more)


def packed(data):
    """Hexadecimal; the repetitive part of a long payload as a pair with its count."""
    if len(data) <= 2000:
        return [data.hex()] if data else []
    head, tail = data[:16], data[-16:]
    middle = data[16:-16]
    count, rest = divmod(len(middle), 4)
    unit = middle[:4]
    assert unit * count + unit[:rest] == middle, "long vectors must repeat every four bytes"
    return [head.hex(), [unit.hex(), count], (unit[:rest] + tail).hex()]


VECTORS = []


def add(name, data, events=(), error=0, row=0, source="client", **limits):
    vector = {"name": name, "row": row, "source": source, **limits, "bytes": packed(data) if isinstance(data, bytes) else data}
    vector["events"] = [dict(zip(("type", "payload", "code"), (kind, packed(payload), *code))) for kind, payload, *code in events]
    vector["error"] = error
    VECTORS.append(vector)


def both(name, make, *args, **kwargs):
    """The same from a client (masked) and from a server (unmasked)."""
    add(name + " (client)", make(True), *args, source="client", **kwargs)
    add(name + " (server)", make(False), *args, source="server", **kwargs)


def messages():
    add("the example of RFC 6455 5.7: masked text", bytes.fromhex("818537fa213d7f9f4d5158"), [("text", b"Hello")])
    add("the example of RFC 6455 5.7: unmasked text", bytes.fromhex("810548656c6c6f"), [("text", b"Hello")], source="server")
    add("the example of RFC 6455 5.7: fragmented text", bytes.fromhex("010348656c80026c6f"), [("text", b"Hello")],
        source="server")
    add("the example of RFC 6455 5.7: ping", bytes.fromhex("890548656c6c6f"), [("ping", b"Hello")], source="server")
    add("the example of RFC 6455 5.7: masked pong", bytes.fromhex("8a8537fa213d7f9f4d5158"), [("pong", b"Hello")])
    both("an empty text", lambda m: frame(TEXT, masked=m), [("text", b"")])
    both("an empty binary message", lambda m: frame(BINARY, masked=m), [("binary", b"")])
    both("every byte value in a binary message", lambda m: frame(BINARY, bytes(range(256)), masked=m),
         [("binary", bytes(range(256)))])
    for length in (1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 33, 125, 126, 127, 255):
        data = b"a" * length
        both(f"a text of {length} bytes", lambda m, data=data: frame(TEXT, data, masked=m), [("text", data)])
    for length in (65535, 65536, 70001):
        data = (b"abcd" * (length // 4 + 1))[:length]
        for masked, source in ((True, "client"), (False, "server")):
            raw = frame(BINARY, data, masked=masked)
            size = len(raw) - length
            add(f"a binary message of {length} bytes ({source})", [raw[:size].hex(), *packed(raw[size:])], [("binary", data)],
                source=source)
    both("two messages in a row", lambda m: frame(TEXT, b"one", masked=m) + frame(BINARY, b"two", masked=m),
         [("text", b"one"), ("binary", b"two")])
    both("three fragments, one empty",
         lambda m: frame(BINARY, b"a", fin=False, masked=m) + frame(CONTINUATION, fin=False, masked=m) +
         frame(CONTINUATION, b"bc", masked=m), [("binary", b"abc")])
    both("an empty last fragment", lambda m: frame(TEXT, b"a", fin=False, masked=m) + frame(CONTINUATION, masked=m),
         [("text", b"a")])
    both("control frames between fragments",
         lambda m: frame(TEXT, b"a", fin=False, masked=m) + frame(PING, b"p", masked=m) + frame(PONG, masked=m) +
         frame(CONTINUATION, b"b", masked=m), [("ping", b"p"), ("pong", b""), ("text", b"ab")])
    add("a key of zeros", frame(TEXT, b"plain", key=bytes(4)), [("text", b"plain")])
    add("each fragment with a key of its own",
        frame(TEXT, b"abc", fin=False, key=b"\x01\x02\x03\x04") + frame(CONTINUATION, b"defgh", key=b"\xff\xfe\xfd\xfc"),
        [("text", b"abcdefgh")])
    both("the largest control payload", lambda m: frame(PING, b"x" * 125, masked=m), [("ping", b"x" * 125)])
    both("an empty ping", lambda m: frame(PING, masked=m), [("ping", b"")])


def header_errors():
    add("an unmasked frame from a client", bytes.fromhex("8100"), error=1002, row=45)
    add("an unmasked ping from a client", bytes.fromhex("8900"), error=1002, row=45)
    add("a masked frame from a server", bytes.fromhex("8180"), error=1002, row=58, source="server")
    for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
        both(f"the reserved opcode {opcode}", lambda m, opcode=opcode: frame(opcode, masked=m)[:2], error=1002, row=46)
    for rsv in range(1, 8):
        row = 54 if rsv == 4 else 46
        both(f"reserved bits {rsv:03b} on a text", lambda m, rsv=rsv: frame(TEXT, rsv=rsv, masked=m)[:2], error=1002, row=row)
    both("RSV1 on a ping", lambda m: frame(PING, rsv=4, masked=m)[:2], error=1002, row=54)
    both("RSV1 on a continuation",
         lambda m: frame(TEXT, fin=False, masked=m) + frame(CONTINUATION, rsv=4, masked=m)[:2], error=1002, row=54)
    for name, opcode in (("close", CLOSE), ("ping", PING), ("pong", PONG)):
        both(f"a fragmented {name}", lambda m, opcode=opcode: frame(opcode, fin=False, masked=m)[:2], error=1002, row=47)
        both(f"a {name} of 126 bytes", lambda m, opcode=opcode: frame(opcode, b"x" * 126, masked=m)[:2], error=1002, row=47)
    for form, length in ((16, 0), (16, 125), (64, 0), (64, 125), (64, 126), (64, 65535)):
        both(f"{length} written in {form} bits",
             lambda m, form=form, length=length: header(BINARY, length, key=KEY if m else None, form=form), error=1002, row=48)
    both("a length with its highest bit set", lambda m: header(BINARY, 1 << 63, key=KEY if m else None), error=1002, row=48)
    both("the largest length there is", lambda m: header(BINARY, (1 << 64) - 1, key=KEY if m else None), error=1002, row=48)
    both("a continuation of nothing", lambda m: frame(CONTINUATION, masked=m)[:2], error=1002, row=51)
    both("a continuation after the last fragment",
         lambda m: frame(TEXT, b"a", fin=False, masked=m) + frame(CONTINUATION, b"b", masked=m) +
         frame(CONTINUATION, masked=m)[:2], [("text", b"ab")], error=1002, row=51)
    both("a text within a fragmented text", lambda m: frame(TEXT, fin=False, masked=m) + frame(TEXT, masked=m)[:2],
         error=1002, row=51)
    both("a binary frame within a fragmented text", lambda m: frame(TEXT, fin=False, masked=m) + frame(BINARY, masked=m)[:2],
         error=1002, row=51)


def limits():
    both("a message at the limit", lambda m: frame(BINARY, b"x" * 200, masked=m), [("binary", b"x" * 200)], row=49,
         max_message=200)
    both("a message over the limit, refused by its header", lambda m: header(BINARY, 201, key=KEY if m else None), error=1009,
         row=49, max_message=200)
    both("a message of 2^63 - 1 bytes, refused by its header",
         lambda m: header(BINARY, (1 << 63) - 1, key=KEY if m else None), error=1009, row=49)
    both("16 MiB and a byte, refused by its header", lambda m: header(BINARY, (1 << 24) + 1, key=KEY if m else None),
         error=1009, row=49)
    both("fragments at the limit together",
         lambda m: frame(BINARY, b"x" * 6, fin=False, masked=m) + frame(CONTINUATION, b"y" * 4, masked=m),
         [("binary", b"x" * 6 + b"y" * 4)], row=50, max_message=10)
    both("fragments over the limit together",
         lambda m: frame(BINARY, b"x" * 6, fin=False, masked=m) + header(CONTINUATION, 5, key=KEY if m else None),
         error=1009, row=50, max_message=10)
    both("control frames do not count towards a message",
         lambda m: frame(BINARY, b"x" * 6, fin=False, masked=m) + frame(PING, b"p" * 9, masked=m) +
         frame(CONTINUATION, b"y" * 4, masked=m), [("ping", b"p" * 9), ("binary", b"x" * 6 + b"y" * 4)], max_message=10)
    both("as many fragments as are allowed",
         lambda m: frame(TEXT, fin=False, masked=m) + frame(CONTINUATION, fin=False, masked=m) * 2 +
         frame(CONTINUATION, b"z", masked=m), [("text", b"z")], row=50, max_fragments=4)
    both("a fragment too many, all of them empty",
         lambda m: frame(TEXT, fin=False, masked=m) + frame(CONTINUATION, fin=False, masked=m) * 3 +
         frame(CONTINUATION, masked=m), error=1008, row=50, max_fragments=4)
    both("the count of fragments starts anew with each message",
         lambda m: (frame(BINARY, b"a", fin=False, masked=m) + frame(CONTINUATION, b"b", masked=m)) * 2,
         [("binary", b"ab")] * 2, max_fragments=2, max_message=2)


GOOD_TEXTS = ["κόσμε", "\u0000\u007f", "\u0080\u07ff", "\u0800\ud7ff\ue000\uffff", "\U00010000\U0010ffff", "價格 ↑ 12,50 € 📈",
              "a" * 15 + "é" + "b" * 20, "\ufeff", "é" * 100]
# Each with the count of bytes after which nothing can mend it.
BAD_TEXTS = [("80", 1), ("bf", 1), ("c0af", 1), ("c1bf", 1), ("c220", 2), ("e08080", 2), ("e09fbf", 2), ("eda080", 2),
             ("edbfbf", 2), ("f0808080", 2), ("f08fbfbf", 2), ("f4908080", 2), ("f5808080", 1), ("f8", 1), ("fe", 1), ("ff", 1),
             ("e28261", 3), ("f09f9361", 4), ("61" * 16 + "ff", 17), ("61" * 15 + "c3" + "61", 17), ("61" * 33 + "ed" + "a0", 35)]


def texts():
    for text in GOOD_TEXTS:
        data = text.encode("utf-8", "surrogatepass")
        both(f"the text {data[:12].hex()}", lambda m, data=data: frame(TEXT, data, masked=m), [("text", data)])
        both(f"the text {data[:12].hex()} in fragments of a byte",
             lambda m, data=data: frame(TEXT, data[:1], fin=False, masked=m) +
             b"".join(frame(CONTINUATION, data[i:i + 1], fin=False, masked=m) for i in range(1, len(data))) +
             frame(CONTINUATION, masked=m), [("text", data)])
    for bad, known in BAD_TEXTS:
        data = bytes.fromhex(bad) + b"!" * 9
        shown = bad if len(bad) < 12 else f"...{bad[-4:]}"
        both(f"bad UTF-8 {shown} after {known} bytes, known at once",
             lambda m, data=data, known=known: frame(TEXT, data, masked=m)[:len(frame(TEXT, data, masked=m)) - len(data) + known],
             error=1007, row=52)
        both(f"the bytes {shown} after {known} bytes in a binary message",
             lambda m, data=data: frame(BINARY, data, masked=m), [("binary", data)])
    for half in ("c3", "e282", "f09f93"):
        data = b"ok" + bytes.fromhex(half)
        both(f"a text that ends within a character ({half})", lambda m, data=data: frame(TEXT, data, masked=m), error=1007,
             row=52)
        both(f"a fragmented text that ends within a character ({half})",
             lambda m, data=data: frame(TEXT, data, fin=False, masked=m) + frame(CONTINUATION, masked=m), error=1007, row=52)
    both("a character over two fragments with a ping between",
         lambda m: frame(TEXT, b"\xe2\x82", fin=False, masked=m) + frame(PING, b"\xff", masked=m) +
         frame(CONTINUATION, b"\xac", masked=m), [("ping", b"\xff"), ("text", b"\xe2\x82\xac")])
    both("a bad second fragment of a text",
         lambda m: frame(TEXT, b"\xe2", fin=False, masked=m) + frame(CONTINUATION, b"(", masked=m), error=1007, row=52)


def closes():
    both("a close without a code", lambda m: frame(CLOSE, masked=m), [("close", b"", 1005)])
    for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999):
        both(f"the close code {code}", lambda m, code=code: close(code, masked=m), [("close", b"", code)], row=53)
    for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535):
        both(f"the forbidden close code {code}", lambda m, code=code: close(code, masked=m), error=1002, row=53)
    both("a close of one byte", lambda m: frame(CLOSE, b"\x03", masked=m), error=1002, row=53)
    both("a close with a reason", lambda m: close(1001, "adiós".encode(), masked=m), [("close", "adiós".encode(), 1001)])
    both("a close with the longest reason", lambda m: close(1000, b"r" * 123, masked=m), [("close", b"r" * 123, 1000)])
    both("a close with a reason that is not UTF-8", lambda m: close(1000, b"\xc3(", masked=m), error=1007, row=52)
    both("a close whose reason ends within a character", lambda m: close(1000, b"\xc3", masked=m), error=1007, row=52)
    both("a close between fragments", lambda m: frame(TEXT, b"a", fin=False, masked=m) + close(1000, masked=m),
         [("close", b"", 1000)])


def main():
    for group in (messages, header_errors, limits, texts, closes):
        group()
    names = [vector["name"] for vector in VECTORS]
    assert len(names) == len(set(names)), "two vectors have one name"
    lines = ",\n".join("  " + json.dumps(vector, separators=(", ", ": ")) for vector in VECTORS)
    path = pathlib.Path(__file__).with_name("frames.json")
    path.write_text('{"vectors": [\n' + lines + "\n]}\n", encoding="utf-8")
    print(f"{path.name}: {len(VECTORS)} vectors")


if __name__ == "__main__":
    main()
