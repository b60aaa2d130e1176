"""A broadcast over a thousand tunnelled WebSockets is encoded once and compressed once, and reaches all of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.helpers import BroadcastBackend, Helper
from harness.ports import wait_until
from harness.sheaf import scaled

CLIENTS = scaled(1000, 200)
MESSAGES = 40
# Two workers' loops would each encode; one shows the count plainly.
ONE_WORKER = {"workers": 1, "log": {"access": False}, "pool": {"max_size": 5000}}


@pytest.fixture
def broadcaster() -> Iterator[BroadcastBackend]:
    with BroadcastBackend() as running:
        yield running


def received_all(listeners: Helper, expected: int) -> dict[str, float]:
    """Waits until the listeners have `expected` messages; the sums of all reports until then."""
    sums: dict[str, float] = {"received": 0, "wrong": 0, "frames": 0}

    def complete() -> bool:
        ledger = listeners.tell("report")
        for key in sums:
            sums[key] += ledger[key]
        return sums["received"] >= expected

    wait_until(complete, 30, f"{expected} messages arrive (now {sums})", every=0.1)
    return sums


@pytest.mark.parametrize("deflate", [False, True], ids=["plain", "deflate"])
@pytest.mark.parametrize("envelope", ["json", "binary"])
def test_broadcast_is_encoded_and_compressed_once(
    make_sheaf, broadcaster: BroadcastBackend, envelope: str, deflate: bool
) -> None:
    """Gathered by size alone, so that the number of batches is known: 4 of 10 messages each."""
    batching = {"adaptive": False, "timeout": "10s", "size": 10}
    proxy = make_sheaf(broadcaster.url, {**ONE_WORKER, "batching": batching, "deflate": {"enabled": deflate}})
    with Helper("listeners", port=proxy.port, clients=CLIENTS, envelope=envelope, deflate=deflate) as listeners:
        assert listeners.latest["clients"] == CLIENTS
        before = proxy.metric("sheaf_encodings_total")
        # Each over deflate.threshold: a client's burst may leave one alone.
        broadcaster.tell({"messages": MESSAGES, "size": 400, "pause": 0.02})
        sums = received_all(listeners, CLIENTS * MESSAGES)
        encodings = proxy.metric("sheaf_encodings_total") - before
        shared = proxy.metric("sheaf_encodings_shared_total")
        compressed = proxy.metric("sheaf_deflate_messages_total")
        batches = proxy.metric("sheaf_batches_total", form=envelope)
    print(f"{CLIENTS} clients, {sums['frames']:.0f} frames: {encodings:.0f} encodings, {compressed:.0f} compressions")
    assert sums == {"received": CLIENTS * MESSAGES, "wrong": 0, "frames": batches}
    # Sockets of one turn share their bursts; a client may be behind by a read, so a few more than the four are right.
    assert MESSAGES // 10 <= encodings <= 3 * MESSAGES // 10, "identical batches were encoded again"
    assert encodings + shared == batches
    # Clients that have just come climb from frames without a context to those of the largest (batching/cohorts.md).
    assert encodings <= compressed <= 6 * encodings if deflate else compressed == 0


def test_timed_batches_of_a_broadcast_are_the_same_batches(make_sheaf, broadcaster: BroadcastBackend) -> None:
    """With shared ticks sessions flush together: as shipped, encodings follow the ticks, not the sessions."""
    proxy = make_sheaf(broadcaster.url, ONE_WORKER)
    with Helper("listeners", port=proxy.port, clients=CLIENTS, envelope="json", deflate=True) as listeners:
        broadcaster.tell({"messages": 100, "size": 200, "pause": 0.005})
        sums = received_all(listeners, CLIENTS * 100)
        encodings = proxy.metric("sheaf_encodings_total")
        batches = proxy.metric("sheaf_batches_total", form="json")
        compressed = proxy.metric("sheaf_deflate_messages_total")
    print(f"{CLIENTS} clients, {sums['frames']:.0f} frames: {encodings:.0f} encodings, {compressed:.0f} compressions")
    assert sums == {"received": CLIENTS * 100, "wrong": 0, "frames": batches}
    assert encodings <= batches / 20, "hardly any encoding was shared"
    assert compressed <= batches / 20, "hardly any compression was shared"
