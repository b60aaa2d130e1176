"""The issue's main load: 1,000 WebSocket clients at once, 100 echoes each, every message accounted for, also on TLS."""

from __future__ import annotations

import pytest

from harness.backend import Backend
from harness.certificates import Authority, Pair
from harness.crowds import Crowd
from harness.ports import wait_until
from harness.sheaf import scaled

CLIENTS, MESSAGES = scaled(1000, 200) // 2 * 2, scaled(100, 30)


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
def test_every_message_of_every_client_comes_back_once_and_in_order(
    make_sheaf, backend: Backend, authority: Authority, certificate: Pair, secure: bool
) -> None:
    listen = {"tls_certificate": str(certificate.certificate), "tls_key": str(certificate.key)} if secure else {}
    proxy = make_sheaf(backend.url, {"listen": listen, "log": {"access": False}})
    crowd = Crowd(proxy.port, clients=CLIENTS, messages=MESSAGES, authority=authority.certificate if secure else None)
    try:
        assert crowd.connected == CLIENTS
        assert proxy.metric("sheaf_websocket_sessions") == CLIENTS
        crowd.go()
        ledger = crowd.ledger(seconds=150)
    finally:
        crowd.stop()
    total = CLIENTS * MESSAGES
    assert (ledger.sent, ledger.received, ledger.lost, ledger.repeated, ledger.out_of_order, ledger.altered) == (
        total,
        total,
        0,
        0,
        0,
        0,
    )
    assert ledger.closes == {"1000": CLIENTS} and ledger.without_close == 0
    wait_until(lambda: proxy.metric("sheaf_websocket_sessions") == 0, 5, "all sessions are over")
    assert proxy.metric("sheaf_messages_to_clients_total") == total == proxy.metric("sheaf_messages_to_upstream_total")
    wait_until(lambda: proxy.metric("sheaf_pool_links", state="active") == 0, 5, "all links are free")
