"""A WebSocket server that sends scripted frames, as Sheaf would or as a broken one would."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

from .ports import wait_until

Script = Callable[[ServerConnection], None]
ENGINE_OPEN = '0{"sid":"e","upgrades":[],"pingTimeout":20000,"pingInterval":25000,"maxPayload":1000000}'


class BatchServer:
    """Runs `script` for each connection and confirms `envelope` in its answer; "" confirms none.

    After the script it reads until the client closes, for `received` and `close_codes`.
    """

    def __init__(self, script: Script, envelope: str = "") -> None:
        self.paths: list[str] = []
        self.received: list[str | bytes] = []
        self.close_codes: list[int | None] = []
        self._script = script
        self._envelope = envelope
        self._server = serve(self._handle, "127.0.0.1", 0, process_response=self._confirm, close_timeout=2)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> BatchServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join(5)

    @property
    def authority(self) -> str:
        return "127.0.0.1:{}".format(self._server.socket.getsockname()[1])

    @property
    def url(self) -> str:
        return f"ws://{self.authority}/live"

    def close_code(self) -> int | None:
        """The code of the first connection that ended; waits for it."""
        return wait_until(lambda: self.close_codes, 5, "a connection ended")[0]

    def _confirm(self, connection: ServerConnection, request: Request, response: Response) -> None:
        self.paths.append(request.path)
        if self._envelope:
            response.headers["Sheaf-Batch"] = self._envelope

    def _handle(self, connection: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            self._script(connection)
            for message in connection:
                self.received.append(message)
        self.close_codes.append(connection.protocol.close_code)


def frames(*sent: str | bytes) -> Script:
    """A script that sends these frames."""

    def run(connection: ServerConnection) -> None:
        for frame in sent:
            connection.send(frame)

    return run


def socketio_frames(*sent: str | bytes, namespaces: tuple[str, ...] = ("/",)) -> Script:
    """A script that opens Engine.IO, lets the client into these namespaces, and sends these frames."""

    def run(connection: ServerConnection) -> None:
        connection.send(ENGINE_OPEN)
        for _ in namespaces:
            name = str(connection.recv()).removeprefix("40").partition(",")[0]
            connection.send(f'40{name + "," if name.startswith("/") else ""}{{"sid":"s"}}')
        for frame in sent:
            connection.send(frame)

    return run
