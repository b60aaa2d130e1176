"""GETs that go on all the time, from threads, some on kept connections and some each on its own."""

from __future__ import annotations

import threading
from collections import Counter, deque
from types import TracebackType

from .ports import wait_until
from .raw import RawClient, Response


PATIENCE = 60.0  # seconds that an answer may take, where all share a few cores


class RequestsLoad:
    """`clients` threads, each of which waits for `pause` seconds between two. `answered`: with 200. `failed`: all else,
    by what it was."""

    def __init__(self, port: int, clients: int = 4, pause: float = 0.0) -> None:
        self._port, self._pause = port, pause
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._recent: deque[str] = deque(maxlen=200)
        self.answered = 0
        self.failed: Counter[str] = Counter()
        self._threads = [threading.Thread(target=self._run, args=(n % 2 == 0,), daemon=True) for n in range(clients)]

    def recent_pids(self) -> Counter[str]:
        """Which processes gave the last 200 answers."""
        with self._lock:
            return Counter(self._recent)

    def wait_for_more(self, count: int, seconds: float = 20) -> None:
        """Until so many more are answered, or failed."""
        goal = self.done + count
        wait_until(lambda: self.done >= goal, seconds, f"{count} more requests are answered")

    @property
    def done(self) -> int:
        return self.answered + self.failed.total()

    def _run(self, keeps: bool) -> None:
        client: RawClient | None = None
        while not self._stopped.wait(self._pause):
            try:
                client = client or RawClient(self._port, timeout=PATIENCE)
                answer = client.request("GET / HTTP/1.1\nHost: test.example\n\n")
            except (OSError, AssertionError) as error:
                self._note(None, f"{type(error).__name__}: {error}")
                keeps_now = False
            else:
                self._note(answer, f"{answer.status} {answer.body[:200].decode('latin-1')}")
                keeps_now = keeps and answer.get("connection") != "close"
            if client is not None and not keeps_now:
                client.close()
                client = None
        if client is not None:
            client.close()

    def _note(self, answer: Response | None, what: str) -> None:
        with self._lock:
            if answer is None or answer.status != 200:
                self.failed[what] += 1
                return
            self.answered += 1
            self._recent.append(answer.get("x-pid") or "")

    def __enter__(self) -> RequestsLoad:
        for one in self._threads:
            one.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stopped.set()
        for one in self._threads:
            one.join()
