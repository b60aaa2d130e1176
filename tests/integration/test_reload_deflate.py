"""What a reload does to [deflate]."""

from __future__ import annotations

import random
import time


from harness.compression import OFFER, RSV1, STOCK_OFFER, Context, whole
from harness.fixtures import recorder_fixture, reloadable
from harness.frames import TEXT, Frame, RawWebSocket, frame
from harness.ports import wait_until
from harness.recorder import Connection, Recorder, upgrade_answer
from harness.reloading import BOTH_PLACES, ReloadableSheaf, live, new_sessions, where
from harness.sheaf import Conf

BASE: Conf = {"workers": 1, "batching": {"delivery": "off"}, "deflate": {"context": "none"}}
WORDS = " ".join(random.Random(5).choices(["alpha", "beta", "gamma", "delta", "omega", "sigma"], k=20_000)).encode()


recorder = recorder_fixture(upgrade_answer, at_head=True)


running, proxy = reloadable(BASE, "recorder")


class Session:
    """A client that offers permessage-deflate, and the backend's end."""

    def __init__(self, proxy: ReloadableSheaf, recorder: Recorder, offer: str = STOCK_OFFER) -> None:
        self.client = RawWebSocket(proxy.port, "/ws", offer)
        self._backend: Connection = recorder.latest.connection
        self._context = Context()

    @property
    def extension(self) -> str:
        return self.client.handshake.get("sec-websocket-extensions") or ""

    def push(self, message: bytes) -> Frame:
        """The backend sends it; returns what came of it here, once that is checked."""
        self._backend.send(frame(TEXT, message, masked=False))
        received = whole(self.client)
        assert self._context.content(received) == message
        return received

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()


@BOTH_PLACES
@new_sessions("deflate.enabled")
def test_enabled(proxy: ReloadableSheaf, recorder: Recorder, in_route: bool) -> None:
    with Session(proxy, recorder) as old:
        proxy.reload(*where("deflate.enabled", False, in_route))
        with Session(proxy, recorder) as new:
            assert "permessage-deflate" in old.extension and new.extension == ""
            assert old.push(WORDS[:2000]).rsv == RSV1 and new.push(WORDS[:2000]).rsv == 0


@live("deflate.threshold")
def test_threshold(proxy: ReloadableSheaf, recorder: Recorder) -> None:
    with Session(proxy, recorder) as old:
        assert old.push(WORDS[:200]).rsv == 0
        proxy.reload({"deflate": {"threshold": 100}})
        assert old.push(WORDS[:200]).rsv == RSV1
        proxy.reload({"deflate": {"threshold": 1000}})
        assert old.push(WORDS[:900]).rsv == 0


@live("deflate.level")
def test_level(proxy: ReloadableSheaf, recorder: Recorder) -> None:
    with Session(proxy, recorder, OFFER) as old:
        small = len(old.push(WORDS).payload)
        proxy.reload({"deflate": {"level": 1}})
        assert len(old.push(WORDS).payload) > 1.1 * small
        proxy.reload()
        assert len(old.push(WORDS).payload) == small


@live("deflate.memory_level")
def test_memory_level(proxy: ReloadableSheaf, recorder: Recorder) -> None:
    with Session(proxy, recorder, OFFER) as old:
        large = len(old.push(WORDS).payload)
        proxy.reload({"deflate": {"memory_level": 1}})
        assert len(old.push(WORDS).payload) > 1.02 * large


@new_sessions("deflate.window_bits")
def test_window_bits(proxy: ReloadableSheaf, recorder: Recorder) -> None:
    with Session(proxy, recorder) as old:
        proxy.reload({"deflate": {"window_bits": 10}})
        with Session(proxy, recorder) as new:
            assert "max_window_bits=10" in new.extension, new.extension
            assert "max_window_bits=10" not in old.extension
            new.push(WORDS[:5000])
            old.push(WORDS[:5000])


def last_of(session: Session, times: int = 8) -> int:
    """Bytes of the last one of equal messages that hardly compress by themselves and that nobody else has got."""
    message = random.randbytes(300).hex().encode()
    return [len(session.push(message).payload) for _ in range(times)][-1]


@new_sessions("deflate.context")
def test_context(proxy: ReloadableSheaf, recorder: Recorder) -> None:
    with Session(proxy, recorder) as old:
        proxy.reload({"deflate": {"context": "own"}})
        with Session(proxy, recorder) as new:
            wait_until(lambda: last_of(new) < 60, 5, "the new one has a context")
            assert last_of(old) > 250


@live("deflate.max_context_bytes")
def test_max_context_bytes(proxy: ReloadableSheaf, recorder: Recorder) -> None:
    """A context that there is stays while it is used; no other one is made."""
    own: Conf = {"context": "own"}
    proxy.reload({"deflate": own})
    with Session(proxy, recorder) as first, Session(proxy, recorder) as second:
        wait_until(lambda: last_of(first) < 60, 5, "there is a context")
        proxy.reload({"deflate": {**own, "max_context_bytes": 1}})
        time.sleep(1.5)  # the bound is looked at once a second
        assert last_of(second) > 250 and last_of(first) < 60
        assert proxy.metric("sheaf_deflate_contexts_refused_total") > 0
        proxy.reload({"deflate": own})
        wait_until(lambda: last_of(second) < 60, 5, "there is room again")
