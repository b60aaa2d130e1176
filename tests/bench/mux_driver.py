#!/usr/bin/env python3
"""Plays the proxy for mux_floor.py: opens sessions on one link, takes what comes, and gives credit for it.

Usage: mux_driver.py PORT CLIENTS LOAD
"""

import pathlib
import struct
import sys

sys.dont_write_bytecode = True
SOURCE = pathlib.Path(__file__).resolve().parents[2]
for folder in ("tests/integration", "pool/asgi"):
    sys.path.insert(0, str(SOURCE / folder))

from harness import mux_records as records  # noqa: E402
from harness.mux_driver import connect_link  # noqa: E402
from mux_servers import TOKEN, request_fields  # noqa: E402

TARGETS = dict.fromkeys(("socketio", "socketio_lean"), "/socket.io/?mux&EIO=4&transport=websocket")
CREDIT_STEP = 131_072


class Proxy:
    """Counts what each session was sent; a multicast is taken to be for all."""

    def __init__(self, socket):
        self.socket = socket
        self.socket.recv()
        self.socket.send(records.hello().encode())
        self._for_all = 0
        self._own = {}
        self.link_credit = 49_152

    def open(self, stream, load):
        """Opens a session."""
        for record in records.opening(stream, TARGETS.get(load, "/ws?mux"), request_fields(stream)):
            self.link_credit -= len(record.payload)
            self.socket.send(record.encode())
        self._own[stream] = 0

    def take_frame(self):
        """Takes a frame, answers Engine.IO's first packets, and gives what credit is due."""
        for record in records.decode(self.socket.recv()):
            if record.kind == "TEXT":
                self._own[record.stream] += records.charge(record.payload)
                if record.payload.startswith(b"0{"):
                    self.link_credit -= records.charge(b"40")
                    self.socket.send(records.Record("TEXT", record.stream, b"40").encode())
            elif record.kind == "MULTICAST":
                streams, payload = ([], record.payload) if record.flags & 32 else records.read_streams(record.payload)
                self._for_all += len(payload)
            elif record.kind == "CREDIT" and record.stream == 0:
                self.link_credit += struct.unpack("<I", record.payload)[0]
        self._give_credit()

    def _give_credit(self):
        if self._for_all >= CREDIT_STEP:
            self._credit((stream, self._for_all) for stream in self._own)
            self._for_all = 0
        due = [(stream, size) for stream, size in self._own.items() if size >= CREDIT_STEP]
        self._credit(due)
        self._own.update((stream, 0) for stream, _ in due)

    def _credit(self, due):
        frame = b"".join(records.credit(stream, size).encode() for stream, size in due)
        for start in range(0, len(frame), 12_000):
            self.socket.send(frame[start : start + 12_000])


def main(port, clients, load):
    """Opens the sessions, never more than the link's window allows, and takes frames until it is killed."""
    opened = 0
    with connect_link(port, TOKEN) as socket:
        proxy = Proxy(socket)
        while True:
            while opened < clients and proxy.link_credit > 0:
                opened += 1
                proxy.open(opened, load)
            proxy.take_frame()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
