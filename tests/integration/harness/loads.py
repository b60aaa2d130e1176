"""Loads of which each message is one client's alone, and a stock client that counts the bytes that they come in."""

from __future__ import annotations

import json
import random
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from itertools import islice

from .compression import STOCK_OFFER, Context, whole
from .frames import TEXT, Frame, RawWebSocket

MESSAGES = 300
"""Of each load."""


def quotes(source: random.Random) -> Iterator[str]:
    """A quote of some 105 bytes after the other."""
    for n in range(MESSAGES):
        symbol = source.choice(("AAPL", "MSFT", "GOOG", "AMZN", "NVDA", "TSLA"))
        price = source.uniform(100, 900)
        yield json.dumps({"type": "price_update", "symbol": symbol, "price": round(price, 2),
                          "volume": source.randrange(10**6), "ts": 1_700_000_000_000 + n * 37})


def state(source: random.Random) -> Iterator[str]:
    """A document of which a few values change each time."""
    document = {f"sensor_{n}": {"value": source.randrange(10_000), "unit": "mV", "ok": True} for n in range(12)}
    for _ in range(MESSAGES):
        document[f"sensor_{source.randrange(12)}"]["value"] = source.randrange(10_000)
        yield json.dumps(document)


def answer(source: random.Random) -> Iterator[str]:
    """A chat's answer that grows by a word a message, sent whole each time; then the next one begins."""
    words = [bytes(source.choices(b"etaoinshrdlu", k=source.randrange(2, 9))).decode() for _ in range(400)]
    text = ""
    for _ in range(MESSAGES):
        text = "" if len(text) > 1300 else text + source.choice(words) + " "
        yield json.dumps({"id": 7, "role": "assistant", "content": text})


LOADS: dict[str, Callable[[random.Random], Iterator[str]]] = {"quotes": quotes, "state": state, "answer": answer}


class Client:
    """A stock client, by raw frames."""

    def __init__(self, port: int, path: str = "/ws/echo", offer: str = STOCK_OFFER, tls: bool = False) -> None:
        context = None
        if tls:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.socket = RawWebSocket(port, path, offer, context=context)
        self._context = Context()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def read(self) -> tuple[Frame, str]:
        """The next message, on the wire and as text."""
        received = whole(self.socket)
        return received, self._context.content(received).decode()

    def echo(self, text: str) -> Frame:
        """Has the backend say it."""
        self.socket.send_frame(TEXT, text.encode())
        received, said = self.read()
        assert said == text
        return received

    def bytes(self) -> int:
        """TCP payload that has come (struct tcp_info, tcpi_bytes_received)."""
        info = self.socket.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
        return struct.unpack_from("=Q", info, 128)[0]


def bytes_a_message(port: int, load: str, tls: bool, messages: int = MESSAGES) -> float:
    """TCP payload a message of the load's first ones, without the handshakes.

    Conversations of another length are others: what a client got before is not this one's alone.
    """
    with Client(port, tls=tls) as client:
        before = client.bytes()
        for text in islice(LOADS[load](random.Random(messages)), messages):
            client.echo(text)
        return (client.bytes() - before) / messages
