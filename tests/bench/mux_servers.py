"""The two servers of mux_floor.py, which run in the process that is measured, and the driver in one of its own."""

import asyncio
import contextlib
import ctypes
import gc
import pathlib
import subprocess
import sys

import uvicorn
from sheaf_asgi import SheafMiddleware

TOKEN = "bench"
# A request as a browser makes it, by way of Sheaf: twelve fields.
FIELDS = [
    ("host", "shop.example.com"), ("connection", "Upgrade"), ("upgrade", "websocket"), ("origin", "https://shop.example.com"),
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"),
    ("sec-websocket-version", "13"), ("accept-encoding", "gzip, deflate, br, zstd"), ("accept-language", "en-GB,en;q=0.9"),
    ("cookie", "session=%032x"), ("sec-websocket-key", "%022x=="), ("x-forwarded-proto", "https"), ("x-request-id", "%032x"),
]  # fmt: skip


ENCODED = [(name.encode(), value.encode()) for name, value in FIELDS]


def request_fields(number):
    """Those of one client."""
    return [(name, value % number if "%" in value else value) for name, value in FIELDS]


class Floor:
    """Sessions under a server that does nothing: `receive` never has a message, `send` drops it. Fields that are alike are
    one object, which flatters the floor."""

    def __init__(self, load, count):
        self._load = load
        self._count = count
        self._tasks = []
        self.clients = load.sets["floor"]

    async def __aenter__(self):
        for number in range(self._count):
            session = Session(self._load.path)
            headers = [field if b"%" not in field[1] else (field[0], field[1] % number) for field in ENCODED]
            scope = {
                "type": "websocket", "asgi": {"version": "3.0", "spec_version": "2.4"}, "http_version": "1.1", "scheme": "ws",
                "server": ("127.0.0.1", 8000), "client": ("192.0.2.1", number), "root_path": "", "path": self._load.path,
                "raw_path": self._load.path.encode(), "query_string": b"floor" + session.more_query, "headers": headers,
                "subprotocols": [], "extensions": {"websocket.http.response": {}}, "state": {},
            }  # fmt: skip
            self._tasks.append(asyncio.create_task(self._load.app(scope, session.receive, session.send)))
        while len(self.clients) < self._count:
            await asyncio.sleep(0.01)
        return self

    async def __aexit__(self, *_):
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.clients.clear()


class Session:
    """One of the floor's. An Engine.IO server's first packet is answered, as it must be."""

    __slots__ = ("_events", "_future", "more_query")

    def __init__(self, path):
        self._future = None
        self._events = [{"type": "websocket.connect"}]
        self.more_query = b"&EIO=4&transport=websocket" if path == "/socket.io/" else b""

    async def receive(self):
        if not self._events:
            self._future = asyncio.get_running_loop().create_future()
            await self._future
        return self._events.pop()

    async def send(self, message):
        if self.more_query and (message.get("text") or "").startswith("0{"):
            self._events.append({"type": "websocket.receive", "text": "40"})
            if self._future:
                self._future.set_result(None)


class LinkServer:
    """uvicorn with the middleware around the load's application."""

    def __init__(self, load, port, implementation, loop):
        app = SheafMiddleware(load.app, token=TOKEN)
        config = uvicorn.Config(app, port=port, ws=implementation, loop=loop, log_level="warning", lifespan="off")
        self._server = uvicorn.Server(config)
        self._task = None
        self.clients = load.sets["mux"]

    async def __aenter__(self):
        self._task = asyncio.create_task(self._server._serve())
        while not self._server.started:
            await asyncio.sleep(0.01)
        return self

    async def until_there_are(self, count):
        """Returns when so many sessions are there."""
        async with asyncio.timeout(60):
            while len(self.clients) < count:
                await asyncio.sleep(0.02)

    async def __aexit__(self, *_):
        self._server.should_exit = True
        await self._task


@contextlib.contextmanager
def driver(port, clients, load):
    """The process that plays the proxy (mux_driver.py)."""
    script = pathlib.Path(__file__).with_name("mux_driver.py")
    command = [sys.executable, str(script), str(port), str(clients), load]
    with subprocess.Popen(command) as process:
        try:
            yield
        finally:
            process.kill()


def settle():
    """Gives back what can be given back, so that resident memory is what is in use."""
    gc.collect()
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def resident_bytes():
    """The resident memory of this process."""
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096
