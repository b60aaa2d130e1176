"""The backend of the soak of deflate: FastAPI that says a random mix of messages to all, to rooms and to one.

/soak and /conflated make a client a member. Messages are {"s": stream, "g": number, "c": checksum, "b": body}, as text or
binary; numbers grow over all streams, and 0 is in no order. The checksum is the CRC-32 of the others, with a space
between each. Some messages are empty. {"bye": N, "over": BOOL} is the
last one to a client: it was sent N before; it comes again unless the soak is over.

/control takes {"deliveries": N}, answered with what was sent and how many members there are, and {"over": true}.
"""

from __future__ import annotations

import asyncio
import json
import random
import zlib
from collections.abc import Callable, Iterable, Iterator

import fastapi

ROOMS = 10
BYE_EVERY = 15  # steps, on average
PAUSE_EVERY = 4  # steps, on average, after which what was sent may arrive before the next
WORDS = ["".join(random.Random(n).choices("etaoinshrdlu", k=2 + n % 8)) for n in range(300)] + ["é", "𝄞"]
app = fastapi.FastAPI()


class Member:
    """A client, and how many messages it was sent."""

    def __init__(self, socket: fastapi.WebSocket, source: random.Random) -> None:
        self.conflated = socket.url.path == "/conflated"
        self.rooms = source.sample(range(ROOMS), source.choice((0, 1, 1, 2)))
        self._socket, self._count = socket, 0

    async def send(self, data: str | bytes) -> None:
        """A message to it; nothing where it has gone."""
        self._count += 1
        try:
            await (self._socket.send_text(data) if isinstance(data, str) else self._socket.send_bytes(data))
        except (fastapi.WebSocketDisconnect, RuntimeError):
            mix.members.pop(self, None)

    async def say_bye(self, over: bool) -> None:
        """Its last message."""
        mix.members.pop(self, None)
        await self.send(json.dumps({"bye": self._count, "over": over}))


def quote(source: random.Random) -> str:
    """Some 60 bytes."""
    symbol, price, volume = source.choice(WORDS), source.uniform(100, 900), source.randrange(10**6)
    return f"price_update symbol={symbol} price={price:.2f} volume={volume}"


def words(source: random.Random, count: int) -> str:
    """A text."""
    return " ".join(source.choices(WORDS, k=count))


def answers(source: random.Random) -> Iterator[str]:
    """Texts that grow by a word each."""
    text = ""
    while True:
        text = "" if len(text) > 1300 else f"{text} {source.choice(WORDS)}"
        yield text


def states(source: random.Random) -> Iterator[str]:
    """Documents of some 7 KB of which little changes."""
    values = [source.randrange(10_000) for _ in range(320)]
    while True:
        values[source.randrange(320)] = source.randrange(10_000)
        yield " ".join(f"sensor_{n}={value}mV" for n, value in enumerate(values))


