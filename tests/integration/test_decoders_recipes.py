"""The recipes of the JavaScript decoders' README as they stand there, in a real browser, behind the proxy and a backend."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.backend import Backend
from harness.browser import Page, open_page
from harness.recipes import bundle, recipe, run
from harness.sheaf import Sheaf

# A fixed wait, so that what comes in a burst shares frames whatever the machine is doing.
BATCHING = {"batching": {"adaptive": False, "timeout": "30ms"}}

IN_PLACE = "A library that opens the WebSocket"


@pytest.fixture(scope="module")
def loud(folder: Path) -> Iterator[Backend]:
    """uvicorn logs each WebSocket that it has accepted."""
    running = Backend(folder, loud=True)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def proxy(folder: Path, loud: Backend) -> Iterator[Sheaf]:
    running = Sheaf(folder, loud.url, BATCHING)
    yield running
    running.stop()


@pytest.fixture
def page(proxy: Sheaf, tmp_path: Path) -> Iterator[Page]:
    """A page that no other test has changed the globals of."""
    with open_page(f"{proxy.url}/page", tmp_path / "profile") as opened:
        yield opened


def check_batched(seen: dict[str, Any]) -> None:
    assert seen["got"] == seen["sent"]
    assert seen["frames"] < len(seen["sent"]) / 2, "the messages shared frames"


def test_react_hook_connects_once_in_strict_mode_and_loses_nothing(
    page: Page, proxy: Sheaf, loud: Backend, tmp_path: Path
) -> None:
    seen = run(page, bundle("react.tsx", tmp_path, recipe=recipe("React")), base=proxy.url, tag="react")
    assert seen["mounts"] == 2, "StrictMode was on"
    assert seen["query"] == "first"
    check_batched(seen)
    assert seen["renders"] < len(seen["sent"]) / 2, "a batch is gathered into few renders"
    assert [url.rpartition("/")[2] for url in seen["urls"]] == ["headers?first&sheaf=json", "closed?tag=react&sheaf=json"]
    assert seen["before"] == [] and len(seen["after"]) == 1, "closed when the component was gone, and not before"
    accepted = [line for line in loud.log().splitlines() if "[accepted]" in line and "/ws/" in line]
    assert [sum(path in line for line in accepted) for path in ("headers?first", "closed?tag=react", "never")] == [1, 1, 0]


@pytest.mark.parametrize("number,elsewhere", [(0, "a=1&sheaf=json"), (1, "a=1")], ids=["class", "own host only"])
def test_libraries_that_open_the_websocket_use_it(
    page: Page, proxy: Sheaf, loud: Backend, tmp_path: Path, number: int, elsewhere: str
) -> None:
    script = bundle("libraries.tsx", tmp_path, recipe=recipe(IN_PLACE, number))
    seen = run(page, script, base=proxy.url, other=loud.url)
    check_batched(seen["global"])
    check_batched(seen["class"])
    assert seen["global"]["query"] == ""
    assert seen["elsewhere"] == elsewhere
    assert seen["inherited"] == []


@pytest.mark.parametrize("before", ["", recipe(IN_PLACE)], ids=["native", "replaced"])
@pytest.mark.parametrize("way,envelope", [("a transport", "engineio"), ("one line", "socketio-event")])
def test_socketio_recipes_leave_the_global_websocket_alone(
    page: Page, proxy: Sheaf, tmp_path: Path, way: str, envelope: str, before: str
) -> None:
    """Also with BatchWebSocket in the place of the class that socket.io-client finds."""
    ends = f"const url = {proxy.url!r};\n", "\nexport const WebSocketOfTheRecipe = WebSocket;\nexport {socket};"
    text = recipe(f"Socket.IO, with {way}").join(ends)
    seen = run(page, bundle("socketio.ts", tmp_path, recipe=text, before=before))
    check_batched(seen)
    assert seen["acknowledged"] == "x"
    assert seen["isGlobal"]
    assert seen["urls"] and all(f"sheaf={envelope}" in url for url in seen["urls"])
