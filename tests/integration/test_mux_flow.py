"""Many sessions on one link: one that does not read, or does not receive, stops nobody else; the link stays alive."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness.frames import BINARY, TEXT, RawWebSocket, frame
from harness.modes import Served
from harness.ports import wait_until
from harness.raw import RawClient
from harness.room_members import BYE, expected, members, path_of, run_room, until_all_have

MIB = 1 << 20


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[Served]:
    """One worker, and so one link for all."""
    with Served(folder, "mux", conf={"workers": 1}) as running:
        yield running


def memory_of(pid: int) -> int:
    """Resident bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("the process has ended")


def hear(served: Served, tag: str) -> None:
    with RawClient(served.port) as client:
        answer = client.request(f"POST /hear?tag={tag} HTTP/1.1\nHost: a\nContent-Length: 0\nConnection: close\n\n")
        assert answer.status == 200


def test_client_that_reads_nothing_stops_its_handler_alone(served: Served) -> None:
    """A flood of 200 MB to it: the handler stops early, others go on, and neither process grows by it."""
    count, size = 20_000, 10_000
    with RawWebSocket(served.port, f"/flood?tag=stopped&size={size}&count={count}", receive_buffer=4096):
        served.notes.wait_for("stopped")
        before = [memory_of(process.pid) for process in (served.sheaf.process, served.backend.process)]
        with RawWebSocket(served.port) as other:
            for number in range(500):
                other.check_echo(b"%d" % number)
        stopped = wait_until(lambda: standing_still(served, "stopped"), 20, "the handler stops")
        assert stopped * size < 20 * MIB, "the handler was not stopped"
        for process, then in zip((served.sheaf.process, served.backend.process), before):
            assert memory_of(process.pid) - then < 24 * MIB


def standing_still(served: Served, tag: str) -> int:
    """The latest number noted, if none comes for half a second; else 0."""
    before = served.notes.of(tag)[-1]
    threading.Event().wait(0.5)
    return int(before) if served.notes.of(tag)[-1] == before else 0


