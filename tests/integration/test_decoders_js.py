"""The JavaScript decoders behind the real proxy and a real backend, in Node and in a real browser."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.backend import Backend
from harness.browser import Page, open_page
from harness.clients_js import CLIENTS, node
from harness.sheaf import Sheaf

# A fixed wait, so that what comes in a burst shares frames whatever the machine is doing.
BATCHING = {"batching": {"adaptive": False, "timeout": "30ms"}}

IN_PAGE = """(async () => {
  const text = new Blob([SOURCE], {type: 'text/javascript'});
  const scenarios = await import(URL.createObjectURL(text));
  const decoders = await import('/decoder/sheaf-batch.js');
  const {io, WebSocket, XHR} = await import('/client/socket.io.esm.min.js');
  const given = {...decoders, io, WebSocketTransport: WebSocket, PollingTransport: XHR, ...SETTING};
  return JSON.stringify(await scenarios.SCENARIO(given));
})()"""

Run = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def proxy(folder: Path, backend: Backend) -> Iterator[Sheaf]:
    running = Sheaf(folder, backend.url, BATCHING)
    yield running
    running.stop()


def in_node(base: str, scenario: str, **setting: object) -> dict[str, Any]:
    """Runs a scenario of decoders.mjs in Node."""
    return node("decoders_node.mjs", scenario, json.dumps({"base": base, **setting}), seconds=40)


def in_page(page: Page, base: str, scenario: str, **setting: object) -> dict[str, Any]:
    """Runs the same text in the browser."""
    expression = (
        IN_PAGE.replace("SOURCE", json.dumps((CLIENTS / "decoders.mjs").read_text()))
        .replace("SETTING", json.dumps({"base": base, **setting}))
        .replace("SCENARIO", scenario)
    )
    return json.loads(str(page.evaluate(expression, seconds=30)))


@pytest.fixture(scope="module", params=["node", "chromium"])
def run(request: pytest.FixtureRequest, proxy: Sheaf, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """run(scenario, **setting) in either place, through the proxy."""
    if request.param == "node":
        yield lambda scenario, **setting: in_node(proxy.url, scenario, **setting)
        return
    with open_page(f"{proxy.url}/page", tmp_path_factory.mktemp("profile")) as page:
        yield lambda scenario, **setting: in_page(page, proxy.url, scenario, **setting)


def check_exact(seen: dict[str, Any]) -> None:
    """The same messages in the same order, whatever else is wrong: the first difference says most."""
    for number, (sent, got) in enumerate(zip(seen["sent"], seen["got"])):
        assert sent == got, f"message {number}"
    assert len(seen["sent"]) == len(seen["got"])


def check_batched(seen: dict[str, Any], messages_a_frame: float) -> None:
    """Messages did share frames: else the tests above would prove nothing."""
    assert sum(seen["frames"]) >= len(seen["got"]), seen["frames"]
    assert sum(seen["frames"]) / len(seen["frames"]) > messages_a_frame, seen["frames"]


@pytest.mark.parametrize("binary_type,type_name", [("blob", "Blob"), ("arraybuffer", "ArrayBuffer")])
@pytest.mark.parametrize("envelope,messages_a_frame", [("json", 2), ("binary", 10)])
def test_messages_of_every_kind_come_as_they_were_sent(
    run: Run, envelope: str, messages_a_frame: float, binary_type: str, type_name: str
) -> None:
    seen = run("echo", envelope=envelope, binaryType=binary_type)
    check_exact(seen)
    check_batched(seen, messages_a_frame)
    assert seen["types"] == [type_name, "String"]
    assert seen["close"] == [4321, "done", True]


def test_a_consumer_that_awaits_each_message_loses_none(run: Run, proxy: Sheaf) -> None:
    seen = run("awaited")
    check_exact(seen)
    check_batched(seen, 3)
    assert seen["query"] == "a=1&b=%20+", "the backend sees its own query only"
    assert seen["url"] == f"{proxy.ws_url}/ws/headers?a=1&b=%20+"


@pytest.mark.parametrize("polling_first", [False, True], ids=["websocket", "upgrade"])
def test_transport_gives_socketio_every_packet(run: Run, polling_first: bool) -> None:
    seen = run("transport", pollingFirst=polling_first)
    check_exact(seen)
    check_batched(seen, 2)
    assert seen["names"] == ["polling" if polling_first else "websocket", "websocket"]
    assert seen["acks"] == list(range(10))
    assert seen["named"] == sum(event.startswith(('["quote"', '["batch"')) for event in seen["sent"])


@pytest.mark.parametrize("transports", [["websocket"], ["polling", "websocket"]], ids=["websocket", "upgrade"])
@pytest.mark.parametrize("namespace", ["/", "/repeat"])
def test_events_reach_stock_clients_one_by_one(run: Run, namespace: str, transports: list[str]) -> None:
    seen = run("events", namespace=namespace, transports=transports)
    check_exact(seen)
    check_batched(seen, 2)
    assert seen["acks"] == (list(range(10)) if namespace == "/" else [])
    assert seen["named"] == sum(event.startswith(('["quote"', '["batch"')) for event in seen["sent"])


@pytest.mark.parametrize(
    "scenario,setting",
    [
        ("transport", {"pollingFirst": True, "query": {"sheaf": "engineio", "room": "a"}}),
        ("events", {"namespace": "/", "transports": ["polling", "websocket"]}),
    ],
)
def test_backend_sees_the_wish_in_neither_transport(
    make_sheaf, make_backend, scenario: str, setting: dict[str, Any]
) -> None:
    """socket.io-client puts its query on polling requests as well as on the WebSocket's: uvicorn logs what it gets."""
    loud = make_backend(loud=True)
    proxy = make_sheaf(loud.url, BATCHING)
    seen = in_node(proxy.url, scenario, **setting)
    check_exact(seen)
    check_batched(seen, 2)
    lines = [line for line in loud.log().splitlines() if "/socket.io/?" in line]
    for parts in (('"GET ', "transport=polling"), ('"POST ', "transport=polling"), ("WebSocket", "transport=websocket")):
        assert [line for line in lines if all(part in line for part in parts)], f"no {parts} in {lines}"
    assert not [line for line in lines if "sheaf" in line]
    if "query" in setting:
        assert all("room=a" in line for line in lines), "the page's own parameters stay"


def test_plain_frames_pass_where_sheaf_is_off_or_absent(make_sheaf, backend: Backend) -> None:
    off = make_sheaf(backend.url, {"batching": {"delivery": "off"}})
    for base in (off.url, backend.url):
        for envelope in ("json", "binary"):
            seen = in_node(base, "echo", envelope=envelope, binaryType="blob", hasLookAlikes=False)
            check_exact(seen)
            assert set(seen["frames"]) == {1}
        check_exact(in_node(base, "transport", pollingFirst=True))
        seen = in_node(base, "events", namespace="/repeat", transports=["websocket"])
        # No Sheaf has wrapped the app's own event that is an envelope to the letter: it is taken apart.
        own = '["batch",{"type":"batch","batch_size":1,"messages":[{"event":"a","data":1}]}]'
        check_exact({**seen, "sent": ['["a",1]' if event == own else event for event in seen["sent"]]})
