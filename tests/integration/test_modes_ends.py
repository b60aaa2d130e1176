"""How sessions end in every mode: closes of both sides, errors of the application, and what a handler sees afterwards."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from harness.frames import CLOSE, TEXT, RawWebSocket, close_frame, frame
from harness.modes import Served, served_in
from harness.ports import wait_until
from harness.scripts import ACCEPT, scripted
from harness.scripts import CLOSE as CLOSE_IT
from harness.scripts import TEXT as SEND

served = served_in()

CONNECT = {"type": "websocket.connect"}
# What a client sees where a handler ends, or fails, after its accept: uvicorn closes the TCP connection without a word, for
# which Sheaf says 1012; over a link the middleware can say what happened.
ENDS = {
    "raise": {"direct": None, "tunnel": 1012, "mux": 1011},
    "return": {"direct": None, "tunnel": 1012, "mux": 1000},
}


def disconnect(code: int, reason: str | None = None) -> dict[str, object]:
    return {"type": "websocket.disconnect", "code": code, **({} if reason is None else {"reason": reason})}


def code_of_end(socket: RawWebSocket) -> int | None:
    """The code of the Close that comes next; None: the connection ends without one."""
    received = socket.read_frame()
    if received is None:
        return None
    assert received.opcode == CLOSE, received
    return received.code


# ---- closes


@pytest.mark.parametrize(
    "code,reason",
    [
        (1000, ""),
        (1000, "bye"),
        (1001, "going"),
        (1008, "policy"),
        (1011, "oops"),
        (3000, "library"),
        (4321, "application " + "x" * 100),
        (4999, "é" * 61),
    ],
)
def test_close_of_the_application(served: Served, code: int, reason: str) -> None:
    with RawWebSocket(served.port, f"/ws/close?code={code}&reason={quote(reason)}") as socket:
        assert socket.read_message() == (TEXT, b"hello")
        received = socket.read_close()
        assert (received.code, received.reason) == (code, reason)
        socket.send(close_frame(code))
        assert socket.ended(3)


@pytest.mark.parametrize("event,code", [({}, 1000), ({"code": 4000, "reason": None}, 4000), ({"reason": "x"}, 1000)])
def test_close_with_parts_left_out(served: Served, event: dict[str, object], code: int) -> None:
    with scripted(served, "parts", "receive", ACCEPT, {**CLOSE_IT, **event}) as socket:
        received = socket.read_close()
        assert (received.code, received.reason) == (code, event.get("reason") or "")


@pytest.mark.parametrize("code,reason", [(1000, "bye"), (1001, ""), (4321, "reason " + "x" * 100), (3000, "héllo")])
def test_close_of_the_client(served: Served, code: int, reason: str) -> None:
    tag = f"client {code}"
    with RawWebSocket(served.port, f"/ws/closed?tag={quote(tag)}") as socket:
        socket.check_echo(b"hello")
        socket.send(close_frame(code, reason.encode()))
        answer = socket.read_close()
        assert (answer.code, answer.reason) == (code, reason)
        assert socket.ended(3)
    assert served.notes.wait_for(tag) == [[code, reason]]


def test_close_of_the_client_without_a_code(served: Served) -> None:
    with RawWebSocket(served.port, "/ws/closed?tag=codeless") as socket:
        socket.check_echo(b"hello")
        socket.send_frame(CLOSE)
        assert socket.read_close().code in (1000, 1005)
    assert served.notes.wait_for("codeless") == [[1005, ""]]


def test_client_that_vanishes(served: Served) -> None:
    with RawWebSocket(served.port, "/ws/closed?tag=vanished") as socket:
        socket.check_echo(b"hello")
        socket.reset()
    ((code, reason),) = served.notes.wait_for("vanished")
    assert code in (1005, 1006) and reason == ""


def test_client_that_vanishes_amid_a_message(served: Served) -> None:
    """The application gets no half of it."""
    with RawWebSocket(served.port, "/ws/closed?tag=half") as socket:
        socket.check_echo(b"hello")
        socket.send(frame(TEXT, b"x" * 200_000)[:150_000])
        socket.reset()
    assert [code for code, _ in served.notes.wait_for("half")][0] in (1005, 1006)


def test_messages_before_a_close_of_the_client_arrive(served: Served) -> None:
    with scripted(served, "before", "receive", ACCEPT, *["receive"] * 4) as socket:
        socket.send(frame(TEXT, b"1") + frame(TEXT, b"2") + frame(TEXT, b"3") + close_frame(4001, b"end"))
        assert socket.read_close().code == 4001
    seen = served.notes.wait_for("before", 6)
    received = [{"type": "websocket.receive", "text": text} for text in "123"]
    assert seen == [CONNECT, *received, disconnect(4001, "end"), "returned"]


def test_messages_before_a_close_of_the_application_arrive(served: Served) -> None:
    sizes = (1, 70_000, 1, 200_000, 1)
    sends = [{**SEND, "text": str(number), "times": size} for number, size in enumerate(sizes)]
    with scripted(served, "sends", "receive", ACCEPT, *sends, CLOSE_IT) as socket:
        expected = [(TEXT, b"%d" % number * size) for number, size in enumerate(sizes)]
        assert [socket.read_message() for _ in sizes] == expected
        assert socket.read_close().code == 1000


# ---- errors


@pytest.mark.parametrize("end", ["raise", "return"])
def test_end_after_the_accept(served: Served, end: str) -> None:
    with scripted(served, f"{end} after", "receive", ACCEPT, SEND, "wait", end) as socket:
        assert socket.read_message() == (TEXT, b"hello")
        socket.send_frame(TEXT, b"go")
        assert code_of_end(socket) == ENDS[end][served.mode]
    if end == "raise":
        wait_until(lambda: "OnPurpose: the script says so" in served.backend.log(), 5, "the error is logged")
    assert served.notes.wait_for(f"{end} after", 2)[-1] == ("raised" if end == "raise" else "returned")


@pytest.mark.parametrize("code", [1008, 4321])
def test_exception_of_fastapi_after_the_accept(served: Served, code: int) -> None:
    with RawWebSocket(served.port, f"/ws/raises?accept=true&code={code}") as socket:
        received = socket.read_close()
        assert (received.code, received.reason) == (code, "on purpose")


BAD_CLOSES = {"long reason": {"reason": "x" * 124}, "long in bytes": {"reason": "é" * 62}, "1006": {"code": 1006}, "0": {"code": 0},
              "70000": {"code": 70_000}, "surrogate": {"reason": "\ud800"}}  # fmt: skip


@pytest.mark.parametrize("what", BAD_CLOSES)
def test_close_that_cannot_be_sent_is_that_session_s_alone(served: Served, what: str) -> None:
    """The handler gets an error, or the client an end; who shares the link with it notices nothing."""
    with RawWebSocket(served.port) as neighbour:
        neighbour.check_echo(b"before")
        with scripted(served, f"bad {what}", "receive", ACCEPT, {**CLOSE_IT, **BAD_CLOSES[what]}, "return") as socket:
            assert code_of_end(socket) != 1006
        neighbour.check_echo(b"after")
    assert served.notes.wait_for(f"bad {what}", 2)[-1] in ("returned", "raised")


# ---- what a handler sees afterwards


def test_receive_after_the_client_has_left(served: Served) -> None:
    """A disconnect, and then no message that is another."""
    with scripted(served, "left", "receive", ACCEPT, "receive", "again", "again") as socket:
        socket.send(close_frame(4002, b"left"))
        assert socket.read_close().code == 4002
    seen = served.notes.wait_for("left", 5)
    assert seen[1] == disconnect(4002, "left") and seen[4] == "returned"
    for later in seen[2:4]:
        assert later == "nothing" or later["type"] == "websocket.disconnect"
    if served.mode == "mux":
        assert seen[2:4] == [disconnect(4002, "left")] * 2


def test_send_after_the_client_has_left(served: Served) -> None:
    """An OSError, each time: Starlette turns it into its WebSocketDisconnect."""
    with scripted(served, "gone", "receive", ACCEPT, "receive", "pause", SEND, SEND, CLOSE_IT) as socket:
        socket.send(close_frame(1000))
        assert socket.read_close().code == 1000
    seen = served.notes.wait_for("gone", 6)
    assert seen[-1] == "returned"
    assert all("OSError" in error for error in seen[2:4]), seen


def test_error_of_a_send_to_nobody_that_escapes_is_not_logged(served: Served) -> None:
    with scripted(served, "escapes", "receive", ACCEPT, "receive", "pause", "say") as socket:
        socket.send(close_frame(1000))
        assert socket.read_close().code == 1000
    before = served.backend.log().count("Traceback")
    assert served.notes.wait_for("escapes", 3)[-1] == "raised"
    with RawWebSocket(served.port) as other:
        other.check_echo(b"the loop has turned")
    assert served.backend.log().count("Traceback") == before


def test_what_depends_on_a_session_is_cleaned_up(served: Served) -> None:
    with RawWebSocket(served.port, "/ws/depends?tag=depends") as socket:
        assert socket.read_message() == (TEXT, b"resource")
        socket.send(close_frame(1000))
        assert socket.read_close().code == 1000
    assert served.notes.wait_for("depends") == ["cleaned up"]


def test_receive_after_the_own_close(served: Served) -> None:
    close = {**CLOSE_IT, "code": 4003, "reason": "own"}
    with scripted(served, "own", "receive", ACCEPT, close, "receive") as socket:
        assert socket.read_close().code == 4003
    assert served.notes.wait_for("own", 3) == [CONNECT, disconnect(4003, "own"), "returned"]


@pytest.mark.parametrize(
    "tag,steps",
    [
        ("send after close", ["receive", ACCEPT, CLOSE_IT, SEND]),
        ("close after close", ["receive", ACCEPT, CLOSE_IT, CLOSE_IT]),
        ("accept after close", ["receive", ACCEPT, CLOSE_IT, ACCEPT]),
        ("accept twice", ["receive", ACCEPT, ACCEPT, CLOSE_IT]),
        ("unknown", ["receive", ACCEPT, {"type": "websocket.nonsense"}, CLOSE_IT]),
    ],
)
def test_event_out_of_turn(served: Served, tag: str, steps: list[object]) -> None:
    with scripted(served, tag, *steps) as socket:
        assert socket.read_close().code == 1000
    assert served.notes.wait_for(tag, 3) == [CONNECT, ["RuntimeError", "Exception", "BaseException"], "returned"]


def test_tasks_of_a_handler_are_told(served: Served) -> None:
    """One reads, one writes; the client leaves amid the ticks."""
    with RawWebSocket(served.port, "/ws/two_tasks?tag=two") as socket:
        assert [socket.read_message()[1] for _ in range(20)] == [b"tick %d" % number for number in range(20)]
        socket.send(close_frame(1000))
        assert socket.read_close().code == 1000
    assert served.notes.wait_for("two", 2) == ["the writer has ended", "the handler has ended"]


def test_task_that_outlives_its_handler(served: Served) -> None:
    with RawWebSocket(served.port, "/ws/background?tag=later") as socket:
        assert socket.read_close().code == 1000
    assert served.notes.wait_for("later") == ["done in the background"]


def test_context_variables_are_a_session_s_own(served: Served) -> None:
    with (
        RawWebSocket(served.port, "/ws/context") as one,
        RawWebSocket(served.port, "/ws/context") as other,
    ):
        seen = []
        for socket, text in ((one, b"one"), (other, b"?"), (other, b"other"), (one, b"?")):
            socket.send_frame(TEXT, text)
            seen.append(socket.read_message()[1])
        with RawWebSocket(served.port, "/ws/context") as third:
            third.send_frame(TEXT, b"?")
            seen.append(third.read_message()[1])
    first = seen[4].split(b",")[0]
    assert seen == [
        first + b',"one","one"]',
        first + b"," + first[1:] + b"," + first[1:] + b"]",
        first + b',"other","other"]',
        first + b',"one","one"]',
        first + b"," + first[1:] + b"," + first[1:] + b"]",
    ]
