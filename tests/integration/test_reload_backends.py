"""What a reload does to a backend of several endpoints, and to which of them gets what is new."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from harness.frames import RawWebSocket
from harness.ports import free_port, wait_until
from harness.raw import RawClient, get
from harness.recorder import Recorder, Request, upgrade_answer
from harness.reloading import ReloadableSheaf, live
from harness.sheaf import Conf

SOON = 5.0  # seconds


def named(name: str) -> Callable[[Request], bytes]:
    """A backend's script: says its name in all answers, upgrades what asks for it, and opens Engine.IO sessions with
    the name in their sid."""
    opened = 0
    lock = threading.Lock()

    def script(request: Request) -> bytes:
        nonlocal opened
        if request.get("upgrade"):
            return upgrade_answer(request, f"X-Backend: {name}\r\n".encode())
        body = ""
        if "EIO=4" in request.target and "sid=" not in request.target:
            with lock:
                opened += 1
                body = f'0{{"sid":"{name}-{opened}","upgrades":[],"pingInterval":25000,"pingTimeout":20000}}'
        return f"HTTP/1.1 200 OK\r\nX-Backend: {name}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()

    return script


@pytest.fixture
def pair(make_recorder) -> tuple[Recorder, Recorder]:
    """Two endpoints, "one" and "two"."""
    return make_recorder(named("one"), at_head=True), make_recorder(named("two"), at_head=True)


# Who has the endpoints: [upstream], or a [[backend]] that all paths go to.
PLACES = pytest.mark.parametrize("place", ["upstream", "backend"])
ROUTES: dict[str, list[Conf]] = {"upstream": [], "backend": [{"path": "/", "backend": "all"}]}


def of(place: str, *endpoints: Recorder, **options: object) -> Conf:
    """A conf whose backend has these endpoints, for ROUTES[place]."""
    conf: Conf = {"workers": 2, "pool": {"min_size": 0, "health_check_interval": "0s"}}
    backend = {"urls": [one.url for one in endpoints], **options}
    if place == "backend":
        return {**conf, "upstream": {"url": None}, "backend": [{"name": "all", **backend}]}
    return {**conf, "upstream": {"url": None, **backend}}


def names_of(proxy: ReloadableSheaf, count: int, path: str = "/", fields: str = "") -> Counter[str]:
    """Which endpoints answer `count` requests, each on a connection of its own, and how often."""
    return Counter(str(get(proxy.port, path, fields).get("x-backend")) for _ in range(count))


@PLACES
@live("upstream.urls")
def test_urls(make_reloadable, pair: tuple[Recorder, Recorder], place: str) -> None:
    one, two = pair
    proxy: ReloadableSheaf = make_reloadable("", of(place, one, balance="round_robin"), ROUTES[place])
    with RawWebSocket(proxy.port) as old, RawClient(proxy.port) as kept:
        assert old.handshake.get("x-backend") == "one"
        with proxy.unchanged_sessions():
            proxy.reload(of(place, one, two, balance="round_robin"))
            assert set(names_of(proxy, 20)) == {"one", "two"}, "an endpoint that was added is used"
            proxy.reload(of(place, two))
            assert names_of(proxy, 20) == {"two": 20}, "one that was removed gets nothing that is new"
            assert kept.request("GET / HTTP/1.1\nHost: a\n\n").get("x-backend") == "two"
            proxy.reload()
            assert names_of(proxy, 20) == {"one": 20}


@live("upstream.urls")
def test_a_url_in_the_place_of_urls_and_back(make_reloadable, pair: tuple[Recorder, Recorder]) -> None:
    one, two = pair
    proxy: ReloadableSheaf = make_reloadable(one.url, {"workers": 2})
    proxy.reload({"upstream": {"url": None, "urls": [two.url]}})
    assert names_of(proxy, 5) == {"two": 5}
    assert "upstream.urls" in proxy.refuse({"upstream": {"urls": [two.url]}}), "url is there too"
    assert names_of(proxy, 5) == {"two": 5}
    proxy.reload()
    assert names_of(proxy, 5) == {"one": 5}


@PLACES
@live("upstream.balance")
def test_balance(make_reloadable, pair: tuple[Recorder, Recorder], place: str) -> None:
    proxy: ReloadableSheaf = make_reloadable("", of(place, *pair, balance="hash"), ROUTES[place])
    assert len(names_of(proxy, 20)) == 1, "one client's requests go to one endpoint"
    proxy.reload(of(place, *pair, balance="round_robin"))
    seen = names_of(proxy, 40)
    assert min(seen["one"], seen["two"]) >= 15, seen
    proxy.reload(of(place, *pair, balance="least_sessions"))
    with ExitStack() as clients:
        opened = Counter(
            clients.enter_context(RawWebSocket(proxy.port)).handshake.get("x-backend") for _ in range(20)
        )
    assert opened == {"one": 10, "two": 10}


@PLACES
@live("upstream.balance_key")
def test_balance_key(make_reloadable, pair: tuple[Recorder, Recorder], place: str) -> None:
    def of_keys(proxy: ReloadableSheaf) -> list[str | None]:
        return [get(proxy.port, "/", f"X-Room: {room}\r\n").get("x-backend") for room in range(40)]

    proxy: ReloadableSheaf = make_reloadable("", of(place, *pair, balance="hash", balance_key="header:X-Room"), ROUTES[place])
    before = of_keys(proxy)
    assert set(before) == {"one", "two"}
    assert of_keys(proxy) == before, "a key stays where it is"
    proxy.reload(of(place, *pair, balance="hash", balance_key="address"))
    assert len(set(of_keys(proxy))) == 1
    proxy.reload()
    assert of_keys(proxy) == before


@PLACES
@live("upstream.affinity")
def test_affinity(make_reloadable, pair: tuple[Recorder, Recorder], place: str) -> None:
    session = "/socket.io/?EIO=4&transport=polling"
    proxy: ReloadableSheaf = make_reloadable("", of(place, *pair, balance="round_robin"), ROUTES[place])
    opened = get(proxy.port, session)
    sid = opened.body.decode().split('"')[3]
    home = sid.partition("-")[0]
    assert names_of(proxy, 20, f"{session}&sid={sid}") == {home: 20}
    proxy.reload(of(place, *pair, balance="round_robin", affinity="none"))
    assert len(names_of(proxy, 20, f"{session}&sid={sid}")) == 2, "polls go as balance says"
    proxy.reload()
    again = get(proxy.port, session).body.decode().split('"')[3]
    assert names_of(proxy, 20, f"{session}&sid={again}") == {again.partition("-")[0]: 20}


def test_a_route_goes_to_another_backend_and_back(make_reloadable, pair: tuple[Recorder, Recorder]) -> None:
    one, two = pair
    both: Conf = {"workers": 2, "backend": [{"name": "other", "url": two.url}]}
    routes: list[Conf] = [{"path": "/a"}]
    proxy: ReloadableSheaf = make_reloadable(one.url, both, routes)
    with RawWebSocket(proxy.port, "/a") as old:
        assert old.handshake.get("x-backend") == "one"
        with proxy.unchanged_sessions():
            proxy.reload(routes=[{"path": "/a", "backend": "other"}])
            assert (names_of(proxy, 5, "/a"), names_of(proxy, 5, "/b")) == ({"two": 5}, {"one": 5})
            error = proxy.refuse(routes=[{"path": "/a", "backend": "others"}])
            assert 'no [[backend]] named "others"; did you mean "other"?' in error
            assert names_of(proxy, 5, "/a") == {"two": 5}
            proxy.reload()
            assert names_of(proxy, 5, "/a") == {"one": 5}


@live("upstream.slow_start")
def test_slow_start(make_reloadable, make_recorder) -> None:
    """An endpoint that comes back, with no session yet, gets two of three new ones; once slow_start is 0s it gets all,
    until it has as many as the other."""
    port = free_port()
    one = make_recorder(named("one"), at_head=True)

    def conf(slow_start: str) -> Conf:
        urls = [one.url, f"http://127.0.0.1:{port}"]
        return {
            "workers": 1,
            "pool": {"min_size": 0, "health_check_interval": "100ms"},
            "upstream": {"url": None, "urls": urls, "slow_start": slow_start},
        }

    with ExitStack() as clients:

        def open_some(count: int) -> Counter[str | None]:
            return Counter(
                clients.enter_context(RawWebSocket(proxy.port)).handshake.get("x-backend") for _ in range(count)
            )

        proxy: ReloadableSheaf = make_reloadable("", conf("1h"))
        assert open_some(60) == {"one": 60}
        make_recorder(named("two"), at_head=True, port=port)
        wait_until(lambda: "two" in names_of(proxy, 3), SOON, "the other one is back")
        seen = open_some(30)
        assert 10 <= seen["two"] <= 22, seen
        proxy.reload(conf("0s"))
        seen = open_some(15)
        assert seen == {"two": 15}, seen


@live("upstream.max_fails")
def test_max_fails(make_reloadable, make_recorder) -> None:
    failing = threading.Event()

    def script(request: Request) -> bytes:
        status = b"503 Service Unavailable" if failing.is_set() and request.target == "/health" else b"200 OK"
        return b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n"

    recorder: Recorder = make_recorder(script)
    conf: Conf = {
        "workers": 1,
        "pool": {"min_size": 0, "health_check_interval": "50ms", "health_check_path": "/health"},
        "upstream": {"max_fails": 1000},
    }
    proxy: ReloadableSheaf = make_reloadable(recorder.url, conf)
    failing.set()
    failed = proxy.metric("sheaf_health_checks_total", result="failed")
    wait_until(
        lambda: proxy.metric("sheaf_health_checks_total", result="failed") >= failed + 10, SOON, "checks fail"
    )
    assert proxy.metric("sheaf_upstream_up") == 1, "so many failures are put up with"
    proxy.reload({"upstream": {"max_fails": 2}})
    wait_until(lambda: proxy.metric("sheaf_upstream_up") == 0, SOON, "it is down")
    failing.clear()
    wait_until(lambda: proxy.metric("sheaf_upstream_up") == 1, SOON, "it is up after one success")