def test_flood_arrives_whole_when_it_is_read(served: Served) -> None:
    count, size = 3000, 3000
    with RawWebSocket(served.port, f"/flood?tag=read&size={size}&count={count}", receive_buffer=4096) as client:
        for number in range(count):
            opcode, payload = client.read_message()
            assert opcode == TEXT and len(payload) == size and payload.startswith(b"%d " % number)
    assert served.notes.wait_for("read", count // 10 + 1)[-1] == "all sent"


def flooded(served: Served, client: RawWebSocket, flood: Callable[[], None]) -> threading.Thread:
    """The thread in which `client` does `flood`, still on; meanwhile another client has had 500 echoes."""
    client.socket.settimeout(60)
    flooding = threading.Thread(target=flood)
    flooding.start()
    with RawWebSocket(served.port) as other:
        for number in range(500):
            other.check_echo(b"%d" % number)
    return flooding


def test_handler_that_never_receives_stops_its_client_alone(served: Served) -> None:
    """64 MiB to it; it is sent what fits the windows and the buffers, and all of it arrives once it hears."""
    piece, count = b"x" * 16_000, 4000
    sent = 0
    with RawWebSocket(served.port, "/deaf?tag=deaf") as client:
        assert client.read_message() == (TEXT, b"deaf")
        before = memory_of(served.sheaf.process.pid)

        def flood() -> None:
            nonlocal sent
            for _ in range(count):
                client.send_frame(TEXT, piece)
                sent += 1
            client.send_frame(TEXT, b"end")

        flooding = flooded(served, client, flood)
        assert sent < count, "the client was not stopped"
        assert memory_of(served.sheaf.process.pid) - before < 24 * MIB
        hear(served, "deaf")
        flooding.join()
        assert json.loads(client.read_message()[1]) == {"count": count, "size": count * len(piece)}


def test_messages_of_no_bytes_are_held_back_too(served: Served) -> None:
    """A million of them to a handler that does not receive yet."""
    count, some = 1_000_000, frame(TEXT, b"") * 1000
    sent = 0
    with RawWebSocket(served.port, "/deaf?tag=empty") as client:
        assert client.read_message() == (TEXT, b"deaf")

        def flood() -> None:
            nonlocal sent
            while sent < count:
                client.send(some)
                sent += 1000
            client.send_frame(TEXT, b"end")

        flooding = flooded(served, client, flood)
        assert sent < count, "the client was not stopped"
        hear(served, "empty")
        flooding.join()
        assert json.loads(client.read_message()[1]) == {"count": count, "size": 0}


def test_others_pass_large_messages_in_both_directions(served: Served) -> None:
    """While 15 MiB go up and come back, small echoes go on: more of them than if each had waited for it."""
    data = bytes(range(256)) * (15 * MIB // 256)
    done = threading.Event()

    def exchange() -> None:
        with RawWebSocket(served.port, timeout=60) as client:
            for _ in range(3):
                client.send(frame(BINARY, data))
                assert client.read_message() == (BINARY, data)
        done.set()

    thread = threading.Thread(target=exchange)
    with RawWebSocket(served.port, timeout=60) as other:
        thread.start()
        echoes = 0
        while not done.is_set():
            other.check_echo(b"small")
            echoes += 1
        thread.join()
    assert echoes > 30


@pytest.mark.parametrize("stuck", ["a client that reads nothing", "a handler that never receives"])
def test_broadcast_reaches_all_others(served: Served, stuck: str) -> None:
    """A hundred members get all of it in order, amid own messages, beside one that is stuck on the same link."""
    room, rounds = f"beside-{len(stuck)}", 20

    async def scenario() -> list[list[str]]:
        clients = await members(served.port, room, 100)
        await asyncio.to_thread(run_room, served, room, rounds)
        await until_all_have(clients, BYE)
        for client in clients:
            client.transport.abort()
        return [client.texts() for client in clients]

    with ExitStack() as stack:
        if stuck.startswith("a client"):
            stack.enter_context(
                RawWebSocket(served.port, "/flood?tag=beside&size=10000&count=20000", receive_buffer=4096)
            )
        else:
            deaf = stack.enter_context(RawWebSocket(served.port, "/deaf?tag=beside"))
            deaf.send(frame(TEXT, b"x" * 60_000) * 4)
        assert asyncio.run(scenario()) == [expected(own, rounds) for own in range(100)]


def test_member_that_reads_nothing_does_not_stop_the_room(served: Served) -> None:
    """The room itself sends to it, as well: small messages wait for it, up to its window."""
    room, rounds = "with-one-stuck", 20

    async def scenario() -> list[list[str]]:
        clients = await members(served.port, room, 50)
        await asyncio.to_thread(run_room, served, room, rounds)
        await until_all_have(clients, BYE)
        for client in clients:
            client.transport.abort()
        return [client.texts() for client in clients]

    with RawWebSocket(served.port, path_of(room, 1000), receive_buffer=4096):
        assert asyncio.run(scenario()) == [expected(own, rounds) for own in range(50)]


def test_blocked_loop_does_not_lose_the_link(folder: Path) -> None:
    """uvicorn pings each second and waits one for the answer; the loop blocks for three, and a client floods meanwhile. The
    pong must not lie behind what the client sends."""
    words = ("--ws-ping-interval", "1", "--ws-ping-timeout", "1")
    with Served(folder, "mux", conf={"workers": 1}, words=words) as served:
        with RawWebSocket(served.port, timeout=60) as client, RawWebSocket(served.port, "/deaf?tag=flood") as flooding:
            client.check_echo(b"before")
            blocking = threading.Thread(target=block, args=(served, 3))
            blocking.start()
            flooding.socket.settimeout(1)
            with pytest.raises(TimeoutError):
                while True:
                    flooding.send_frame(BINARY, b"x" * 10_000)
            blocking.join()
            threading.Event().wait(2.5)
            client.check_echo(b"after")
        assert "keepalive" not in served.backend.log()
        assert not served.sheaf.log_lines("closed a mux link")


def block(served: Served, seconds: int) -> None:
    """Has the application's event loop stand still."""
    with RawClient(served.port, timeout=30) as client:
        client.request(f"POST /block?seconds={seconds} HTTP/1.1\nHost: a\nContent-Length: 0\nConnection: close\n\n")
