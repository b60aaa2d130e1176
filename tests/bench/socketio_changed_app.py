"""socketio_app.py with two changes to python-socketio and python-engineio that could be offered to their authors.

What is left of an emit's cost behind mux is theirs: a task for each recipient, and a timer with another task for each
packet that a client's writer takes from its queue. Neither changes what is sent, or when. For the benchmark alone.
"""

from __future__ import annotations

from typing import Any

import engineio.async_socket
import engineio.packet
import socketio
import socketio_app


class Manager(socketio.AsyncManager):
    """A queue without a bound is put to at once, so that a task for each recipient only costs."""

    async def emit(self, event: str, data: Any, namespace: str, room: Any = None, skip_sid: Any = None,
                   callback: Any = None, to: Any = None, **more: Any) -> None:  # fmt: skip
        """As AsyncManager's, of what the benchmark emits: one argument, no binary, no acknowledgement."""
        encoded = self.server.packet_class(socketio.packet.EVENT, namespace=namespace, data=[event, data]).encode()
        packet = engineio.packet.Packet(engineio.packet.MESSAGE, encoded)
        for _, eio_sid in self.get_participants(namespace, to or room):
            await self.server._send_eio_packet(eio_sid, packet)


class Socket(engineio.async_socket.AsyncSocket):
    """The writer of a WebSocket needs no time limit: the reader beside it has the same one, and ends it."""

    async def poll(self) -> list[Any]:
        """What waits to be sent, at least one packet; empty: the connection is to end."""
        if not self.upgraded:
            return await super().poll()
        packets = [await self.queue.get()]
        while not self.queue.empty():
            packets.append(self.queue.get_nowait())
        for _ in packets:
            self.queue.task_done()
        if None not in packets:
            return packets
        self.queue.put_nowait(None)  # the end, once what is before it has been sent
        return [packet for packet in packets if packet is not None] if packets[0] is not None else []


engineio.async_socket.AsyncSocket = Socket
socketio_app.server.manager = Manager()
socketio_app.server.manager.set_server(socketio_app.server)
app = socketio_app.app
