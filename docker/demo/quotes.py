"""Prices that wander: the one piece of state that all three interfaces show."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass

START_PRICES = {"ACME": 120.0, "GLOBEX": 48.5, "HOOLI": 310.0, "INITECH": 12.25, "UMBRELLA": 75.0}


@dataclass
class Quote:
    """One symbol's last price; `sequence` counts its updates, so that a reader can see a gap; `process`: whose id."""

    symbol: str
    price: float
    sequence: int
    at: float
    process: int


class Ticker:
    """Moves one price a tick and tells every subscriber. Lives on the server's event loop."""

    def __init__(self, interval_seconds: float) -> None:
        self._interval = interval_seconds
        self._quotes = {symbol: Quote(symbol, price, 0, time.time(), os.getpid()) for symbol, price in START_PRICES.items()}
        self._queues: set[asyncio.Queue[dict[str, object]]] = set()

    def all(self) -> list[dict[str, object]]:
        """Every quote, in the order of the symbols."""
        return [asdict(quote) for quote in self._quotes.values()]

    def get(self, symbol: str) -> dict[str, object] | None:
        """The quote of one symbol (any case), or None."""
        quote = self._quotes.get(symbol.upper())
        return asdict(quote) if quote else None

    def subscribe(self) -> asyncio.Queue[dict[str, object]]:
        """A queue that gets every update from now on. A reader that falls 1,000 updates behind loses the newest."""
        queue: asyncio.Queue[dict[str, object]] = asyncio.Queue(maxsize=1000)
        self._queues.add(queue)
        return queue

    def unsubscribe(self, queue: asyncio.Queue[dict[str, object]]) -> None:
        """Ends a subscription."""
        self._queues.discard(queue)

    async def run(self, publish: Callable[[dict[str, object]], Awaitable[None]]) -> None:
        """Ticks until cancelled; `publish` is told as well as the queues."""
        while True:
            await asyncio.sleep(self._interval)
            update = self._move()
            for queue in self._queues:
                if not queue.full():
                    queue.put_nowait(update)
            await publish(update)

    def _move(self) -> dict[str, object]:
        quote = random.choice(list(self._quotes.values()))
        quote.price = round(max(0.01, quote.price * random.gauss(1.0, 0.002)), 2)
        quote.sequence += 1
        quote.at = time.time()
        return asdict(quote)
