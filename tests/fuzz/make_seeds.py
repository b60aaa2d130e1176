#!/usr/bin/env python3
"""Writes the seeds of the fuzz targets: make_seeds.py FOLDER makes FOLDER/<target>/<name>."""

import hashlib
import json
import pathlib
import sys
import zlib

VECTORS = pathlib.Path(__file__).parent.parent / "vectors" / "frames.json"
ENVELOPES = VECTORS.with_name("envelopes.json")
MUX = VECTORS.with_name("mux.json")
READ_SIZE = b"\x06"  # the targets' first byte: reads of seven bytes

FIELDS = [b"", b"Content-Length: 5\r\n", b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n",
          b"Connection: keep-alive, upgrade\r\nUpgrade: websocket\r\n", b"Expect: 100-continue\r\nContent-Length: 5\r\n",
          b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"Content-Length: 5\r\nContent-Length: 6\r\n",
          b"A: b\r\n c\r\n", b"X_Y: z\r\n", b"Empty:\r\n", b"A : b\r\n", b"A: \x00\r\n", b"Accept: text/html\r\nCookie: a=b; c=d\r\n"]
BODIES = [b"", b"hello", b"5\r\nhello\r\n0\r\n\r\n", b"5;a=b\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n", b"0\r\nContent-Length: 5\r\n\r\n",
          b"0x5\r\nhello\r\n", b"5\nhello\r\n", b"FFFFFFFFFFFFFFFFF\r\n"]
REQUEST_LINES = [b"GET / HTTP/1.1", b"POST /a/../b?c=d HTTP/1.1", b"GET http://b.example:81/c HTTP/1.1", b"OPTIONS * HTTP/1.1",
                 b"HEAD /%2e%2e/%2F// HTTP/1.0", b"CONNECT a:1 HTTP/1.1", b"PRI * HTTP/2.0", b"GET /"]
STATUS_LINES = [b"HTTP/1.1 200 OK", b"HTTP/1.0 200 OK", b"HTTP/1.1 204 No Content", b"HTTP/1.1 304 Not Modified",
                b"HTTP/1.1 100 Continue", b"HTTP/1.1 101 Switching Protocols", b"HTTP/1.1 503"]
