"""What `websocket.disconnect` tells an application, key by key: the same as uvicorn's, which has a reason only of a Close."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from harness import mux_records as records
from harness.mux_memory import MemoryLink

ACCEPT = {"type": "websocket.accept"}


def told(answers: list[dict[str, Any]], script: Callable[[MemoryLink], Awaitable[None]], lost: int = 1006) -> Any:
    """The event that an application receives which has sent `answers`. `lost`: the code that the link ends with."""
    events: list[dict[str, Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        for answer in answers:
            await send(answer)
        events.append(await receive())

    async def everything() -> None:
        link = MemoryLink(app)
        await link.start()
        link.open(1)
        await link.turn()
        await script(link)
        await link.stop(lost)

    asyncio.run(asyncio.wait_for(everything(), 20))
    (event,) = events
    assert event.pop("type") == "websocket.disconnect"
    return event


async def nothing(link: MemoryLink) -> None:
    pass


def closing(code: int, reason: str) -> Callable[[MemoryLink], Awaitable[None]]:
    async def script(link: MemoryLink) -> None:
        link.up(records.close(1, code, reason).encode())
        await link.turn()

    return script


@pytest.mark.parametrize("code, reason", [(1000, ""), (4000, "bye"), (1005, "")])
def test_the_clients_close_has_a_code_and_a_reason(code: int, reason: str) -> None:
    assert told([ACCEPT], closing(code, reason)) == {"code": code, "reason": reason}


def test_a_client_that_is_gone_without_a_word_gave_no_reason() -> None:
    assert told([ACCEPT], closing(1006, "")) == {"code": 1006}


@pytest.mark.parametrize("lost, code", [(1012, 1012), (1011, 1006), (1006, 1006)])
def test_the_end_of_a_link_has_no_reason_and_only_a_shutdown_a_code(lost: int, code: int) -> None:
    assert told([ACCEPT], nothing, lost) == {"code": code}


@pytest.mark.parametrize("lost", [1012, 1006])
def test_a_websocket_that_was_never_accepted_had_no_close(lost: int) -> None:
    assert told([], nothing, lost) == {"code": 1006}
    assert told([], closing(1001, "early"), lost) == {"code": 1006}


def test_an_own_close_comes_back_and_an_own_refusal_does_not() -> None:
    close = {"type": "websocket.close", "code": 4321, "reason": "enough"}
    assert told([ACCEPT, close], nothing) == {"code": 4321, "reason": "enough"}
    start = {"type": "websocket.http.response.start", "status": 404, "headers": []}
    body = {"type": "websocket.http.response.body", "body": b"no"}
    assert told([close], nothing) == told([start, body], nothing) == {"code": 1006}
