"""An Engine.IO session over polling by hand: every request on a connection of its own, as the worst client would."""

from __future__ import annotations

import json
import re
from urllib.parse import quote

from .raw import RawClient, Response, get
from .sheaf import Sheaf


class PollingSession:
    """A handshake, whose process is `pid`. `query` goes before the sid; `fields`: more of the handshake's lines."""

    def __init__(self, proxy: Sheaf, query: str = "EIO=4&transport=polling", fields: str = "") -> None:
        self._port, self.path = proxy.port, f"/socket.io/?{query}"
        self.opened = get(self._port, self.path, fields)
        assert self.opened.status == 200, self.opened
        self.pid = int(self.opened.get("x-pid") or 0)
        self.sid = sid_of(self.opened.body)

    def poll(self) -> Response:
        """One GET, which the server answers when it has something to say."""
        return get(self._port, f"{self.path}&sid={self.sid}")

    def post(self, packets: str, form: bool = False) -> Response:
        """One POST; `form`: as JSONP does it."""
        body = f"d={quote(packets)}" if form else packets
        kind = "application/x-www-form-urlencoded" if form else "text/plain;charset=UTF-8"
        with RawClient(self._port) as client:
            head = f"POST {self.path}&sid={self.sid} HTTP/1.1\r\nHost: test.example\r\nContent-Type: {kind}\r\n"
            return client.request(
                f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode()
            )

    def join(self, form: bool = False) -> list[Response]:
        """Connects to Socket.IO's namespace /, and gets the answer."""
        return [self.post("40", form), self.poll()]


def sid_of(body: bytes) -> str:
    """The sid of an OPEN packet, bare, in JSONP's call or behind the binary lengths of Engine.IO 3."""
    found = re.search(r'"sid":\s*("[^"]+")', body.decode("latin-1").replace('\\"', '"'))
    assert found, body
    return str(json.loads(found[1]))
