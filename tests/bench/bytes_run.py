"""One row of bytes.py through one way: stock clients that compare and count, and the backend told to send."""

import asyncio
import collections
import dataclasses
import socket
import ssl
import struct
import time

import bytes_plan
import websockets

PATIENCE = 30  # seconds that a message may take
AT_ONCE = 100  # handshakes
PAUSES = {1: 0.002, bytes_plan.BURST: 0.02}  # seconds after a block, by the row's burst
INSECURE = ssl.create_default_context()
INSECURE.check_hostname, INSECURE.verify_mode = False, ssl.CERT_NONE


def bytes_received(plain):
    """TCP payload that has come on a socket (struct tcp_info, tcpi_bytes_received)."""
    return struct.unpack_from("=Q", plain.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256), 128)[0]


def cpu_seconds(pid):
    """CPU time of all threads of a process so far."""
    return time.clock_gettime((~pid << 3) | 2)  # as clock_getcpuclockid(3) makes it


class Client:
    """One stock client, with the offer that it makes by default. `texts`: all that it has to get, in order."""

    def __init__(self, number, texts):
        self.bytes = 0  # TCP payload of the texts, once it is closed
        self._number, self._texts, self._got, self._problem = number, texts, 0, ""
        self._progress = asyncio.Event()

    async def open(self, base, socketio):
        """Connects; returns when the backend has it."""
        path = f"socket.io/?EIO=4&transport=websocket&client={self._number}" if socketio else f"ws?client={self._number}"
        self._socket = await websockets.connect(f"{base}/{path}", **({"ssl": INSECURE} if base.startswith("wss") else {}))
        if socketio:
            await self._socket.recv()  # Engine.IO's handshake
            await self._socket.send("40")
            await self._socket.recv()
            await self._socket.send(f'42["hello",{self._number}]')
        await self._socket.recv()  # welcome
        self._before = self._count()
        self._reading = asyncio.create_task(self._read())

    def _count(self):
        return bytes_received(self._socket.transport.get_extra_info("socket"))

    async def _read(self):
        try:
            async for text in self._socket:
                if self._got >= len(self._texts) or text != self._texts[self._got]:
                    self._complain(f"message {self._got} is wrong: {text[:80]!r}")
                self._got += 1
                self._progress.set()
        except websockets.ConnectionClosedError as closed:
            self._complain(f"after {self._got} messages: {closed}")
        self._progress.set()

    def _complain(self, what):
        self._problem = self._problem or f"client {self._number}: {what}"

    async def reach(self, count):
        """Returns when so many messages have come; RuntimeError when one is wrong, or nothing comes."""
        while self._got < count and not self._problem:
            self._progress.clear()
            try:
                await asyncio.wait_for(self._progress.wait(), PATIENCE)
            except TimeoutError:
                self._complain(f"{self._got} of {count} messages have come")
        if self._problem:
            raise RuntimeError(self._problem)

    async def close(self):
        """Ends the connection when all has come; RuntimeError where more comes than that."""
        await self.reach(len(self._texts))
        self.bytes = self._count() - self._before
        await self._socket.close()
        await self._reading
        await self.reach(len(self._texts))


@dataclasses.dataclass
class Figures:
    """Of one row in one column: bytes a delivered message as the backend wrote it and as it was received, and µs of CPU
    of the backend and of Sheaf (0 where there is none)."""

    plain: float
    received: float
    backend_us: float
    sheaf_us: float

    def with_least_cpu(self, other):
        """These bytes, and what took less: noise only adds to CPU time."""
        return Figures(self.plain, self.received, min(self.backend_us, other.backend_us), min(self.sheaf_us, other.sheaf_us))


class Run:
    """A row's plan, through the way at `base`; `control`: the backend's socket for commands."""

    def __init__(self, row, clients, messages, base, control):
        self._row, self._base, self._control = row, base, control
        self._sizes = {"row": row.title, "clients": clients, "messages": messages}
        self._blocks = row.blocks(clients, messages)
        self._texts = collections.defaultdict(list)
        for block in self._blocks:
            for to, text in block:
                for n in to:
                    self._texts[n].append(text)

    def _steps(self):
        """(first block, end, clients of these): the same clients from one change to the next."""
        if self._row.spread != "broadcast, clients come and go":
            return [(0, len(self._blocks), self._texts.keys())]
        every = bytes_plan.LEAVE_EVERY
        return [(at, at + every, set(self._blocks[at][0][0])) for at in range(0, len(self._blocks), every)]

    async def play(self, pids):
        """Returns the figures. `pids`: of the backend, and of Sheaf if there is one."""
        here, received, sent, due = {}, 0, 0, collections.Counter()
        spent = [0.0, 0.0]
        for first, end, wanted in self._steps():
            received += await close([here.pop(n) for n in here.keys() - wanted])
            here |= await self._open(sorted(wanted - here.keys()))
            due.update(n for block in self._blocks[first:end] for to, _ in block for n in to)
            before = [cpu_seconds(pid) for pid in pids]
            sent += await self._send(first, end)
            await asyncio.gather(*(client.reach(due[n]) for n, client in here.items()))
            for place, pid in enumerate(pids):
                spent[place] += cpu_seconds(pid) - before[place]
        received += await close(here.values())
        plain = sum(len(text.encode()) for texts in self._texts.values() for text in texts)
        return Figures(plain / sent, received / sent, *(seconds / sent * 1e6 for seconds in spent))

    async def _open(self, numbers):
        clients = {n: Client(n, self._texts[n]) for n in numbers}
        for some in range(0, len(numbers), AT_ONCE):
            opened = (clients[n].open(self._base, self._row.load == "events") for n in numbers[some : some + AT_ONCE])
            await asyncio.gather(*opened)
        return clients

    async def _send(self, first, end):
        """Has these blocks sent; returns how many messages that were."""
        await self._control.send_json(self._sizes | {"from": first, "to": end, "pause": PAUSES[self._row.burst]})
        return await asyncio.wait_for(self._control.receive_json(), 10 * PATIENCE)


async def close(clients):
    """Ends these; returns the bytes that they have got."""
    await asyncio.gather(*(client.close() for client in clients))
    return sum(client.bytes for client in clients)