HANDSHAKE = (b"GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%b\r\n")
ANSWER = (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
          b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n%b\r\n")

OFFERS = [b"", b"permessage-deflate", b"permessage-deflate; client_max_window_bits",
          b"permessage-deflate; server_max_window_bits=10; client_max_window_bits=\"9\"",
          b"permessage-deflate; server_max_window_bits=8, permessage-deflate; client_no_context_takeover",
          b"foo; bar=\"a, b\\\"\", permessage-deflate; server_no_context_takeover; client_max_window_bits=12"]
MESSAGES = [b"", b"Hello", b"Hello" * 400, bytes(60000), bytes(range(256)),
            b"".join(b'{"symbol":"S%d","price":%d.5},' % (i, i * i % 97) for i in range(30))]


def unpack(parts):
    return b"".join(bytes.fromhex(part) if isinstance(part, str) else bytes.fromhex(part[0]) * part[1] for part in parts)


def frame_seeds():
    for vector in json.loads(VECTORS.read_text(encoding="utf-8"))["vectors"]:
        data = unpack(vector["bytes"])
        if len(data) <= 1024:
            yield bytes([6 << 1 | (vector["source"] == "client")]) + data


def mux_seeds():
    """Yields each short frame of mux.json (bytes)."""
    for vector in json.loads(MUX.read_text(encoding="utf-8"))["vectors"]:
        for frame in vector["frames"]:
            if not any(isinstance(part, dict) for part in frame) and len(unpack(frame)) <= 1024:
                yield bytes([6 << 1 | (vector["to"] == "app")]) + unpack(frame)


def http_seeds(lines, host):
    for line in lines:
        for fields in FIELDS:
            yield READ_SIZE + line + b"\r\n" + host + fields + b"\r\n"
    for fields in FIELDS:
        for body in BODIES:
            yield READ_SIZE + lines[1] + b"\r\n" + host + fields + b"\r\n" + body


def handshake_seeds():
    for more in (b"", b"Sec-WebSocket-Protocol: a, b\r\n", b"Origin: https://a.example.org\r\n", b"Content-Length: 5\r\n"):
        for answer in (b"", b"Sec-WebSocket-Protocol: b\r\n", b"Sec-WebSocket-Extensions: permessage-deflate\r\n"):
            yield HANDSHAKE % more + ANSWER % answer


def compress(message, flush):
    """The payload of a compressed message: bytes. flush: zlib.Z_SYNC_FLUSH, or zlib.Z_FINISH for a final block."""
    compressor = zlib.compressobj(6, zlib.DEFLATED, -15)
    data = compressor.compress(message) + compressor.flush(flush)
    return data[:-4] if flush == zlib.Z_SYNC_FLUSH else data + b"\0"


def masked_frame(first, payload):
    """A client's frame with a key of zeroes: bytes. first: its first byte (int). payload: bytes, fewer than 65536."""
    size = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + len(payload).to_bytes(2, "big")
    return bytes([first]) + size + bytes(4) + payload


def inflate_seeds():
    """Yields a line of offers with a message behind it, bare and in frames (bytes)."""
    for choice in (b"\x1c", b"\x1f"):
        for offers in OFFERS:
            for message in MESSAGES:
                for flush in (zlib.Z_SYNC_FLUSH, zlib.Z_FINISH):
                    payload = compress(message, flush)
                    half = len(payload) // 2
                    fragments = masked_frame(0x42, payload[:half]) + masked_frame(0x89, b"") + masked_frame(0x80, payload[half:])
                    yield choice + offers + b"\n" + payload
                    yield choice + offers + b"\n" + masked_frame(0xC1, payload) + fragments + masked_frame(0x81, b"plain")


def envelope_data(piece):
    """A message or frame of envelopes.json: bytes."""
    parts = [piece["data"]] if isinstance(piece["data"], str) else piece["data"]
    data = "".join(part if isinstance(part, str) else part[0] * part[1] for part in parts)
    return data.encode() if piece["type"] == "text" else bytes.fromhex(data)


def envelope_seeds():
    """Yields a sequence of messages for each envelope, and texts behind a pointer (bytes)."""
    for envelope, lists in enumerate(json.loads(ENVELOPES.read_text(encoding="utf-8")).values()):
        for vector in lists["encode"]:
            pieces = [(piece["type"] == "text", envelope_data(piece)) for piece in vector["messages"]]
            if all(len(data) < 127 for _, data in pieces):
                yield bytes([envelope]) + b"".join(bytes([len(data) << 1 | is_text]) + data for is_text, data in pieces)
            for _, data in pieces:
                yield bytes([envelope]) + b"/messages/0/data\n" + data[:2000]
                yield bytes([envelope, 0xFF]) + data[:2000]


def proxy_header_seeds():
    """Yields PROXY headers of both versions with a request behind them (bytes)."""
    request = b"GET / HTTP/1.1\r\n\r\n"
    for line in (b"TCP4 192.0.2.1 192.0.2.2 56212 443", b"TCP6 2001:db8::1 ::1 1 2", b"UNKNOWN", b"UNKNOWN a b c d", b"TCP4 1.2.3.4",
                 b"TCP6 ::ffff:1.2.3.4 :: 0 65535"):
        yield READ_SIZE + b"PROXY " + line + b"\r\n" + request
    triples = b"\x05\0\x02id\x03\0\x04\0\0\0\0\x04\0\0"
    for command in (b"\x20", b"\x21"):
        for family, addresses in ((0x00, 0), (0x11, 12), (0x12, 12), (0x21, 36), (0x31, 216)):
            for rest in (b"", triples):
                block = bytes(range(addresses)) + rest
                yield (READ_SIZE + b"\r\n\r\n\0\r\nQUIT\n" + command + bytes([family]) + len(block).to_bytes(2, "big") + block + request)


def engine_io_seeds():
    """Yields a target and a handshake's answer in every form (bytes)."""
    packet = b'0{"sid":"9rHOb7c5zPIsI-MFAAAA","upgrades":["websocket"],"pingTimeout":20000,"pingInterval":25000}'
    script = packet.replace(b'"', b'\\"')
    size = str(len(packet)).encode()
    answers = (packet, packet + b'\x1e40{"sid":"b"}', size + b":" + packet + b"2:40",
               b"\0" + bytes(digit - 48 for digit in size) + b"\xff" + packet + b"\0\x02\xff40",
               b'___eio[0]("' + script + b'");', b'___eio[]("' + size + b":" + script + b'2:40");', b"6", b"ok")
    for target in (b"/socket.io/?EIO=4&transport=polling&t=a", b"/?EIO=3&transport=polling&j=0&sid=%61+b", b"/?sid=a&sid=b&EIO=4&EIO=4"):
        for answer in answers:
            yield READ_SIZE + target + b"\n" + answer


def admin_seeds():
    """Yields a request to each kind of path (bytes), behind the token, over a Unix socket, and without either."""
    bodies = [b'{"all":true,"text":"x"}', b'{"user_id":"a","event":"e","data":[1],"namespace":"/n"}',
              b'{"messages":[{"path":"/a","binary":"aGk=","message_type":"batch"}]}', b'{"session_id":"1-1","text":""}']
    requests = [(b"GET " + path, b"") for path in (
        b"/livez", b"/metrics", b"/api/performance/websocket/stats", b"/api/performance/websocket/metrics?last=10m",
        b"/openapi.json", b"/backends", b"/drain", b"/connections/1-1",
        b"/connections?user=a&state=slow&sort=rate&limit=7&offset=3", b"http://evil.example/livez")]
    requests += [(b"POST " + path, b"") for path in (b"/reload", b"/backends/a/unix%3A%2Fb/drain", b"/backends/a/b:1/undrain")]
    requests += [(b"POST /close", b'{"all":true,"code":1012,"reason":"x","over":"1s"}'), (b"POST /flush", b'{"user_id":"a"}'),
                 (b"POST /rebalance", b'{"share":0.25,"over":"1m"}'), (b"POST /drain", b""), (b"POST /undrain", b"")]
    requests += [(b"POST " + path, body) for path in (b"/api/messages", b"/api/messages/batch") for body in bodies]
    for line, body in requests:
        for how in (b"\x00", b"\x01", b"\x02"):
            length = b"Content-Length: %d\r\n" % len(body) if body else b""
            yield (READ_SIZE + how + line + b" HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer t0ken\r\n" + length +
                   b"\r\n" + body)


def main():
    seeds = {"frame_fuzz": frame_seeds(), "request_fuzz": http_seeds(REQUEST_LINES, b"Host: a.example\r\n"),
             "response_fuzz": http_seeds(STATUS_LINES, b""), "handshake_fuzz": handshake_seeds(), "inflate_fuzz": inflate_seeds(),
             "envelope_fuzz": envelope_seeds(), "proxy_header_fuzz": proxy_header_seeds(),
             "engine_io_fuzz": engine_io_seeds(), "mux_fuzz": mux_seeds(),
             "admin_fuzz": admin_seeds()}
    for target, inputs in seeds.items():
        folder = pathlib.Path(sys.argv[1]) / target
        folder.mkdir(parents=True, exist_ok=True)
        for data in inputs:
            (folder / hashlib.sha1(data).hexdigest()).write_bytes(data)


if __name__ == "__main__":
    main()
