"""Plain HTTP clients in threads, and what became of their requests."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, field

from .raw import RawClient


@dataclass
class Outcome:
    """`statuses`: how often each came; a failure counts by its exception's name. `slowest`: of one request (s)."""

    statuses: Counter[int | str] = field(default_factory=Counter)
    slowest: float = 0.0


class Asker:
    """One client. With `keep_alive` it uses its connection again, as long as the server lets it."""

    def __init__(self, port: int, keep_alive: bool, timeout: float) -> None:
        self._port, self._timeout = port, timeout
        self._keep_alive = keep_alive
        self._client: RawClient | None = None

    def ask(self, path: str) -> int | str:
        """The status of one GET, or the name of what went wrong."""
        end = "" if self._keep_alive else "Connection: close\n"
        try:
            self._client = self._client or RawClient(self._port, timeout=self._timeout)
            response = self._client.request(f"GET {path} HTTP/1.1\nHost: a\n{end}\n")
        except (OSError, AssertionError) as failure:
            self.close()
            return type(failure).__name__
        if not self._keep_alive or (response.get("connection") or "").lower() == "close":
            self.close()
        return response.status

    def close(self) -> None:
        if self._client:
            self._client.close()
        self._client = None


def ask_from_many(
    port: int, *, requests: int, clients: int, path: str = "/", keep_alive: bool = False, timeout: float = 10
) -> Outcome:
    """`requests` GETs, spread over `clients` that ask at the same time."""
    outcome, lock = Outcome(), threading.Lock()

    def ask_some() -> None:
        asker = Asker(port, keep_alive, timeout)
        for _ in range(requests // clients):
            began = time.monotonic()
            status = asker.ask(path)
            with lock:
                outcome.statuses[status] += 1
                outcome.slowest = max(outcome.slowest, time.monotonic() - began)
        asker.close()

    threads = [threading.Thread(target=ask_some) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcome
