"""The applications of mux_floor.py, and what they do in a second."""

import asyncio
import time

import engineio
import engineio.async_socket
import fastapi
import socketio
import socketio.packet
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

    def __init__(self, **options):
        super().__init__()
        self.server = socketio.AsyncServer(async_mode="asgi", ping_interval=3600, **options)
        self.app = socketio.ASGIApp(self.server)

        @self.server.event
        async def connect(sid, environ):
            kind = environ["QUERY_STRING"].partition("&")[0]
            self.sets[kind].add(sid)
            await self.server.enter_room(sid, kind)

    async def send_all(self, clients, number):
        kind = "floor" if clients is self.sets["floor"] else "mux"
        await self.server.emit("price_update", {"symbol": "ACME", "price": 123.45, "number": number}, room=kind)


class LeanManager(socketio.AsyncManager):
    """Emits to a room without a task for each member: what is awaited puts a packet into a queue without an end."""

    async def emit(self, event, data, namespace, room=None, skip_sid=None, callback=None, to=None, **kwargs):
        """As its base has it, for what this load sends: one argument, no callback, nobody skipped."""
        encoded = self.server.packet_class(socketio.packet.EVENT, namespace=namespace, data=[event, data]).encode()
        packet = engineio.packet.Packet(engineio.packet.MESSAGE, encoded)
        for _, transport in self.get_participants(namespace, to or room):
            await self.server._send_eio_packet(transport, packet)


async def poll_without_timer(self):
    """engineio's AsyncSocket.poll for a WebSocket, whose reader has the same time limit: no task and timer of its own."""
    packets = [await self.queue.get()]
    while packets[-1] is not None and not self.queue.empty():
        packets.append(self.queue.get_nowait())
    for _ in packets:
        self.queue.task_done()
    if packets[-1] is None and len(packets) > 1:
        self.queue.put_nowait(packets.pop())
    return [] if packets == [None] else packets


class LeanSocketIo(SocketIo):
    """The same with what could be offered to python-socketio and python-engineio: a few lines, the same on the wire."""

    name = "socketio_lean"

    def __init__(self):
        super().__init__(client_manager=LeanManager())
        engineio.async_socket.AsyncSocket.poll = poll_without_timer


LOADS = {load.name: load for load in (Broadcast, SendJson, Own, SocketIo, LeanSocketIo)}
