"""Locust's users: traders by Socket.IO and by plain WebSocket, each with a pace of its own of 0.1 to 2.0 actions a second.

Of their actions 1 in 40 asks for a watch list of 50 to 100 quotes, 1 in 10 is a REST request on a connection that is kept, the
others are orders that the backend acknowledges. generator.py runs them; so does Locust's own page (locust -f traders.py).
"""

from __future__ import annotations

import array
import http.client
import itertools
import json
import os
import random
import time
from collections.abc import Callable
from typing import Any

import gevent
import socketio
import websocket
from gevent.event import Event
from locust import User, constant_pacing, task

from sheaf_batch import decode_frame, with_envelope
from sheaf_batch.socketio import unbatch

SLOWEST, FASTEST = 0.1, 2.0  # actions a second
WATCH_EVERY, REST_EVERY = 40, 10
WATCH_SIZE = (50, 100)
TIMEOUT = 20  # seconds, for a connection or an answer
BATCHING = bool(os.environ.get("LOAD_BATCHING"))
"""Whether the users ask for batches, with the helpers of sheaf-batch."""


class Tally:
    """What all users have counted. Times and frames count while `steady`; all else always. Once `leaving` nobody begins anything
    more, and `busy` is the number of those that are not through."""

    def __init__(self) -> None:
        self.steady = self.leaving = False
        self.busy = 0
        self.connected = self.failed = 0
        self.asked = self.quotes = 0  # quotes that watch lists have to bring, and that came
        self.sent = self.received = self.frames = 0  # messages each way over WebSockets, and the frames that they came in
        self.watched = self.watch_frames = 0  # messages of watch lists, acknowledgement included, and their frames
        self.rest = 0
        self.seconds = array.array("d")  # from an order to its acknowledgement
        self.rest_seconds = array.array("d")
        self.problems: list[str] = []

    def fail(self, problem: str) -> None:
        """One thing that went wrong; the first ten are kept in words."""
        self.failed += 1
        if len(self.problems) < 10:
            self.problems.append(problem)


tally = Tally()
_numbers = itertools.count()


class Trader(User):
    """What both kinds do. `frames` and `messages` are those of this trader's connection."""

    abstract = True

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        self.random = random.Random(next(_numbers))
        self._pace = constant_pacing(1 / self.random.uniform(SLOWEST, FASTEST))
        self._actions = itertools.count(self.random.randrange(WATCH_EVERY))
        self.frames = self.messages = 0
        self._http: http.client.HTTPConnection | None = None

    def wait_time(self) -> float:
        """The rest of this trader's own interval, in seconds."""
        return self._pace(self)

    def on_start(self) -> None:
        """Connects; who cannot is told in the tally, and does nothing more."""
        try:
            self.open()
        except Exception as problem:
            tally.fail(f"{type(self).__name__}, connecting: {problem!r}")
            gevent.sleep(1e6)
        tally.connected += 1
        gevent.sleep(self.random.uniform(0, 1 / FASTEST))

    def on_stop(self) -> None:
        """Leaves as a browser does."""
        tally.connected -= 1
        self.close()
        if self._http:
            self._http.close()

    def note(self, messages: int) -> None:
        """One frame came, with so many messages."""
        self.frames += 1
        self.messages += messages
        if tally.steady:
            tally.frames += 1
            tally.received += messages

    @task
    def act(self) -> None:
        """One action."""
        if tally.leaving:
            return
        number = next(self._actions)
        action = self.watch if number % WATCH_EVERY == 0 else self.rest if number % REST_EVERY == 1 else self.order
        tally.busy += 1
        try:
            action(number)
        except Exception as problem:
            tally.fail(f"{type(self).__name__}, {action.__name__} {number}: {problem!r}")
        finally:
            tally.busy -= 1

    def order(self, number: int) -> None:
        """An order, and its acknowledgement."""
        self.timed(tally.seconds, lambda: self.ask("order", {"number": number}))
        tally.sent += tally.steady

    def rest(self, number: int) -> None:
        """A REST request."""
        self.timed(tally.rest_seconds, lambda: self.fetch(number))
        tally.rest += tally.steady

    def timed(self, seconds: array.array[float], action: Callable[[], None]) -> None:
        """Does it, and notes how long it took."""
        began = time.perf_counter()
        action()
        if tally.steady:
            seconds.append(time.perf_counter() - began)

    def watch(self, number: int) -> None:
        """A watch list; the acknowledgement comes last."""
        quotes = self.random.randint(*WATCH_SIZE)
        before = self.frames, self.messages, tally.steady
        tally.asked += quotes
        self.ask("watch", {"number": number, "quotes": quotes})
        if before[2] and tally.steady:
            tally.sent += 1
            tally.watch_frames += self.frames - before[0]
            tally.watched += self.messages - before[1]

    def fetch(self, number: int) -> None:
        """GET; as browsers do, a second time where the server has closed the kept connection meanwhile."""
        if self._http is None:
            self._http = http.client.HTTPConnection(self.host.split("//")[1], timeout=TIMEOUT)
        try:
            self._get(self._http, number)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            self._http.close()
            self._get(self._http, number)

    def _get(self, connection: http.client.HTTPConnection, number: int) -> None:
        connection.request("GET", f"/quotes/S{number}")
        response = connection.getresponse()
        response.read()
        if response.status != 200:
            raise OSError(f"GET answered {response.status}")

    def open(self) -> None:
        """Connects."""
        raise NotImplementedError

    def close(self) -> None:
        """Leaves."""
        raise NotImplementedError

    def ask(self, name: str, data: dict[str, Any]) -> None:
        """Sends a message and waits for its acknowledgement. Raises OSError or TimeoutError."""
        raise NotImplementedError


