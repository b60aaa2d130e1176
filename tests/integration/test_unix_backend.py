"""A real uvicorn on a Unix socket, as README and manifest have it: the app sees what it sees over TCP."""

from __future__ import annotations

import json
import re
import ssl

import pytest

from harness.certificates import Pair
from harness.frames import RawWebSocket, upgrade
from harness.raw import RawClient, get
from harness.sheaf import ROOT, Conf, Sheaf

CLIENT = "127.0.0.5"
TRUST_ALL = ("--forwarded-allow-ips", "*")
# What is on the other side of each recipe, and what the app is told there.
SERVERS = {
    "tcp": ({"unix": False, "options": ()}, CLIENT),
    "unix": ({"unix": True, "options": TRUST_ALL}, CLIENT),
    # uvicorn trusts no Unix peer by itself: this is what every recipe's --forwarded-allow-ips='*' is for.
    "unix without trust": ({"unix": True, "options": ()}, None),
}


def ask(proxy: Sheaf, context: ssl.SSLContext | None) -> list[dict[str, object]]:
    """What the app is told over HTTP and over a WebSocket."""
    over_http = json.loads(get(proxy.port, source=CLIENT, context=context).body)
    with RawClient(proxy.port, source=CLIENT, context=context) as client:
        assert client.request(upgrade("/ws")).status == 101
        over_websocket = json.loads(RawWebSocket.over(client).read_message()[1])
    return [over_http, over_websocket]


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_app_sees_the_clients_address_and_scheme(
    make_sheaf, make_backend, certificate: Pair, client_tls: ssl.SSLContext, server: str, tls: bool
) -> None:
    options, address = SERVERS[server]
    backend = make_backend(app="harness.scope_app:app", app_folder=ROOT / "tests/integration", **options)
    conf: Conf = {"listen": {"tls_certificate": str(certificate.certificate), "tls_key": str(certificate.key)}} if tls else {}
    proxy = make_sheaf(backend.url, conf)
    schemes = ("https", "wss") if tls and address else ("http", "ws")
    assert ask(proxy, client_tls if tls else None) == [{"client": address, "scheme": scheme} for scheme in schemes]


def test_app_believes_no_client_that_names_itself(make_sheaf, make_backend) -> None:
    """Who trusts every peer of the socket trusts Sheaf alone; what a client says has gone before."""
    backend = make_backend(
        app="harness.scope_app:app", app_folder=ROOT / "tests/integration", unix=True, options=TRUST_ALL
    )
    proxy = make_sheaf(backend.url)
    fields = "X-Forwarded-For: 198.51.100.1\nX-Forwarded-Proto: https\nForwarded: for=198.51.100.1;proto=https\n"
    response = get(proxy.port, "/", fields, source=CLIENT)
    assert json.loads(response.body) == {"client": CLIENT, "scheme": "http"}


def test_every_recipe_with_a_unix_socket_has_uvicorn_trust_it() -> None:
    """Of the README; for manifests tests/kubernetes says so."""
    text = (ROOT / "README.md").read_text().replace("\\\n", " ")
    recipes = [line for line in text.splitlines() if "--uds" in line]
    assert recipes, "the README has no such recipe"
    for recipe in recipes:
        assert re.search(r"--forwarded-allow-ips[=\", ]+'?\*", recipe), recipe
