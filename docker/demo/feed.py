"""Feeds: streams of quotes at a rate that their readers set. Whoever reads the same feed gets the same quotes."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import deque

SYMBOLS = {
    "ACME": 120.0, "AVIATO": 64.2, "CYBERDYNE": 212.0, "GLOBEX": 48.5, "HOOLI": 310.0, "INITECH": 12.25,
    "SOYLENT": 27.8, "STARK": 143.6, "TYRELL": 88.1, "UMBRELLA": 75.0, "WAYNE": 97.4, "WONKA": 35.9,
}  # fmt: skip
DEFAULT_RATE = 250.0
MIN_RATE, MAX_RATE = 1.0, 2000.0
MOST_FEEDS = 100
MOST_WAITING = 30_000


class TooManyFeeds(Exception):
    """A new feed would be one too many."""


class Subscription:
    """What waits for one reader of a feed. A reader that falls MOST_WAITING quotes behind loses the oldest."""

    def __init__(self) -> None:
        self._texts: deque[str] = deque(maxlen=MOST_WAITING)
        self._filled = asyncio.Event()

    def put(self, text: str) -> None:
        """Adds a quote, as JSON."""
        self._texts.append(text)
        self._filled.set()

    async def get(self) -> str:
        """The oldest quote that waits, once there is one."""
        await self._filled.wait()
        text = self._texts.popleft()
        if not self._texts:
            self._filled.clear()
        return text


class Feed:
    """Makes `rate` quotes a second, numbered from 1, as long as somebody reads. Lives on the server's event loop."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._sequence = 0
        self._prices = dict(SYMBOLS)
        self._readers: set[Subscription] = set()
        self._rate_changed = asyncio.Event()
        self._making: asyncio.Task[None] | None = None

    @property
    def rate(self) -> float:
        """Quotes a second."""
        return self._rate

    @rate.setter
    def rate(self, rate: float) -> None:
        self._rate = rate
        self._rate_changed.set()

    @property
    def is_read(self) -> bool:
        return bool(self._readers)

    def subscribe(self) -> Subscription:
        """Every quote from now on."""
        subscription = Subscription()
        self._readers.add(subscription)
        if self._making is None:
            self._making = asyncio.create_task(self._make())
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Ends a subscription; the last one ends the making of quotes."""
        self._readers.discard(subscription)
        if not self._readers and self._making:
            self._making.cancel()
            self._making = None

    async def _make(self) -> None:
        due = time.monotonic()
        while True:
            # Timers are no finer than a millisecond: at high rates several quotes are due at once.
            while due <= time.monotonic():
                self._publish(self._next_quote())
                due += 1 / self._rate
            self._rate_changed.clear()
            try:
                await asyncio.wait_for(self._rate_changed.wait(), due - time.monotonic())
                due = time.monotonic() + 1 / self._rate
            except TimeoutError:
                pass

    def _next_quote(self) -> str:
        symbol = random.choice(list(self._prices))
        price = round(max(0.01, self._prices[symbol] * random.gauss(1.0, 0.0008)), 2)
        self._prices[symbol] = price
        self._sequence += 1
        quote = {"type": "quote", "symbol": symbol, "price": price, "sequence": self._sequence, "at": time.time()}
        return json.dumps(quote, separators=(",", ":"))

    def _publish(self, text: str) -> None:
        for reader in self._readers:
            reader.put(text)


class Feeds:
    """The feeds that are read now, by name."""

    def __init__(self) -> None:
        self._feeds: dict[str, Feed] = {}

    def get(self, name: str) -> Feed | None:
        """The feed of this name, if somebody reads it."""
        return self._feeds.get(name)

    def subscribe(self, name: str, rate: float | None) -> Subscription:
        """Subscribes to a feed; where there is none of this name, it is made, with this rate or the default.

        Raises TooManyFeeds.
        """
        feed = self._feeds.get(name)
        if feed is None:
            if len(self._feeds) >= MOST_FEEDS:
                raise TooManyFeeds(f"{MOST_FEEDS} feeds are read already")
            feed = self._feeds[name] = Feed(rate or DEFAULT_RATE)
        return feed.subscribe()

    def unsubscribe(self, name: str, subscription: Subscription) -> None:
        """Ends a subscription, and the feed if nobody else reads it."""
        feed = self._feeds[name]
        feed.unsubscribe(subscription)
        if not feed.is_read:
            del self._feeds[name]
