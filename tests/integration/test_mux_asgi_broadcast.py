"""The application's end of mux: one message for many is one record, in whichever way the application sends it."""

from __future__ import annotations

import asyncio
import json

import pytest
from sheaf_asgi import Group, broadcast
from websockets.sync.client import connect

from harness import mux_records as records
from harness.backend import Backend
from harness.fixtures import linked
from harness.mux_driver import MuxDriver
from harness.mux_records import GROUP_FLAG, Record
from harness.ports import wait_until

MANY = 40

app, link = linked()


def multicasts(link: MuxDriver) -> list[Record]:
    return [record for frame in link.frames for record in frame if record.kind == "MULTICAST"]


@pytest.mark.parametrize("way", ["loop", "broadcast", "group"])
def test_one_message_for_many_is_one_record(link: MuxDriver, way: str) -> None:
    streams = [link.accepted(f"/room?{way}") for _ in range(MANY)]
    link.text(streams[0], json.dumps([way, ["hello"]]))
    for stream in streams:
        assert link.messages(stream, 1) == ["hello"]
    (record,) = multicasts(link)
    assert records.read_streams(record.payload) == (streams, b"hello")


def test_recipients_that_come_again_become_a_group_and_cost_no_more_bytes(link: MuxDriver) -> None:
    streams = [link.accepted("/room?again") for _ in range(MANY)]
    for number in range(4):
        link.text(streams[0], json.dumps(["loop", [f"message {number}"]]))
        link.messages(streams[-1], number + 1)
    assert [record.flags & GROUP_FLAG for record in multicasts(link)] == [0, 32, 32, 32]
    assert [record.payload for record in multicasts(link)[1:]] == [b"message 1", b"message 2", b"message 3"]
    link.close(streams[1])
    link.text(streams[0], json.dumps(["loop", ["fewer"]]))
    link.messages(streams[-1], 5)
    assert not multicasts(link)[-1].flags & GROUP_FLAG


def test_two_messages_for_each_in_turn_are_two_records_in_order(link: MuxDriver) -> None:
    streams = [link.accepted("/room?two") for _ in range(MANY)]
    link.text(streams[0], json.dumps(["loop", ["a", "b", "a"]]))
    for stream in streams:
        assert link.messages(stream, 3) == ["a", "b", "a"]


def test_the_same_object_twice_for_one_session_is_two_messages(link: MuxDriver) -> None:
    stream = link.accepted("/echo?twice")
    link.send(Record("TEXT", stream, b""), Record("TEXT", stream, b""), Record("TEXT", stream, b""))
    assert link.messages(stream, 3) == ["", "", ""]


def test_more_rooms_than_groups(link: MuxDriver) -> None:
    rooms = [[link.accepted(f"/room?many{number}") for _ in range(16)] for number in range(70)]
    for turn in range(3):
        for room in rooms:
            link.text(room[0], json.dumps(["loop", [f"turn {turn}"]]))
        for room in rooms:
            for stream in room:
                assert link.messages(stream, turn + 1)[turn] == f"turn {turn}"
    assert {record.stream for record in multicasts(link)} <= {*range(65)}


@pytest.mark.parametrize("way", ["broadcast", "group"])
def test_a_slow_client_waits_alone_and_misses_nothing(link: MuxDriver, way: str) -> None:
    streams = [link.accepted(f"/room?slow{way}") for _ in range(4)]
    texts = [["x", 60_000]] * 6
    for stream in streams[:3]:
        link.credit(stream, 1_000_000)
    link.text(streams[0], json.dumps([way, texts]))
    for stream in streams[:3]:
        link.messages(stream, 5)
    link.quiet()
    assert len(link.checker.streams[streams[3]].messages) == 5
    link.credit(streams[3], 1_000_000)
    for stream in streams:
        assert link.messages(stream, 6) == ["x" * 60_000] * 6


def test_those_that_are_closed_are_told_and_leave_a_group(app: Backend, link: MuxDriver) -> None:
    streams = [link.accepted("/room?stay-closed") for _ in range(3)]
    link.close(streams[1])
    link.quiet()
    link.text(streams[0], json.dumps(["broadcast", ["x"]]))
    link.text(streams[0], json.dumps(["group", ["y"]]))
    for stream in (streams[0], streams[2]):
        assert link.messages(stream, 2) == ["x", "y"]
    wait_until(lambda: "NOTE stay-closed closed 1" in app.log(), 5, "broadcast tells how many are closed")
    wait_until(lambda: "NOTE stay-closed group 2" in app.log(), 5, "they leave the group")


@pytest.mark.parametrize("way", ["broadcast", "group"])
def test_a_client_without_a_link_gets_a_plain_send(app: Backend, link: MuxDriver, way: str) -> None:
    by_link = link.accepted(f"/room?mixed{way}")
    with connect(f"ws://127.0.0.1:{app.port}/room?mixed{way}") as socket:
        link.text(by_link, json.dumps([way, ["hello"]]))
        assert socket.recv(timeout=10) == "hello"
    assert link.messages(by_link, 1) == ["hello"]


def test_what_is_no_message_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="str or bytes, not int"):
        asyncio.run(broadcast([], 7))  # type: ignore[arg-type]


def test_a_group_is_a_set() -> None:
    group = Group(["a", "b"])
    group.add("a")
    group.discard("b")
    group.discard("c")
    assert [*group] == ["a"] and len(group) == 1 and "a" in group and "b" not in group
