"""The four troubles of proxy/operating.md, brought about on purpose in front of a real backend."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from typing import NamedTuple

from .dashboard import readers
from .frames import RawWebSocket, upgrade
from .leaky import QUICK, LeakySheaf
from .raw import RawClient
from .sheaf import Conf, Sheaf

POOL = 3
BROKEN = 12


class Trouble(NamedTuple):
    """`begin` makes the trouble in a Sheaf that has `conf`, and ends it with its with statement."""

    conf: Conf
    kind: type[Sheaf]
    begin: Callable[[Sheaf], AbstractContextManager[None]]


@contextlib.contextmanager
def exhaust_pool(sheaf: Sheaf) -> Iterator[None]:
    """WebSockets hold every connection to the backend, and one client more is refused."""
    with ExitStack() as stack:
        while sheaf.stats()["connection_pool"]["pool_size"]["active"] < POOL:
            stack.enter_context(RawWebSocket(sheaf.port))
        with RawClient(sheaf.port) as refused:
            assert refused.request(upgrade("/ws/echo")).status == 503
        yield


@contextlib.contextmanager
def fill_memory(sheaf: Sheaf) -> Iterator[None]:
    """Three quarters of the limit are in use."""
    assert isinstance(sheaf, LeakySheaf)
    sheaf.go_to("high")
    yield


@contextlib.contextmanager
def delay_messages(sheaf: Sheaf) -> Iterator[None]:
    """Clients read a stream whose messages wait for company."""
    with readers(sheaf, 3):
        yield


@contextlib.contextmanager
def break_connections(sheaf: Sheaf) -> Iterator[None]:
    """Most clients go without a Close."""
    for client in [RawWebSocket(sheaf.port) for _ in range(BROKEN)]:
        client.reset()
    yield


TROUBLES = {
    "pool": Trouble({"pool": {"min_size": 0, "max_size": POOL, "acquire_timeout": "300ms"}}, Sheaf, exhaust_pool),
    "memory": Trouble({"memory": {**QUICK, "check_interval": "500ms"}}, LeakySheaf, fill_memory),
    "latency": Trouble({"batching": {"adaptive": False, "timeout": "400ms", "cork_timeout": "400ms"}}, Sheaf, delay_messages),
    "connections": Trouble({}, Sheaf, break_connections),
}
