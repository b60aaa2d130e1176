"""What a proxy would make of an app's records; every one is checked against proxy/wire/mux_frame.md."""

from __future__ import annotations

import struct
from collections import defaultdict
from dataclasses import dataclass, field

from . import mux_records as records
from .mux_records import GROUP_FLAG, MORE, Record

Message = str | bytes


@dataclass
class Stream:
    """A session as the proxy sees it. `credit`: what the app may still send (bytes)."""

    credit: int
    state: str = "opening"
    messages: list[Message] = field(default_factory=list)
    partial: tuple[str, bytes] | None = None
    body: bytes = b""
    status: int = 0


class Checker:
    """Takes the app's records in order; an AssertionError tells which rule one breaks."""

    def __init__(self, window: int) -> None:
        self.streams: dict[int, Stream] = {}
        self.groups: dict[int, list[int]] = {}
        self.multicasts = 0
        self.given: dict[int, int] = defaultdict(int)
        """Bytes of CREDIT by stream; 0 is the link's."""
        self._window = window
        self._casts: dict[int, bytes] = {}  # groups amid a message

    def opened(self, stream: int) -> None:
        self.streams[stream] = Stream(self._window)

    def closed(self, stream: int) -> None:
        """The proxy has sent CLOSE: what still comes has crossed with it."""
        self.streams[stream].state = "gone"

    def take(self, record: Record) -> None:
        assert len(record.payload) <= (131_064 if record.kind in ("MULTICAST", "GROUP") else 65_536), record.kind
        if record.kind in ("HELLO", "GOAWAY", "PING", "PONG"):
            assert record.stream == 0 and record.flags == 0
        elif record.kind == "GROUP":
            self._take_group(record)
        elif record.kind == "MULTICAST":
            self._take_multicast(record)
        elif record.kind == "CREDIT":
            (size,) = struct.unpack("<I", record.payload)
            assert size > 0 and record.flags == 0
            self.given[record.stream] += size
        else:
            self._take_of_session(self.streams[record.stream], record)

    def _take_group(self, record: Record) -> None:
        streams, rest = records.read_streams(record.payload)
        assert 1 <= record.stream <= 64 and not rest and record.flags == 0
        assert streams == sorted(set(streams)), "a group whose streams do not ascend"
        assert record.stream not in self._casts, "a GROUP amid its MULTICAST"
        assert all(one in self.streams for one in streams)
        self.groups[record.stream] = streams

    def _take_multicast(self, record: Record) -> None:
        self.multicasts += 1
        begun = None
        if record.flags & GROUP_FLAG:
            streams, payload = self.groups[record.stream], record.payload
            begun = self._casts.pop(record.stream, None)
        else:
            streams, payload = records.read_streams(record.payload)
            assert record.stream == 0 and not record.flags & MORE
        assert len(streams) == len(set(streams)), "a multicast that is twice for a session"
        assert len(payload) <= 65_536
        if record.more:
            self._casts[record.stream] = (begun or b"") + payload
        kind = "BINARY" if record.flags & records.BINARY_FLAG else "TEXT"
        for stream in streams:
            session = self.streams[stream]
            if session.state in ("closed", "gone"):
                continue
            assert session.state == "accepted" and session.partial is None
            assert session.credit > 0 or begun is not None, f"a multicast without credit for {stream}"
            session.credit -= records.charge(payload)
            if not record.more:
                session.messages.append(_message(kind, (begun or b"") + payload))

    def _take_of_session(self, session: Stream, record: Record) -> None:
        if session.state == "gone":
            return
        busy = {one for group in self._casts for one in self.groups[group]}
        assert record.kind == "CLOSE" or record.stream not in busy, "a record for a session amid its multicast"
        if record.kind in ("TEXT", "BINARY"):
            self._take_data(session, record)
            return
        assert session.partial is None or record.kind in ("CLOSE", "ACCEPT")
        if record.kind == "ACCEPT":
            assert session.state == "opening"
            session.body += record.payload
            if not record.more:
                session.state, session.body = "accepted", b""
        elif record.kind == "REFUSE":
            assert session.state == "opening"
            (session.status,) = struct.unpack_from("<H", record.payload)
            records.read_fields(record.payload[2:])
            session.state = "refused" if record.more else "closed"
        elif record.kind == "BODY":
            assert session.state == "refused"
            session.body += record.payload
            session.state = session.state if record.more else "closed"
        else:
            assert record.kind == "CLOSE" and session.state == "accepted"
            session.state = "closed"

    def _take_data(self, session: Stream, record: Record) -> None:
        assert session.state == "accepted", f"data for a session that is {session.state}"
        assert session.credit > 0, f"data without credit for {record.stream}"
        session.credit -= records.charge(record.payload)
        kind, begun = session.partial or (record.kind, b"")
        assert kind == record.kind, "another type amid a message"
        whole = begun + record.payload
        session.partial = (kind, whole) if record.more else None
        if not record.more:
            session.messages.append(_message(kind, whole))


def _message(kind: str, payload: bytes) -> Message:
    return payload.decode() if kind == "TEXT" else payload
