"""A scripted backend that pushes: each WebSocket that comes runs the test's script, on a real server (`websockets`).

    with Pusher(lambda socket: socket.send("hello")) as pusher: ...

The script runs in a thread of its own; what it returns or raises ends the session.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from types import TracebackType

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from .frames import BINARY, TEXT
from .ports import free_port

Script = Callable[[ServerConnection], object]


class Pusher:
    """Listens on a port of its own; `script` may be replaced between sessions. `paths` are the targets that came."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.paths: list[str] = []
        self.port = free_port()
        self._server = serve(
            self._serve, "127.0.0.1", self.port, compression=None, max_size=None, ping_interval=None, close_timeout=2
        )
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _serve(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        self.paths.append(socket.request.path)
        try:
            self.script(socket)
        except ConnectionClosed:
            pass  # the client left; the test looks at what it got

    def stop(self) -> None:
        """Stops in the background: it would wait for the proxy's warm connections, which never shake hands."""
        threading.Thread(target=self._server.shutdown, daemon=True).start()

    def __enter__(self) -> Pusher:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


def send_message(socket: ServerConnection, opcode: int, payload: bytes, fragments: int = 1, pings: bool = False) -> None:
    """Sends one message, in about as many fragments of equal size; text is cut anywhere, even amid a character.

    `pings`: before each fragment a ping, and a pong that nobody has asked for.
    """
    assert opcode in (TEXT, BINARY)
    size = max(1, len(payload) // fragments)

    def parts() -> Iterator[bytes]:
        for at in range(0, max(1, len(payload)), size):
            if pings:
                socket.ping()
                socket.pong(b"unasked")
            yield payload[at : at + size]

    if fragments == 1 and not pings:
        socket.send(payload, text=opcode == TEXT)
    else:
        socket.send(parts(), text=opcode == TEXT)
