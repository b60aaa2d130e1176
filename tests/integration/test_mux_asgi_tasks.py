"""The application's end of mux: several tasks of one handler, and what is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sheaf_asgi import ClientGone, SheafMiddleware

from harness import mux_records as records
from harness.mux_memory import MemoryLink
from harness.mux_records import Record

Handler = Callable[[Any, Any], Awaitable[None]]
WINDOW = 16_384


def run(handler: Handler, script: Callable[[MemoryLink], Awaitable[None]], **options: Any) -> None:
    """Runs `script` with session 1 of a link accepted, whose `receive` and `send` the handler has; and what it asserts."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await handler(receive, send)

    async def everything() -> None:
        link = MemoryLink(app, window=WINDOW, **options)
        await link.start()
        link.open(1)
        await link.turn()
        await script(link)
        await link.stop()

    asyncio.run(asyncio.wait_for(everything(), 20))


def text(value: str) -> dict[str, Any]:
    return {"type": "websocket.send", "text": value}


def up(link: MemoryLink, *values: str) -> None:
    link.up(b"".join(Record("TEXT", 1, value.encode()).encode() for value in values))


def test_tasks_that_receive_side_by_side_share_the_messages() -> None:
    got: list[str] = []

    async def handler(receive: Any, send: Any) -> None:
        async def one() -> None:
            while (event := await receive())["type"] == "websocket.receive":
                got.append(event["text"])

        await asyncio.gather(*(one() for _ in range(3)))

    async def script(link: MemoryLink) -> None:
        for start in range(0, 9, 3):
            up(link, *(str(number) for number in range(start, start + 3)))
            await link.turn()
        assert got == [str(number) for number in range(9)]

    run(handler, script)


def test_a_cancelled_receive_loses_nothing() -> None:
    got: list[str] = []

    async def handler(receive: Any, send: Any) -> None:
        while True:
            task = asyncio.ensure_future(receive())
            await asyncio.wait([task], timeout=0)
            if not task.done():
                task.cancel()
            try:
                event = await task
            except asyncio.CancelledError:
                continue
            if event["type"] == "websocket.disconnect":
                return
            got.append(event["text"])

    async def script(link: MemoryLink) -> None:
        for number in range(200):
            up(link, str(number))
            await link.turn(number % 7)
        await link.turn(200)
        assert got == [str(number) for number in range(200)]

    run(handler, script)


def test_sends_that_wait_go_in_order_and_a_cancelled_one_holds_up_none() -> None:
    tasks: list[asyncio.Task[None]] = []

    async def handler(receive: Any, send: Any) -> None:
        await send(text("x" * WINDOW))
        tasks.extend(asyncio.create_task(send(text(str(number)))) for number in range(6))
        await receive()

    async def script(link: MemoryLink) -> None:
        assert link.checker.streams[1].messages == ["x" * WINDOW]
        tasks[0].cancel()
        tasks[3].cancel()
        await link.turn()
        link.checker.streams[1].credit += 16
        link.up(records.credit(1, 16).encode())
        tasks[1].cancel()  # while it may be about to go
        await link.turn()
        assert link.checker.streams[1].messages[1:] in (["2", "4"], ["1", "2"])
        link.checker.streams[1].credit += 100
        link.up(records.credit(1, 100).encode())
        await link.turn()
        assert link.checker.streams[1].messages[-3:] == ["2", "4", "5"]
        assert all(task.done() for task in tasks)

    run(handler, script)


def test_a_send_that_waits_is_told_that_the_client_has_gone() -> None:
    raised: list[BaseException] = []

    async def handler(receive: Any, send: Any) -> None:
        try:
            while True:
                await send(text("x" * 1000))
        except OSError as error:
            raised.append(error)

    async def script(link: MemoryLink) -> None:
        link.up(records.close(1, 1001).encode())
        link.checker.closed(1)
        await link.turn()
        assert isinstance(raised[0], ClientGone)

    run(handler, script)


