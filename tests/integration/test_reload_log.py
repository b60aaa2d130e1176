"""What a reload does to [log], [forwarded] and [identity]: lines, and fields that reach the backend, from then on."""

from __future__ import annotations

import json
import re

import pytest

from harness.fixtures import reloadable
from harness.frames import RawWebSocket
from harness.ports import wait_until
from harness.raw import RawClient, get
from harness.reloading import ReloadableSheaf, live
from harness.sheaf import Conf


running, proxy = reloadable({"workers": 1}, "backend")


def target_of(proxy: ReloadableSheaf, path: str) -> str:
    """What the access line of a GET shows of its target."""
    before = proxy.count_log_lines("access")
    assert get(proxy.port, path).status == 200
    line = wait_until(lambda: proxy.log_lines("access")[before:], 3, "its line is there")[0]
    found = re.search(r'target="?([^" ]*)', line)
    assert found, line
    return found[1]


@pytest.mark.parametrize(
    "log,shown",
    [
        ({"query": "full"}, "/page?token=abc&n=1"),
        ({"query_shown": ["n"]}, "/page?token=-&n=1"),
        ({"query": "none"}, "/page"),
    ],
)
@live("log.query", "log.query_shown")
def test_query(proxy: ReloadableSheaf, log: Conf, shown: str) -> None:
    path = "/page?token=abc&n=1"
    assert target_of(proxy, path) == "/page?token=-&n=-"
    proxy.reload({"log": log})
    assert target_of(proxy, path) == shown


@live("log.path")
def test_path(proxy: ReloadableSheaf) -> None:
    assert target_of(proxy, "/status/200") == "/status/200"
    proxy.reload({"log": {"path": "route"}}, [{"path": "/status"}])
    assert target_of(proxy, "/status/200") == "/status"


@live("log.access")
def test_access_at_the_end_of_a_session_that_stands(proxy: ReloadableSheaf) -> None:
    with RawWebSocket(proxy.port, "/ws/slow") as old:
        proxy.reload({"log": {"access": False}})
        assert get(proxy.port, "/status/201").status == 201
        old.check_echo(b"hello")
    with RawWebSocket(proxy.port, "/ws/echo"):
        proxy.reload()
    proxy.wait_for_log("access", "target=/ws/echo")
    assert proxy.count_log_lines("access", "target=/ws/slow") == 0
    assert proxy.count_log_lines("access", "target=/status/201") == 0


@live("log.format")
def test_format(proxy: ReloadableSheaf) -> None:
    """The reload's own line is the first in the new form."""
    before = proxy.count_log_lines("")
    proxy.reload({"log": {"format": "json"}})
    assert get(proxy.port, "/status/202").status == 202
    proxy.wait_for_log("access", "/status/202")
    lines = [json.loads(line) for line in proxy.log().splitlines()[before:]]
    assert len(lines) >= 2
    proxy.reload()
    assert get(proxy.port, "/status/203").status == 203
    proxy.wait_for_log(" info access ", "target=/status/203")


@live("log.level")
def test_level(proxy: ReloadableSheaf) -> None:
    proxy.reload({"log": {"level": "warning"}})
    assert get(proxy.port, "/status/206").status == 206
    proxy.refuse({"log": {"level": "loud"}})
    proxy.wait_for_log(" error ", "reload failed")
    assert proxy.count_log_lines("access", "/status/206") == 0
    proxy.reload({"log": {"level": "debug"}})
    assert get(proxy.port, "/status/207").status == 207
    assert proxy.wait_for_log(" info access", "target=/status/207")


# ---- what reaches the backend


def fields_of(client: RawClient, fields: str) -> dict[str, str]:
    """Fields that the backend sees of a request with these."""
    response = client.request(f"GET /headers HTTP/1.1\nHost: a\n{fields}\n")
    return dict(json.loads(response.body)["headers"])


@live("forwarded.trusted_proxies")
def test_trusted_proxies_on_a_connection_that_stands(proxy: ReloadableSheaf) -> None:
    with RawClient(proxy.port) as client:
        claim = "X-Forwarded-For: 192.0.2.7\n"
        assert fields_of(client, claim)["x-forwarded-for"].startswith("192.0.2.7")
        proxy.reload({"forwarded": {"trusted_proxies": ["none"]}})
        assert fields_of(client, claim)["x-forwarded-for"] == "127.0.0.1"
        proxy.reload()
        assert fields_of(client, claim)["x-forwarded-for"].startswith("192.0.2.7")


@live("forwarded.header")
def test_forwarded_header_on_a_connection_that_stands(proxy: ReloadableSheaf) -> None:
    with RawClient(proxy.port) as client:
        assert "forwarded" not in fields_of(client, "")
        proxy.reload({"forwarded": {"header": "forwarded"}})
        seen = fields_of(client, "")
        assert "for=127.0.0.1" in seen["forwarded"] and "x-forwarded-for" not in seen


@live("identity.user_header")
def test_user_header_on_a_connection_that_stands(proxy: ReloadableSheaf) -> None:
    """A client that is no trusted proxy cannot name itself by the field that names users now."""
    nobody: Conf = {"trusted_proxies": ["192.0.2.1"]}
    proxy.reload({"forwarded": nobody})
    both = "X-User-ID: eve\nX-Account: eve\n"
    with RawClient(proxy.port) as client:
        seen = fields_of(client, both)
        assert "x-user-id" not in seen and seen["x-account"] == "eve"
        proxy.reload({"forwarded": nobody, "identity": {"user_header": "X-Account"}})
        seen = fields_of(client, both)
        assert "x-account" not in seen and seen["x-user-id"] == "eve"
