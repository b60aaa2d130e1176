"""A backend on Python's stock websockets server that sends messages in pieces, and says what reached it.

It takes any number of fragments itself, where the stock one takes 4,096: the proxy is under test.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
from collections.abc import Iterator

from .helpers import Helper
from .ports import free_port


def pieces(count: int, size: int) -> Iterator[str]:
    """Numbered texts of `size` characters each, the number cut off at its front."""
    for number in range(count):
        yield f"{number:0{size}}"[-size:]


def digest(payload: str | bytes) -> str:
    data = payload.encode() if isinstance(payload, str) else payload
    return f"{len(data)} {hashlib.sha256(data).hexdigest()}"


def digest_of_pieces(count: int, size: int) -> str:
    return digest("".join(pieces(count, size)))


class FragmentingBackend(Helper):
    """Answers {"count", "size"} with such pieces as one message, and any other message with its digest."""

    def __init__(self) -> None:
        self.port = free_port()
        super().__init__("fragmenting", port=self.port)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def run(port: int) -> None:
    os.environ["WEBSOCKETS_MAX_FRAGMENTS"] = "1000000"  # read when the package is imported
    from websockets.exceptions import ConnectionClosed
    from websockets.sync.server import ServerConnection, serve

    def handle(connection: ServerConnection) -> None:
        try:
            for message in connection:
                if isinstance(message, str) and message.startswith("{"):
                    connection.send(pieces(**json.loads(message)))
                else:
                    connection.send(digest(message))
        except ConnectionClosed:
            pass

    with serve(handle, "127.0.0.1", port, max_size=None, compression=None) as server:
        print("{}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int)
    run(parser.parse_args().port)
