"""Many clients that all begin at the same instant, in a process of their own: `python -m harness.burst` with the
arguments below. Each makes one request on a connection of its own.

Prints a line of JSON, a Burst, when the last has its answer or --seconds are over; the connections stay open until
standard input ends.
"""

from __future__ import annotations

import argparse
import json
import select
import socket
import sys
import time
from dataclasses import asdict, dataclass, field

from .frames import upgrade


@dataclass
class Burst:
    """What became of them. `statuses`: how often each came; "failed": the connection ended, "late": nothing came."""

    statuses: dict[str, int] = field(default_factory=dict)
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    most_ms: float = 0.0
    seconds: float = 0.0


class Crowd:
    """The clients, on one epoll: asyncio would spread the burst over seconds."""

    def __init__(self, port: int, clients: int, request: bytes) -> None:
        self._address, self._request = ("127.0.0.1", port), request
        self._sockets = [socket.socket() for _ in range(clients)]
        self._by_descriptor = {plain.fileno(): plain for plain in self._sockets}
        self._began: dict[int, float] = {}
        self._epoll = select.epoll()
        self.results: list[tuple[str, float]] = []

    def run(self, seconds: float) -> None:
        """All connect, send as soon as they are connected, and wait for the head of the answer to begin."""
        for plain in self._sockets:
            plain.setblocking(False)
            self._began[plain.fileno()] = time.monotonic()
            plain.connect_ex(self._address)
            self._epoll.register(plain, select.EPOLLOUT)
        deadline = time.monotonic() + seconds
        while self._began and (left := deadline - time.monotonic()) > 0:
            for descriptor, events in self._epoll.poll(left):
                self._on_event(descriptor, events)
        for descriptor in list(self._began):
            self._done(descriptor, "late")

    def _on_event(self, descriptor: int, events: int) -> None:
        plain = self._by_descriptor[descriptor]
        try:
            if events & select.EPOLLIN:
                self._done(descriptor, plain.recv(65536)[9:12].decode("latin-1") or "failed")
            elif events & (select.EPOLLERR | select.EPOLLHUP):
                self._done(descriptor, "failed")
            else:
                plain.send(self._request)
                self._epoll.modify(descriptor, select.EPOLLIN)
        except OSError:
            self._done(descriptor, "failed")

    def _done(self, descriptor: int, status: str) -> None:
        self._epoll.unregister(descriptor)
        self.results.append((status, time.monotonic() - self._began.pop(descriptor)))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--clients", type=int, required=True)
    parser.add_argument("--kind", choices=["ws", "http"], required=True)
    parser.add_argument("--path", required=True)
    parser.add_argument("--seconds", type=float, default=60, help="the longest that it waits for the answers")
    arguments = parser.parse_args()
    text = upgrade(arguments.path) if arguments.kind == "ws" else f"GET {arguments.path} HTTP/1.1\nHost: a\n\n"
    crowd = Crowd(arguments.port, arguments.clients, text.replace("\n", "\r\n").encode())
    began = time.monotonic()
    crowd.run(arguments.seconds)
    burst = Burst(seconds=round(time.monotonic() - began, 3))
    for status, _ in crowd.results:
        burst.statuses[status] = burst.statuses.get(status, 0) + 1
    took = sorted(seconds for _, seconds in crowd.results)
    burst.p50_ms, burst.p99_ms, burst.most_ms = (
        round(took[int(share * (len(took) - 1))] * 1000, 1) for share in (0.5, 0.99, 1)
    )
    print(json.dumps(asdict(burst)), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