class Mix:
    """All members, and what is said next. Everything comes from one random source with a fixed seed."""

    def __init__(self) -> None:
        self.members: dict[Member, None] = {}  # in the order in which they came
        self.over = False
        self._source = random.Random(16)
        self._number = 0
        self._answers = [answers(self._source) for _ in range(ROOMS + 1)]
        self._states = states(self._source)
        self._own: Member | None = None  # who gets a growing answer alone
        self._steps: dict[Callable[[], tuple[Iterable[Member], str, str]], int] = {
            self._to_all: 30, self._to_room: 25, self._batch: 5, self._state: 3, self._room_answer: 10, self._skipping: 10,
            self._few: 6,
            self._small_unicast: 12, self._large_unicast: 8, self._own_answer: 8, self._beat: 4, self._conflatable: 50,
        }
        self._rare = {self._huge: 1, self._empty: 10}

    async def say(self, deliveries: int) -> int:
        """At least so many; returns how many."""
        sent, source = 0, self._source
        while sent < deliveries:
            steps = self._rare if source.random() < 0.02 else self._steps
            to, stream, body = source.choices(list(steps), list(steps.values()))[0]()
            data = self._message(stream, body) if stream else ""
            for member in [one for one in to if one in self.members]:
                await member.send(data)
                sent += 1
            await self._pause()
        return sent

    async def _pause(self) -> None:
        if self.members and self._source.random() * BYE_EVERY < 1:
            one = self._source.choice(list(self.members))
            # Slow ones take long to read up to their bye, and are to be slow meanwhile, not gone.
            if not one.conflated or self._source.random() < 0.1:
                await one.say_bye(over=False)
        await asyncio.sleep(self._source.choice((0.0, 0.001, 0.004)) if self._source.random() * PAUSE_EVERY < 1 else 0.0)

    def _message(self, stream: str, body: str) -> str | bytes:
        self._number += 1
        number = self._number if stream != "beat" else 0
        checksum = zlib.crc32(f"{stream} {number} {body}".encode())
        message = {"s": stream, "g": number, "c": f"{checksum:08x}", "b": body}
        text = json.dumps(message, separators=(",", ":"), ensure_ascii=False)
        return text.encode() if stream[0] != "q" and self._number % 10 == 0 else text

    def _fast(self) -> list[Member]:
        return [member for member in self.members if not member.conflated]

    def _one(self) -> list[Member]:
        fast = self._fast()
        return [self._source.choice(fast)] if fast else []

    def _room(self) -> tuple[list[Member], str]:
        room = self._source.randrange(ROOMS)
        return [member for member in self._fast() if room in member.rooms], f"room{room}"

    # ---- what one step says: to whom, in which stream, what

    def _to_all(self) -> tuple[Iterable[Member], str, str]:
        return self._fast(), "all", quote(self._source)

    def _to_room(self) -> tuple[Iterable[Member], str, str]:
        return *self._room(), quote(self._source)

    def _batch(self) -> tuple[Iterable[Member], str, str]:
        return self._fast(), "all", "; ".join(quote(self._source) for _ in range(18))

    def _state(self) -> tuple[Iterable[Member], str, str]:
        return self._fast(), "all", next(self._states)

    def _room_answer(self) -> tuple[Iterable[Member], str, str]:
        to, room = self._room()
        return to, room, next(self._answers[int(room[4:])])

    def _skipping(self) -> tuple[Iterable[Member], str, str]:
        return [one for one in self._fast() if self._source.random() < 0.8], "all", quote(self._source)

    def _few(self) -> tuple[Iterable[Member], str, str]:
        fast = self._fast()
        return self._source.sample(fast, min(len(fast), self._source.choice((2, 2, 3)))), "few", quote(self._source)

    def _small_unicast(self) -> tuple[Iterable[Member], str, str]:
        return self._one(), "own", f"ack {self._source.randrange(10**6)}"

    def _large_unicast(self) -> tuple[Iterable[Member], str, str]:
        return self._one(), "own", words(self._source, self._source.choice((50, 60, 900)))

    def _own_answer(self) -> tuple[Iterable[Member], str, str]:
        if self._own not in self.members or self._source.random() < 0.02:
            self._own = next(iter(self._one()), None)
        return [self._own] if self._own else [], "own", next(self._answers[ROOMS])

    def _beat(self) -> tuple[Iterable[Member], str, str]:
        return list(self.members), "beat", f"all is well, says number {self._source.randrange(3)}"

    def _conflatable(self) -> tuple[Iterable[Member], str, str]:
        slow = [member for member in self.members if member.conflated]
        return slow, f"q{self._source.randrange(8)}", self._source.randbytes(3000).hex()

    def _huge(self) -> tuple[Iterable[Member], str, str]:
        return *self._room(), words(self._source, 40_000)

    def _empty(self) -> tuple[Iterable[Member], str, str]:
        return self._fast(), "", ""


mix = Mix()


async def member(socket: fastapi.WebSocket) -> None:
    """One client, until it goes."""
    await socket.accept()
    one = Member(socket, random.Random(len(mix.members)))
    mix.members[one] = None
    if mix.over:
        await one.say_bye(over=True)
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass
    mix.members.pop(one, None)


app.websocket("/soak")(member)
app.websocket("/conflated")(member)


@app.websocket("/control")
async def control(socket: fastapi.WebSocket) -> None:
    """Says what it is told to."""
    await socket.accept()
    async for command in socket.iter_json():
        sent = await mix.say(command["deliveries"]) if "deliveries" in command else 0
        if "over" in command:
            mix.over = True
            await asyncio.gather(*(one.say_bye(over=True) for one in list(mix.members)))
        await socket.send_json({"sent": sent, "members": len(mix.members)})


@app.get("/")
async def page() -> fastapi.responses.HTMLResponse:
    """A page for a browser's clients."""
    return fastapi.responses.HTMLResponse("<!DOCTYPE html><title>soak</title>")
