"""GET /routes: what is in force for each route, and what was counted there."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import Any

from harness.backend import Backend
from harness.frames import RawWebSocket
from harness.ports import wait_until
from harness.raw import get
from harness.reloading import ReloadableSheaf
from harness.sheaf import Sheaf

ROUTES = [{"path": "/ws", "delivery": "cork"}, {"path": "/status"}]


def routes(proxy: Sheaf) -> dict[str, dict[str, Any]]:
    """By their paths."""
    status, body = proxy.admin("/routes")
    assert status == 200, body
    return {one["path"]: one for one in json.loads(body)["routes"]}


def test_sessions_and_requests_by_route(make_sheaf, backend: Backend) -> None:
    """Of two workers."""
    proxy: Sheaf = make_sheaf(backend.url, {"workers": 2}, ROUTES)
    assert list(routes(proxy)) == ["/ws", "/status", "/"]
    with ExitStack() as stack:
        for number in range(7):
            stack.enter_context(RawWebSocket(proxy.port, "/ws/echo")).check_echo(b"%d" % number)
        for path in ("/status/200", "/status/404", "/status/404", "/status/500", "/page"):
            get(proxy.port, path)
        told = routes(proxy)
        assert [told[path]["sessions"] for path in ("/ws", "/status", "/")] == [7, 0, 0]
        assert (told["/ws"]["requests"], told["/ws"]["by_status"]["1xx"]) == (7, 7)
        assert told["/status"]["by_status"] == {"1xx": 0, "2xx": 1, "3xx": 0, "4xx": 2, "5xx": 1}
        assert told["/"]["requests"] == 1
        assert proxy.metric("sheaf_route_websocket_sessions", route="/ws") == 7
    wait_until(lambda: routes(proxy)["/ws"]["sessions"] == 0, 5, "the sessions are over")
    assert routes(proxy)["/ws"]["requests"] == 7


def test_options_are_those_in_force(make_reloadable, backend: Backend) -> None:
    """A living session counts for its path, whatever its route has become; one that is gone is not listed."""
    proxy: ReloadableSheaf = make_reloadable(backend.url, {"batching": {"delivery": "offer"}}, ROUTES)
    told = routes(proxy)
    assert (told["/ws"]["delivery"], told["/"]["delivery"]) == ("cork", "offer")
    assert (told["/ws"]["backend"], told["/ws"]["max_message"]) == ("default", told["/"]["max_message"])
    with RawWebSocket(proxy.port, "/ws/echo") as socket:
        proxy.reload(routes=[{"path": "/ws", "delivery": "always", "max_message": "5KiB"}])
        told = routes(proxy)
        assert list(told) == ["/ws", "/"]
        assert (told["/ws"]["delivery"], told["/ws"]["max_message"], told["/ws"]["sessions"]) == ("always", "5KiB", 1)
        proxy.reload(routes=[])
        assert list(routes(proxy)) == ["/"]
        assert proxy.metric("sheaf_route_websocket_sessions", route="/ws") == 1
        socket.check_echo(b"it goes on")
    wait_until(lambda: proxy.metric("sheaf_route_websocket_sessions") == 0, 5, "it is over")


def test_rules_with_their_counts(make_sheaf, backend: Backend) -> None:
    rules = {"critical": [{"prefix": "ALERT"}], "conflate": [{"key": "/symbol"}]}
    proxy: Sheaf = make_sheaf(backend.url, {"batching": {"delivery": "cork"}}, [{"path": "/ws", **rules}])
    with RawWebSocket(proxy.port, "/ws/echo") as socket:
        socket.check_echo(b"ALERT now")
        told = routes(proxy)["/ws"]
    assert told["critical"] == [{"rule": "ALERT*", "messages": 1}]
    assert told["conflate"] == [{"rule": "/symbol", "messages": 0}]
