"""Each of the four troubles of proxy/operating.md, brought about by real clients: what the admin listener says of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.ports import wait_until
from harness.troubles import MOST_LINKS, SIGNS, TROUBLES


def shows_pool(signs: dict[str, Any]) -> bool:
    full = signs["pools[0].connections.active"] == signs["pools[0].max_size"] == MOST_LINKS
    return full and signs["pools[0].waiting"] > 0 and signs["http.refused.pool_exhausted"] > 20


def shows_memory(signs: dict[str, Any]) -> bool:
    high = signs["memory_optimizer.pressure_level"] in ("high", "critical")
    return high and signs["connections[0].queued_bytes"] > 50_000 and signs["events[0].fields.level"] is not None


def shows_latency(signs: dict[str, Any]) -> bool:
    return 300 < signs["metrics[-1].delay_p50_ms"] <= signs["metrics[-1].delay_p99_ms"] <= 1000


def shows_connections(signs: dict[str, Any]) -> bool:
    gone = signs["connections[0].path"] == "/gone" and signs["connections[0].messages_in"] == 0
    return gone and signs["sessions.closed.client_ping_timeout"] >= 60


SHOWS = {"pool": shows_pool, "memory": shows_memory, "latency": shows_latency, "connections": shows_connections}


@pytest.mark.parametrize("name", TROUBLES)
def test_signs(tmp_path: Path, name: str) -> None:
    with TROUBLES[name](tmp_path) as proxy:
        wait_until(lambda: SHOWS[name](SIGNS[name](proxy)), 20, f"{name}: {SIGNS[name](proxy)}")
        print(name, SIGNS[name](proxy))
