"""An application's end of mux that follows a script, right or wrong: a real WebSocket server with no sheaf-asgi in it."""

from __future__ import annotations

import socket
import struct
import threading
from collections import deque
from collections.abc import Callable
from types import TracebackType

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve
from websockets.typing import Subprotocol

from . import mux_records as records
from .modes import MUX_PATH
from .mux_records import MORE, Fields, Hello, Record
from .ports import free_port, wait_until

SESSION_WINDOW = 262_144
PROCESS = 0x1122_3344_5566_7788


def app_hello(*, session_window: int = SESSION_WINDOW, link_window: int = 49_152, **more: int) -> Record:
    """The app's HELLO; `more`: as of records.hello()."""
    return records.hello(
        session_window=session_window, link_window=link_window, **{"process": PROCESS, **more}
    )


def accept(stream: int, fields: Fields = (), subprotocol: str = "") -> Record:
    return Record("ACCEPT", stream, records.text(subprotocol) + records.fields(fields))


def refuse(stream: int, status: int, fields: Fields = (), body: bytes | None = None) -> list[Record]:
    """REFUSE and, where there is a body, its BODY."""
    head = Record("REFUSE", stream, struct.pack("<H", status) + records.fields(fields), 0 if body is None else MORE)
    return [head, *([] if body is None else [Record("BODY", stream, body)])]


def streams(*ids: int) -> bytes:
    """A count and as many streams."""
    return struct.pack(f"<I{len(ids)}I", len(ids), *ids)


def group(number: int, *ids: int) -> Record:
    return Record("GROUP", number, streams(*ids))


def multicast(data: bytes, *ids: int) -> Record:
    return Record("MULTICAST", 0, streams(*ids) + data)


def to_group(number: int, data: bytes, flags: int = 0) -> Record:
    return Record("MULTICAST", number, data, records.GROUP_FLAG | flags)


class AppLink:
    """One link, from the app's side. `close_code`: with which the proxy has closed it (None: it has not, or without a
    word)."""

    def __init__(self, connection: ServerConnection) -> None:
        self._socket = connection
        self._waiting: deque[Record] = deque()
        self.close_code: int | None = None
        self.greeted = threading.Event()
        self.over = threading.Event()

    def send(self, *some: Record) -> None:
        """One frame. Nothing happens where the link is closed."""
        self.send_frame(b"".join(one.encode() for one in some))

    def send_frame(self, frame: bytes | str) -> None:
        """Any message of the WebSocket."""
        try:
            self._socket.send(frame)
        except ConnectionClosed:
            pass

    def greet(self, hello: Record | None = None) -> Hello:
        """Both HELLOs; returns the proxy's."""
        self.send(hello or app_hello())
        answer = records.read_hello(self.next())
        self.greeted.set()
        return answer

    def next(self, *kinds: str, seconds: float = 15) -> Record:
        """The next record, or the next of these kinds, those before it being dropped. PINGs are answered."""
        while True:
            while not self._waiting:
                self._waiting.extend(records.decode(bytes(self._socket.recv(timeout=seconds))))  # type: ignore[arg-type]
            record = self._waiting.popleft()
            if record.kind == "PING":
                self.send(Record("PONG", 0, record.payload))
            elif not kinds or record.kind in kinds:
                return record

    def opened(self) -> int:
        """Waits for a session, and returns its stream."""
        payload = b""
        while True:
            record = self.next("OPEN")
            payload += record.payload
            if not record.more:
                return record.stream

    def accepted(self) -> int:
        """The same, and accepts it."""
        stream = self.opened()
        self.send(accept(stream))
        return stream

    def echo(self) -> None:
        """Serves all sessions, as an application that echoes, until the link ends."""
        while True:
            record = self.next()
            if record.kind == "OPEN" and not record.more:
                self.send(accept(record.stream))
            elif record.kind in ("TEXT", "BINARY"):
                self.send(record, records.credit(record.stream, records.charge(record.payload)))
                self.send(records.credit(0, records.charge(record.payload)))
            elif record.kind == "CLOSE":
                self.send(Record("CLOSE", record.stream, record.payload[:2]))

    def drop(self) -> None:
        """Ends the connection without a word."""
        try:
            self._socket.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it has ended meanwhile

    def finish(self) -> None:
        """Reads until the link ends, and notes how."""
        try:
            while True:
                self._socket.recv()
        except ConnectionClosed as closed:
            self.close_code = closed.rcvd.code if closed.rcvd else None
        self.over.set()


Script = Callable[[AppLink], None]


def polite(link: AppLink) -> None:
    """Does all as it should be."""
    link.greet()
    link.echo()


class FakeApp:
    """Gives each new link to its script, see play(); what connects without being a link is echoed. `links`: all that there
    were; `tokens`: by what they were known; `tunnels`: how many others there were."""

    def __init__(self) -> None:
        self.links: list[AppLink] = []
        self.tokens: list[str] = []
        self.tunnels = 0
        self.port = free_port()
        self._script: Script = polite
        self._server = serve(
            self._serve, "127.0.0.1", self.port, compression=None, max_size=None, ping_interval=None,
            subprotocols=[Subprotocol("sheaf-mux")], select_subprotocol=self._select,
        )  # fmt: skip
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _select(self, connection: ServerConnection, offered: list[Subprotocol]) -> Subprotocol | None:
        return Subprotocol("sheaf-mux") if is_link(connection) and "sheaf-mux" in offered else None

    def _serve(self, connection: ServerConnection) -> None:
        if not is_link(connection):
            self.tunnels += 1
            for message in connection:
                connection.send(message)
            return
        assert connection.request is not None and "sec-websocket-extensions" not in connection.request.headers
        self.tokens.append(connection.request.headers["authorization"])
        link, script = AppLink(connection), self._script
        self.links.append(link)
        try:
            script(link)
        except (ConnectionClosed, TimeoutError):
            pass  # a script that waits for what does not come ends with its link
        link.finish()

    def play(self, script: Script) -> None:
        """Has all links from now on follow the script, and ends those that there are: not before they have their HELLOs,
        since that would be an app that does not speak mux."""
        self._script = script
        for link in list(self.links):
            wait_until(lambda one=link: one.greeted.is_set() or one.over.is_set(), 20, "the link is made, or given up")
            link.drop()
            assert link.over.wait(20)

    def nth(self, index: int) -> AppLink:
        """That link, as soon as it is there."""
        return wait_until(lambda: self.links[index] if len(self.links) > index else None, 20, "a link comes")

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()

    def __enter__(self) -> FakeApp:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


def is_link(connection: ServerConnection) -> bool:
    """Whether it asks for the path of links."""
    return connection.request is not None and connection.request.path == MUX_PATH
