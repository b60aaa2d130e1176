"""docker/demo.sh and its page in a real browser: what the comparison counts, its slider, switch and slow clients."""

from __future__ import annotations

import contextlib
import importlib
import json
import re
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from harness.browser import Page, open_page
from harness.demo import Demo, running_demo
from harness.demo_page import ages, counted, figure, set_conflation, set_slider, wait_for_messages
from harness.ports import free_port, wait_until
from harness.sheaf import ROOT

# Opens one more WebSocket a side, and gives the quotes that both got, each side's texts by their number.
READ_BOTH = """
(async () => {
  const {BatchWebSocket} = await import('/decoder/sheaf-batch.js');
  const path = `/ws/feed?feed=${comparison.feed}`;
  const sockets = [new WebSocket(DIRECT + path), new BatchWebSocket(location.origin.replace('http', 'ws') + path)];
  const texts = sockets.map(() => ({}));
  sockets.forEach((socket, side) => {
    socket.onmessage = ({data}) => { texts[side][JSON.parse(data).sequence] = data; };
  });
  while (Math.min(...texts.map((side) => Object.keys(side).length)) < 300) await new Promise((go) => setTimeout(go, 50));
  sockets.forEach((socket) => socket.close());
  return JSON.stringify(texts);
})()
"""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with running_demo(tmp_path_factory.mktemp("demo"), {"BACKEND_PORT": str(free_port())}) as running:
        yield running


def test_as_shipped_few_frames_carry_the_same_messages(page: Page) -> None:
    wait_for_messages(page, 500)
    direct, through = counted(page, "direct"), counted(page, "sheaf")
    assert direct["frames"] == direct["messages"]
    assert through["messages"] > 4 * through["frames"], through
    assert (direct["gaps"], through["gaps"]) == (0, 0)


def test_both_sides_get_the_same_quotes(page: Page, demo: Demo) -> None:
    address = json.dumps(demo.backend_url.replace("http", "ws"))
    direct, through = json.loads(str(page.evaluate(READ_BOTH.replace("DIRECT", address), seconds=60)))
    common = direct.keys() & through.keys()
    assert len(common) > 100
    assert {number: direct[number] for number in common} == {number: through[number] for number in common}


def test_page_shows_what_went_over_the_wire(page: Page) -> None:
    for side in ("direct", "sheaf"):
        wait_until(lambda: re.fullmatch(r"[\d.]+ k?B", figure(page, side, "wire")), 15, f"bytes on the wire of {side}")
    segments = [float(figure(page, side, "segments").replace(",", "")) for side in ("direct", "sheaf")]
    assert segments[1] < segments[0] / 2, segments


def test_slider_sets_the_rate(page: Page) -> None:
    def made_in_a_second(position: int, shown: str) -> int:
        set_slider(page, position)
        assert page.evaluate("document.getElementById('rate-shown').textContent") == shown
        time.sleep(0.5)
        before = counted(page, "direct")["last"]
        time.sleep(1)
        return counted(page, "direct")["last"] - before

    slow, fast = made_in_a_second(0, "10"), made_in_a_second(7, "1,000")
    set_slider(page, 5)
    assert 0 < slow < fast / 5, (slow, fast)


def test_conflation_leaves_out_quotes_that_newer_ones_overtook(page: Page) -> None:
    set_conflation(page, True)
    wait_until(lambda: counted(page, "sheaf")["gaps"] > 100, 30, "quotes are left out")
    assert counted(page, "direct")["gaps"] == 0
    wait_until(lambda: figure(page, "sheaf", "gaps-name") == "Left out for newer ones", 5, "the page says so")
    set_conflation(page, False)
    wait_until(lambda: counted(page, "sheaf")["messages"] > 200, 30, "quotes come over the other path")
    assert counted(page, "sheaf")["gaps"] == 0
    wait_until(lambda: figure(page, "sheaf", "gaps-name") == "Missing", 5, "the page says so")


def slow_client_processes(demo: Demo) -> list[str]:
    """Ids of the processes that act as this demo's slow clients."""
    mark = f":{demo.port}/ws/feed".encode()
    return [one.parent.name for one in Path("/proc").glob("[0-9]*/cmdline") if is_slow_client(one, mark)]