def test_a_buffer_that_changes_later_was_copied() -> None:
    async def handler(receive: Any, send: Any) -> None:
        buffer = bytearray(b"first")
        await send({"type": "websocket.send", "bytes": buffer})
        buffer[:] = b"other"
        await send({"type": "websocket.send", "bytes": memoryview(buffer), "text": None})
        buffer[:] = b"final"
        await receive()

    async def script(link: MemoryLink) -> None:
        assert link.checker.streams[1].messages == [b"first", b"other"]

    run(handler, script)


@pytest.mark.parametrize("event, error", [
    ({"type": "websocket.send"}, ValueError),
    ({"type": "websocket.send", "text": None, "bytes": None}, ValueError),
    ({"type": "websocket.accept"}, RuntimeError),
    ({"type": "websocket.close", "code": 1005}, ValueError),
    ({"type": "websocket.close", "code": 1000, "reason": "x" * 124}, ValueError),
    ({"type": "websocket.send", "text": "\ud800"}, UnicodeEncodeError),
])  # fmt: skip
def test_what_cannot_be_sent_is_an_error_and_the_session_goes_on(event: dict[str, Any], error: type[Exception]) -> None:
    raised: list[Exception] = []

    async def handler(receive: Any, send: Any) -> None:
        try:
            await send(event)
        except error as caught:
            raised.append(caught)
        await send(text("still here"))
        await receive()

    async def script(link: MemoryLink) -> None:
        assert len(raised) == 1 and link.checker.streams[1].messages == ["still here"]

    run(handler, script)


def test_max_message_is_what_the_application_says() -> None:
    told: list[int] = []

    async def handler(receive: Any, send: Any) -> None:
        assert (await receive())["text"] == "x" * 100
        told.append((await receive())["code"])

    async def script(link: MemoryLink) -> None:
        up(link, "x" * 100, "x" * 101)
        await link.turn()
        assert told == [1009] and link.checker.streams[1].state == "closed"
        assert records.read_hello(records.decode(link.frames[0])[0]).largest == 100

    run(handler, script, max_message=100)


def test_an_open_that_comes_after_the_end_starts_nothing() -> None:
    async def handler(receive: Any, send: Any) -> None:
        assert (await receive())["code"] == 1006

    async def script(link: MemoryLink) -> None:
        link.up(b"\x1f" + bytes(7))
        link.open(2)
        await link.turn()
        assert link.closed == 1002 and link.checker.streams[2].state == "opening"

    run(handler, script)


class StuckLink(MemoryLink):
    """One of a server whose send() never returns where the connection is lost meanwhile, as uvicorn 0.17's with wsproto."""

    async def _send(self, event: dict[str, Any]) -> None:
        await super()._send(event)
        if len(self.frames) > 2:
            await asyncio.get_running_loop().create_future()


def test_a_send_that_waits_for_the_link_ends_with_it() -> None:
    asyncio.run(asyncio.wait_for(lose_a_stuck_link(), 20))


async def lose_a_stuck_link() -> None:
    ended: list[type[BaseException]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        try:
            while True:
                await send({"type": "websocket.send", "bytes": bytes(10_000)})
        except BaseException as error:
            ended.append(type(error))
            raise

    link = StuckLink(app, window=1 << 24)
    await link.start()
    link.open(1)
    await link.turn(500)
    assert not ended
    await link.stop()
    assert ended == [ClientGone]


@pytest.mark.parametrize("token", ["", None])
def test_without_a_token_there_is_no_middleware(token: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHEAF_TOKEN", raising=False)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        pass

    with pytest.raises(ValueError, match="set SHEAF_TOKEN"):
        SheafMiddleware(app, token=token)
    monkeypatch.setenv("SHEAF_TOKEN", "secret")
    SheafMiddleware(app)


def test_a_shutdown_waits_for_the_handlers_of_a_link_that_was_lost_before_it() -> None:
    order: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            order.append((await receive())["type"])
            return
        await receive()
        await receive()
        await asyncio.sleep(0.05)
        order.append("handler")

    async def everything() -> None:
        link = MemoryLink(app)
        await link.start()
        link.open(1)
        await link.turn()
        stopping = asyncio.create_task(link.stop())
        await link.turn()
        await link.shut_down()
        await stopping

    asyncio.run(asyncio.wait_for(everything(), 20))
    assert order == ["handler", "lifespan.shutdown"]
