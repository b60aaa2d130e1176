"""The short form of the load that a reload must bear: 1,000 of them, 5,000 WebSockets that echo all along, 200 new
connections a second. tests/soak.sh reload is the long one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.helpers import Helper
from harness.reload_load import BASE, PATHS, ReloadLoad, bench_backend
from harness.reloading import ReloadableSheaf
from harness.sheaf import is_sanitized, scaled

CLIENTS = scaled(5000, 500)
ARRIVALS = scaled(200, 40)  # a second
RELOADS = scaled(1000, 100)
WARM_UP = RELOADS // 10
PAUSE = 0.05  # seconds from one reload to the next
MOST_GROWTH = 0.05


@pytest.fixture
def backend_urls(folder: Path) -> Iterator[tuple[str, str]]:
    with bench_backend(folder) as urls:
        yield urls


def test_nobody_notices_a_thousand_reloads(folder: Path, backend_urls: tuple[str, str]) -> None:
    proxy = ReloadableSheaf(folder, backend_urls[0], BASE)
    try:
        with (
            Helper("steady", port=proxy.port, clients=CLIENTS, paths=PATHS) as steady,
            Helper("steady", port=proxy.port, arrivals=ARRIVALS, paths=PATHS) as arrivals,
        ):
            load = ReloadLoad(proxy, backend_urls[1], steady, arrivals)
            load.look()
            load.reload(WARM_UP, PAUSE)
            warm = load.look()
            for _ in range(9):
                load.reload((RELOADS - WARM_UP) // 9, PAUSE)
                load.look()
            load.finish(CLIENTS)
            for look in load.looks:
                print(look)
            assert load.complaints == []
            assert steady.latest["sent"] > CLIENTS and arrivals.latest["arrived"] > RELOADS * PAUSE * ARRIVALS / 2
            assert abs(load.looks[-1].descriptors - warm.descriptors) <= ARRIVALS
            assert load.looks[-1].plans <= warm.plans + 8
            if not is_sanitized():
                assert load.grown(warm) <= MOST_GROWTH, load.looks
    finally:
        proxy.stop()