def is_slow_client(command: Path, mark: bytes) -> bool:
    try:
        words = command.read_bytes()
    except OSError:  # it has ended meanwhile
        return False
    return b"demo.slow_client" in words and mark in words


def test_a_slow_client_falls_behind_but_less_with_conflation(page: Page, demo: Demo) -> None:
    set_slider(page, 7)
    page.evaluate("document.getElementById('slow-toggle').click()")
    wait_until(lambda: len(ages(page)) == 3, 20, "all three have an age")
    assert len(slow_client_processes(demo)) == 1

    def is_fresher() -> bool:
        seen = ages(page)
        return seen["conflated"] < 0.7 * min(seen["direct"], seen["plain"])

    wait_until(is_fresher, 60, "the conflated client is fresher than the others")
    page.evaluate("document.getElementById('slow-toggle').click()")
    wait_until(lambda: not slow_client_processes(demo), 10, "nobody is slow any more")
    set_slider(page, 5)


def test_page_straight_from_the_backend_shows_the_way_to_sheaf(demo: Demo, tmp_path: Path) -> None:
    with open_page(f"{demo.backend_url}/", tmp_path) as page:
        wait_until(lambda: counted(page, "direct")["messages"] > 10, 20, "quotes come")
        assert page.evaluate("document.querySelector('[data-side=sheaf] .state a').href") == f"{demo.url}/"
        assert counted(page, "sheaf")["messages"] == 0


def test_clock_of_another_machine_is_allowed_for(page: Page) -> None:
    told = page.evaluate("""
      import('/static/clock.js').then(async ({compareClocks}) => {
        const ahead = async () => ({now: Date.now() / 1000 + 3600});
        const clock = await compareClocks(ahead);
        return JSON.stringify([clock.agrees, clock.age(Date.now() / 1000 + 3600), clock.describe()]);
      })""")
    agrees, age, sentence = json.loads(str(told))
    assert not agrees and abs(age) < 1000 and "ahead of this one" in sentence, told


def test_feeds_refuse_what_makes_no_sense(demo: Demo) -> None:
    for query in ("feed=a&rate=0", "feed=a&rate=1e9", "feed=a%2Fb", "rate=5"):
        with pytest.raises(InvalidStatus), connect(f"ws://127.0.0.1:{demo.port}/ws/feed?{query}"):
            pass
    request = urllib.request.Request(f"{demo.url}/api/feed?feed=nobody&rate=5", method="PUT")
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(request)


def test_feeds_have_a_limit_and_end_with_their_last_reader(demo: Demo) -> None:
    address = f"{demo.backend_url.replace('http', 'ws')}/ws/feed?rate=1&feed="
    with contextlib.ExitStack() as readers:
        for number in range(100):
            readers.enter_context(connect(f"{address}limit-{number}"))
        with pytest.raises(ConnectionClosed) as closed, connect(f"{address}one-more") as refused:
            refused.recv(timeout=5)
        assert closed.value.rcvd and closed.value.rcvd.code == 1013
    with connect(f"{address}after") as reader:
        assert json.loads(reader.recv(timeout=5))["sequence"] == 1


def test_wire_counters_are_what_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "docker")
    wire = importlib.import_module("demo.wire")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client, listener.accept()[0] as server:
            mine = client.getsockname()[1]
            assert wire.sent_by(port) == {mine: wire.Counted(bytes=0, segments=0)}
            for _ in range(3):
                server.sendall(bytes(1000))
                client.recv(1000, socket.MSG_WAITALL)
            assert wire.sent_by(port) == {mine: wire.Counted(bytes=3000, segments=3)}
    assert wire.sent_by(port) == {}


def test_backend_takes_another_port_where_8000_is_taken(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if taken.connect_ex(("127.0.0.1", 8000)) != 0:
            taken.bind(("127.0.0.1", 8000))
            taken.listen()
        demo = Demo(tmp_path)
        assert not demo.backend_url.endswith(":8000")
        assert json.load(urllib.request.urlopen(f"{demo.url}/api/quotes"))
        assert demo.stop() == 143
        assert "both are stopped" in demo.log()
