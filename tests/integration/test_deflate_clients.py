"""The short form of tests/soak.sh deflate: what stock clients inflate by their own libraries is what the backend said."""

from __future__ import annotations

import random
import zlib
from pathlib import Path

import pytest

from harness.compression import deflated
from harness.deflate_soak import CLIENTS, Soak, lines, missing
from harness.inspecting import Inflater
from harness.raw_members import OFFERS
from harness.sheaf import scaled

pytestmark = pytest.mark.timeout(600)  # the first test soaks
DELIVERIES = scaled(200_000, 20_000)
EACH = scaled(12, 6)


@pytest.fixture(scope="module")
def soak(tmp_path_factory: pytest.TempPathFactory) -> Soak:
    one = Soak(tmp_path_factory.mktemp("soak"), DELIVERIES, EACH, [client for client in CLIENTS if not missing(client)])
    one.run()
    for cells in lines(one):
        print(*cells, sep=" | ")
    print(one.told)
    return one


@pytest.mark.parametrize("client", CLIENTS)
def test_stock_client_gets_every_message_whole_and_in_order(soak: Soak, client: str) -> None:
    if why := missing(client):
        pytest.skip(why)
    assert soak.seen[client].again.messages > 0
    assert soak.seen[client].problems == ""


@pytest.mark.parametrize("offer", OFFERS)
def test_raw_client_inflates_with_exactly_what_was_agreed(soak: Soak, offer: str) -> None:
    seen = soak.seen[f"raw, {offer}"]
    assert seen.again.messages > 0
    assert seen.problems == ""
    assert bool(OFFERS[offer]) == (seen.again.compressed > 0)


def test_the_soak_has_done_all_that_it_is_for(soak: Soak) -> None:
    assert soak.complaints == []


@pytest.mark.parametrize("window", [9, 12])
def test_the_inflater_refuses_what_needs_a_larger_window(window: int) -> None:
    """Else the soak would find nothing: zlib itself is lenient within one call."""
    once = random.Random(window).randbytes(1 << window)
    smaller, larger = Inflater(f"permessage-deflate; server_max_window_bits={window}"), Inflater("permessage-deflate")
    assert larger.inflate(deflated(once * 2)) == once * 2
    with pytest.raises(zlib.error):
        smaller.inflate(deflated(once + once[:40] + once))
