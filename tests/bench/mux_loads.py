"""The applications of mux_floor.py, and what they do in a second."""

import asyncio
import time

import fastapi
import socketio
import uvloop

QUOTE = '{"type":"price_update","data":{"symbol":"ACME","price":123.45,"change":-0.67,"volume":%d,"number":%d}}'


def run(coroutine, loop):
    """What the coroutine returns, on an event loop of the kind."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop if loop == "uvloop" else asyncio.new_event_loop) as runner:
        return runner.run(coroutine)


class Load:
    """An application whose clients know by the query which of the two sets they are in. `path`: where they connect."""

    name = ""
    path = "/ws"

    def __init__(self):
        self.app = None
        self.sets = {"floor": set(), "mux": set()}

    async def send_all(self, clients, number):
        """One message to each of a set."""
        raise NotImplementedError

    async def cost(self, clients, rate):
        """CPU µs a delivered message over one second with `rate` messages for each client. Those of a tick have left, and
        come back as credit, before the next."""
        began = time.monotonic()
        cpu = time.process_time()
        for number in range(rate):
            await self.send_all(clients, number)
            await asyncio.sleep(max(0.0, began + (number + 1) / rate - time.monotonic()))
        return (time.process_time() - cpu) * 1e6 / (rate * len(clients))


class Plain(Load):
    """FastAPI, without a helper of Sheaf's."""

    def __init__(self):
        super().__init__()
        self.app = fastapi.FastAPI()

        @self.app.websocket("/ws")
        async def serve(socket: fastapi.WebSocket):
            clients = self.sets[socket.url.query]
            await socket.accept()
            clients.add(socket)
            try:
                while True:
                    await socket.receive_text()
            except fastapi.WebSocketDisconnect:
                clients.discard(socket)


class Broadcast(Plain):
    name = "broadcast"

    async def send_all(self, clients, number):
        message = QUOTE % (number, number)
        for client in clients:
            await client.send_text(message)


class Own(Plain):
    name = "own"

    async def send_all(self, clients, number):
        for place, client in enumerate(clients):
            await client.send_text(QUOTE % (number, place))


class SendJson(Plain):
    """The same to all, written anew for each, as send_json() in a loop does."""

    name = "send_json"

    async def send_all(self, clients, number):
        message = {"type": "price_update", "data": {"symbol": "ACME", "price": 123.45, "volume": number, "number": number}}
        for client in clients:
            await client.send_json(message)


class SocketIo(Load):
    """python-socketio, one emit to a room."""

    name = "socketio"
    path = "/socket.io/"

    def __init__(self):
        super().__init__()
        self.server = socketio.AsyncServer(async_mode="asgi", ping_interval=3600)
        self.app = socketio.ASGIApp(self.server)

        @self.server.event
        async def connect(sid, environ):
            kind = environ["QUERY_STRING"].partition("&")[0]
            self.sets[kind].add(sid)
            await self.server.enter_room(sid, kind)

    async def send_all(self, clients, number):
        kind = "floor" if clients is self.sets["floor"] else "mux"
        await self.server.emit("price_update", {"symbol": "ACME", "price": 123.45, "number": number}, room=kind)


LOADS = {load.name: load for load in (Broadcast, SendJson, Own, SocketIo)}