class PlainTrader(Trader):
    """Over a WebSocket of websocket-client, in JSON."""

    def open(self) -> None:
        url = self.host.replace("http", "ws", 1) + "/ws"
        self._answers: dict[int, Event] = {}
        self._next = 0  # of the watch list that comes
        self._socket = websocket.create_connection(with_envelope(url, "json") if BATCHING else url, timeout=TIMEOUT)
        if BATCHING and self._socket.getheaders().get("sheaf-batch") != "json":
            raise OSError("Sheaf has not confirmed the envelope json")
        self._socket.settimeout(None)
        self._reader = gevent.spawn(self._read)

    def close(self) -> None:
        self._reader.kill()
        self._socket.close()

    def ask(self, name: str, data: dict[str, Any]) -> None:
        answer = self._answers[data["number"]] = Event()
        self._socket.send(json.dumps(data))
        if not answer.wait(TIMEOUT):
            raise TimeoutError

    def _read(self) -> None:
        try:
            while True:
                self._take(self._socket.recv())
        except Exception as problem:
            tally.fail(f"{type(self).__name__}, reading: {problem!r}")

    def _take(self, frame: str) -> None:
        messages = decode_frame("json", frame) if BATCHING else [frame]
        self.note(len(messages))
        for message in map(json.loads, messages):
            if "ack" in message:
                self._next = 0
                self._answers.pop(message["ack"]).set()
                continue
            if message["symbol"] != f"S{self._next}":
                tally.fail(f"{type(self).__name__}: {message['symbol']} came for S{self._next}")
            self._next += 1
            tally.quotes += 1


class SocketIoTrader(Trader):
    """By the stock python-socketio client, over its WebSocket."""

    def open(self) -> None:
        self._client = socketio.Client(reconnection=False, handle_sigint=False)
        self._client.on("price_update", self._count)
        url = self.host
        if BATCHING:
            unbatch(self._client, "engineio")
            url = with_envelope(url, "engineio")
        self._client.connect(url, transports=["websocket"], wait_timeout=TIMEOUT)
        self._count_frames(self._client.eio.ws)

    def close(self) -> None:
        self._client.disconnect()

    def ask(self, name: str, data: dict[str, Any]) -> None:
        if self._client.call(name, data, timeout=TIMEOUT) != data["number"]:
            raise OSError("another message's acknowledgement")

    def _count(self, data: dict[str, Any]) -> None:
        tally.quotes += 1

    def _count_frames(self, socket: websocket.WebSocket) -> None:
        """Each frame as it comes from the library; Engine.IO's own pings are no messages."""
        receive = socket.recv

        def counted() -> str:
            frame = receive()
            messages = sum(packet.startswith("4") for packet in frame.split("\x1e"))
            if messages:
                self.note(messages)
            return frame

        socket.recv = counted
