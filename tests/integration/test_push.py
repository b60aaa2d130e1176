"""Messages pushed over the admin listener: whom they reach, in which order, and what is refused."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import subprocess
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import socketio
from websockets.sync.client import ClientConnection, connect

from harness.backend import Backend
from harness.ports import wait_until
from harness.pushing import CountingClient, Message, open_clients, post
from harness.raw import RawClient
from harness.reloading import TOKEN, ReloadableSheaf
from harness.sheaf import ROOT, scaled
from harness.stopped import each_stopped


MODULES = Path(os.environ.get("SHEAF_NODE_MODULES", ROOT / "build/clients/node_modules"))


@pytest.fixture(scope="module")
def push_app(folder: Path) -> Iterator[Backend]:
    running = Backend(folder, app="harness.push_app:app", app_folder=ROOT / "tests/integration")
    yield running
    running.stop()


@pytest.fixture
def proxy(make_reloadable, push_app: Backend) -> ReloadableSheaf:
    return make_reloadable(push_app.url, {"workers": 2})


def push(proxy: ReloadableSheaf, **message: Any) -> tuple[int, Message]:
    return post(proxy.admin_port, TOKEN, message)


def reached(proxy: ReloadableSheaf, **message: Any) -> int:
    """Sessions that took it."""
    status, answer = push(proxy, **message)
    assert status == 200 and answer["status"] == "ok" and answer["pods"] == 1 and answer["late_workers"] == [], answer
    return answer["sessions"]


def opened(proxy: ReloadableSheaf, path: str) -> ClientConnection:
    """A client whose session is there: an echo has come back."""
    socket = connect(f"{proxy.ws_url}{path}", legacy=True)
    socket.send("hello")
    assert socket.recv(timeout=10) == "hello"
    return socket


def session_of(proxy: ReloadableSheaf, path: str) -> str:
    """The id of a session that is over, as the log shows it."""
    line = proxy.wait_for_log("access", f"target={path} ")[-1]
    return line.split(" session=")[1].split()[0]


def test_targets(proxy: ReloadableSheaf) -> None:
    """A user, a path and what is under it, all: exactly those get it."""
    alice, again, bob = (opened(proxy, f"/as/{user}") for user in ("alice", "alice", "bob"))
    inside, beside = opened(proxy, "/ws/one"), opened(proxy, "/ws/oneself")
    clients = {"alice": alice, "again": again, "bob": bob, "inside": inside, "beside": beside}
    assert reached(proxy, user_id="alice", text="user") == 2
    assert reached(proxy, user_id="nobody", text="user") == 0
    assert reached(proxy, path="/ws/one", text="path") == 1
    assert reached(proxy, path="/ws/", text="under") == 2
    assert reached(proxy, path="/%77s/x/../one/", text="normal") == 1
    assert reached(proxy, path="/", text="root") == reached(proxy, all=True, text="all") == 5
    expected = {
        "alice": ["user", "root", "all"],
        "again": ["user", "root", "all"],
        "bob": ["root", "all"],
        "inside": ["path", "under", "normal", "root", "all"],
        "beside": ["under", "root", "all"],
    }
    for name, client in clients.items():
        assert [client.recv(timeout=10) for _ in expected[name]] == expected[name], name
        client.close()
    assert proxy.metric("sheaf_pushed_messages_total", type="individual") == 2 + 1 + 2 + 1 + 5 + 5
    assert proxy.stats()["sessions"]["pushed_messages"] == {"individual": 16}


def test_session_id(proxy: ReloadableSheaf) -> None:
    """An id is worker and count: the next sessions of a worker are known by the last one's. Over, it is not found."""
    opened(proxy, "/ws/first").close()
    first = session_of(proxy, "/ws/first")
    worker, count = first.split("-")
    clients = [opened(proxy, f"/ws/{number}") for number in range(6)]
    others = [f"{other}-{number:x}" for other in range(2) for number in range(1, 8) if f"{other}-{number:x}" != first]
    answers = {one: push(proxy, session_id=one, text=one) for one in others}
    there = [one for one, (status, answer) in answers.items() if status == 200 and answer["sessions"] == 1]
    assert len(there) == 6 and all(status in (200, 404) for status, _ in answers.values())
    got = sorted(str(client.recv(timeout=10)) for client in clients)
    assert got == sorted(there), "each has its own"
    for number, client in enumerate(clients):
        client.close()
        assert session_of(proxy, f"/ws/{number}") in there
    status, answer = push(proxy, session_id=f"{worker}-{count}", text="late")
    assert status == 404 and "session_id" in answer["message"]


def test_user_of_the_backend(proxy: ReloadableSheaf) -> None:
    """The backend's word is taken off the 101, is in the log, and goes before a trusted proxy's."""
    socket = opened(proxy, "/as/alice")
    assert socket.response is not None and "X-User-ID" not in socket.response.headers
    socket.close()
    proxy.wait_for_log("access", "target=/as/alice ", "user=alice")
    proxy.reload({"forwarded": {"trusted_proxies": ["127.0.0.1"]}})
    named = {"X-User-ID": "carol"}
    with (
        connect(f"{proxy.ws_url}/ws/x", additional_headers=named) as by_proxy,
        connect(f"{proxy.ws_url}/as/bob", additional_headers=named) as by_both,
    ):
        by_proxy.send("x")
        by_both.send("x")
        assert by_proxy.recv(timeout=10) == by_both.recv(timeout=10) == "x"
        assert reached(proxy, user_id="carol", text="to carol") == 1 and by_proxy.recv(timeout=10) == "to carol"
        assert reached(proxy, user_id="bob", text="to bob") == 1 and by_both.recv(timeout=10) == "to bob"


def test_contents(proxy: ReloadableSheaf) -> None:
    with opened(proxy, "/ws/x") as socket:
        for text in ("", "é€𝄞", 'quoted " and \\', "x" * 300_000):
            assert reached(proxy, all=True, text=text) == 1
            assert socket.recv(timeout=10) == text
        for binary in (b"", b"\0\1\2", bytes(range(256)) * 100):
            assert reached(proxy, all=True, binary=base64.b64encode(binary).decode()) == 1
            assert socket.recv(timeout=10) == binary


def test_socketio_event(proxy: ReloadableSheaf) -> None:
    """The stock client gets events in their namespace; plain WebSockets do not, and polling clients cannot."""

    async def scenario() -> list[tuple[str, Any]]:
        got: list[tuple[str, Any]] = []
        client, polling = socketio.AsyncClient(reconnection=False), socketio.AsyncClient(reconnection=False)
        for name_space in ("/", "/admin"):
            client.on("news", lambda *data, where=name_space: got.append((where, data)), namespace=name_space)
        polling.on("news", lambda *_: got.append(("polling", ())))
        await client.connect(proxy.url, transports=["websocket"], namespaces=["/", "/admin"])
        await polling.connect(proxy.url, transports=["polling"])
        data = {"n": [1, 2.5, None, "é"], "big": 2**53 + 1}
        plain = await asyncio.to_thread(opened, proxy, "/ws/x")
        events: list[Message] = [
            {"data": data},
            {"data": [1, 2], "namespace": "/admin"},
            {"namespace": "/"},
            {"data": "in a batch", "message_type": "batch"},
        ]
        for event in events:
            assert await asyncio.to_thread(partial(reached, proxy, all=True, event="news", **event)) == 1
        status, answer = await asyncio.to_thread(partial(push, proxy, path="/ws", event="news", data=1))
        assert (status, answer["sessions"], answer["not_socketio"]) == (200, 0, 1)
        for _ in range(100):
            if len(got) == 4:
                break
            await asyncio.sleep(0.05)
        assert await asyncio.to_thread(partial(reached, proxy, path="/ws", text="last")) == 1
        assert plain.recv(timeout=10) == "last", "no event came before"
        plain.close()
        await client.disconnect()
        await polling.disconnect()
        assert got[0] == ("/", (data,))
        return got[1:]

    assert asyncio.run(scenario()) == [("/admin", ([1, 2],)), ("/", ()), ("/", ("in a batch",))]


LISTENER = """
const {io} = require('socket.io-client');
const socket = io(process.argv[1], {transports: ['websocket'], reconnection: false});
socket.on('connect', () => console.log('ready'));
socket.on('news', (...data) => { console.log(JSON.stringify(data)); process.exit(0); });
"""


def test_javascript_client_gets_an_event(proxy: ReloadableSheaf) -> None:
    environment = {**os.environ, "NODE_PATH": str(MODULES)}
    with subprocess.Popen(
        ["node", "-e", LISTENER, proxy.url], env=environment, stdout=subprocess.PIPE, text=True
    ) as client:
        assert client.stdout is not None
        assert client.stdout.readline() == "ready\n"
        assert reached(proxy, path="/socket.io", event="news", data={"é": [1, None]}) == 1
        assert json.loads(client.stdout.readline()) == [{"é": [1, None]}]


def test_order_with_the_backend(proxy: ReloadableSheaf) -> None:
    """What the backend sends before it pushes comes before, also while batches gather and reading is deferred."""
    for query in ("", "&sheaf=json"):
        with connect(f"{proxy.ws_url}/between?admin_port={proxy.admin_port}&token={TOKEN}{query}") as socket:
            socket.send("go")
            got: list[str] = []
            for message in socket:
                assert isinstance(message, str)
                got += json.loads(message)["messages"] if message.startswith("{") else [message]
        expected = []
        for turn in range(10):
            expected += [f"{turn} before {number}" for number in range(40)]
            expected += [f"{turn} pushed"]
            expected += [f"{turn} behind {number}" for number in range(40)]
        assert got == expected


def test_one_encoding_for_all(proxy: ReloadableSheaf) -> None:
    """permessage-deflate: one frame a worker is compressed, and shared by all of its sessions."""
    clients = [opened(proxy, "/ws/x") for _ in range(20)]
    made_before, sent_before = proxy.metric("sheaf_deflate_messages_total"), proxy.metric("sheaf_deflate_frames_total")
    text = "the same for all of them " * 40
    assert reached(proxy, all=True, text=text) == 20
    for client in clients:
        assert client.recv(timeout=10) == text
        client.close()
    made = proxy.metric("sheaf_deflate_messages_total") - made_before
    assert 1 <= made <= 2 and proxy.metric("sheaf_deflate_frames_total") - sent_before == 20


def test_pushes_amid_a_thousand_streams(proxy: ReloadableSheaf) -> None:
    """20 a second: nobody's order or count is wrong, of the backend's messages and of the pushed ones."""
    count, streamed, pushes = scaled(1000, 200), 10, 60

    async def scenario() -> list[CountingClient]:
        clients = await open_clients(proxy.port, f"/stream/{streamed}/300", count)
        for client in clients:
            client.send("go")
        begin = time.monotonic()
        for number in range(pushes):
            message = {"all": True, "text": f"p{number}", "message_type": ("individual", "batch", "critical")[number % 3]}
            status, answer = await asyncio.to_thread(post, proxy.admin_port, TOKEN, message)
            assert (status, answer["sessions"], answer["not_taken"]) == (200, count, 0), answer
            await asyncio.sleep(max(0.0, begin + (number + 1) / 20 - time.monotonic()))
        for _ in range(200):
            await asyncio.sleep(0.1)
            if all(client.texts()[-1:] and len(client.texts()) == streamed + pushes for client in clients[::50]):
                break
        await asyncio.sleep(1)  # what is too much would come now
        for client in clients:
            assert not client.lost
            client.transport.abort()
        return clients

    for client in asyncio.run(scenario()):
        texts = client.texts()
        assert [text for text in texts if text[0] == "p"] == [f"p{number}" for number in range(pushes)]
        assert [text for text in texts if text[0] == "s"] == [f"s{number}" for number in range(streamed)]


def test_many_at_once(proxy: ReloadableSheaf) -> None:
    """All are checked before any is sent; each has its own figures."""
    with opened(proxy, "/as/alice") as alice, opened(proxy, "/as/bob") as bob:
        messages: list[Message] = [{"user_id": "alice", "text": str(number)} for number in range(300)]
        messages += [{"all": True, "text": "all"}, {"session_id": "0-ffff", "text": "nobody"}]
        status, answer = post(proxy.admin_port, TOKEN, {"messages": messages}, "/api/messages/batch")
        assert (status, answer["sessions"], answer["pods"]) == (200, 302, 1)
        assert [one["sessions"] for one in answer["messages"]] == [1] * 300 + [2, 0]
        assert "session_id" in answer["messages"][301]["error"] and "error" not in answer["messages"][0]
        assert [alice.recv(timeout=10) for _ in range(301)] == [str(number) for number in range(300)] + ["all"]
        assert bob.recv(timeout=10) == "all"
        bad = {"messages": [{"all": True, "text": "good"}, {"all": True, "txt": "bad"}]}
        status, answer = post(proxy.admin_port, TOKEN, bad, "/api/messages/batch")
        assert status == 400 and answer["message"].startswith("messages[1]: txt")
        assert reached(proxy, all=True, text="next") == 2
        assert alice.recv(timeout=10) == bob.recv(timeout=10) == "next", "none of the bad ones was sent"


MISTAKES = [
    ({"all": True}, "content"),
    ({"text": "x"}, "whom it is for"),
    ({"all": True, "user_id": "a", "text": "x"}, "user_id: stands beside all"),
    ({"all": True, "text": "x", "binary": ""}, "binary: stands beside text"),
    ({"all": False, "text": "x"}, "all: is true"),
    ({"session_id": "first", "text": "x"}, "session_id: is an id such as"),
    ({"user_id": 7, "text": "x"}, "user_id: is a text"),
    ({"path": "ws", "text": "x"}, "path: is a path"),
    ({"path": "/ws?x", "text": "x"}, "path: is a path"),
    ({"all": True, "binary": "a"}, "binary: is base64"),
    ({"all": True, "text": {"a": 1}}, "text: is a text"),
    ({"all": True, "event": ""}, "event: is the name"),
    ({"all": True, "text": "x", "data": 1}, "data: is of an event"),
    ({"all": True, "event": "e", "namespace": "admin"}, "namespace: is a Socket.IO namespace"),
    ({"all": True, "event": "e", "namespace": "/a,b"}, "namespace: is a Socket.IO namespace"),
    ({"all": True, "text": "x", "message_type": "urgent"}, "message_type: is individual, batch or critical"),
    ({"all": True, "text": "x", "colour": 1}, "colour: is no key"),
    (b'{"all":true,"text":"x","text":"y"}', "text: is there twice"),
    (b'{"all":true,"text":"\xff"}', "not JSON in UTF-8, at byte 20"),
    (b'{"all":true,"text":"\\ud800"}', "surrogate"),
    (b'{"all":true,', "not JSON"),
    (b"", "not JSON"),
    (b"[]", "a message is an object"),
    (b'{"all":true,"event":"e","data":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested deeper"),
]


@pytest.mark.parametrize("body,said", MISTAKES)
def test_mistakes_are_named(sheaf_with_token: ReloadableSheaf, body: Message | bytes, said: str) -> None:
    status, answer = post(sheaf_with_token.admin_port, TOKEN, body)
    assert status == 400 and said in answer["message"], answer


@pytest.fixture(scope="module")
def sheaf_with_token(folder: Path, push_app: Backend) -> Iterator[ReloadableSheaf]:
    running = ReloadableSheaf(folder, push_app.url)
    yield running
    running.stop()


def test_batch_mistakes(sheaf_with_token: ReloadableSheaf) -> None:
    bodies: list[Any] = [{}, {"messages": []}, {"messages": {}}, {"messages": [], "x": 1}, []]
    for body in bodies:
        status, answer = post(sheaf_with_token.admin_port, TOKEN, json.dumps(body).encode(), "/api/messages/batch")
        assert status == 400 and '{"messages":[...]}' in answer["message"]


def test_who_may(sheaf_with_token: ReloadableSheaf, make_sheaf, push_app: Backend) -> None:
    message = {"all": True, "text": "x"}
    assert post(sheaf_with_token.admin_port, "wrong", message)[0] == 401
    status, answer = post(make_sheaf(push_app.url).admin_port, "", message)
    assert status == 403 and "set admin.token" in answer["message"]
    assert sheaf_with_token.admin("/api/messages")[0] == 405


HEAD = f"POST /api/messages HTTP/1.1\nHost: localhost\nAuthorization: Bearer {TOKEN}\n"
BODY = '{"all":true,"text":"x"}'


def test_bodies(sheaf_with_token: ReloadableSheaf) -> None:
    """A length, chunks, and a client that waits for the 100; one connection serves them one after another."""
    chunks = "".join(f"1\r\n{character}\r\n" for character in BODY) + "0\r\n\r\n"
    with RawClient(sheaf_with_token.admin_port) as client:
        assert client.request(f"{HEAD}Content-Length: {len(BODY)}\n\n{BODY}").status == 200
        client.send(f"{HEAD}Transfer-Encoding: chunked\n\n".replace("\n", "\r\n").encode() + chunks.encode())
        assert client.response(skip_interim=False).status == 200
        client.send(f"{HEAD}Content-Length: {len(BODY)}\nExpect: 100-continue\n\n".replace("\n", "\r\n").encode())
        assert client.response(skip_interim=False).status == 100
        client.send(BODY.encode())
        assert client.response(skip_interim=False).status == 200
        assert client.request("GET /livez HTTP/1.1\nHost: localhost\n\n").status == 200


def test_bodies_that_are_too_large(sheaf_with_token: ReloadableSheaf) -> None:
    """A length is refused by the head; chunks when they are too many; a path without a body has none."""
    with RawClient(sheaf_with_token.admin_port) as client:
        response = client.request(f"{HEAD}Content-Length: {1024 * 1024 + 1}\nExpect: 100-continue\n\n")
        assert response.status == 413 and b"1 MiB" in response.body
    with RawClient(sheaf_with_token.admin_port) as client:
        client.send(f"{HEAD}Transfer-Encoding: chunked\n\n".replace("\n", "\r\n").encode())
        chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        for _ in range(17):
            client.send(chunk)
        assert client.response(skip_interim=False).status == 413
    full = '{"all":true,"text":"' + "x" * (1024 * 1024 - 22) + '"}'
    assert post(sheaf_with_token.admin_port, TOKEN, full.encode())[0] == 200
    with RawClient(sheaf_with_token.admin_port) as client:
        reload = HEAD.replace("/api/messages", "/reload")
        assert client.request(f"{reload}Content-Length: 1\n\nx").status == 400


def test_a_body_that_does_not_come(sheaf_with_token: ReloadableSheaf) -> None:
    with RawClient(sheaf_with_token.admin_port, timeout=15) as client:
        client.send(f"{HEAD}Content-Length: 5\n\n".replace("\n", "\r\n").encode() + b"{")
        assert client.response(skip_interim=False).status == 408


def test_a_late_worker_is_named(make_reloadable, push_app: Backend) -> None:
    """A worker that hangs is not waited for; when it goes on, it delivers what it was asked."""
    proxy = make_reloadable(push_app.url, {"workers": 1})
    with opened(proxy, "/ws/x") as socket:
        threads, late = 0, 0
        for thread in each_stopped(proxy.process.pid):
            threads += 1
            begin = time.monotonic()
            try:
                status, answer = post(proxy.admin_port, TOKEN, {"all": True, "text": str(thread)}, timeout=4)
            except TimeoutError:
                continue  # the admin thread itself
            if answer["late_workers"] == []:
                continue
            assert time.monotonic() - begin < 4
            assert (status, answer["status"], answer["sessions"]) == (200, "late", 0), answer
            assert answer["late_workers"] == [0]
            late = thread
        assert late, "one of the threads is the worker"
        got = [socket.recv(timeout=10) for _ in range(threads)]
        assert str(late) in got, "told late, it came all the same"


def test_sessions_that_close_get_nothing(proxy: ReloadableSheaf) -> None:
    socket = opened(proxy, "/ws/x")
    assert reached(proxy, all=True, text="x") == 1
    socket.close()
    wait_until(lambda: reached(proxy, all=True, text="x") == 0, 3, "the session is over")


def test_a_client_that_reads_nothing_is_not_reached(proxy: ReloadableSheaf) -> None:
    """What waits for it stays bounded, the answer says so, and others get all."""
    with opened(proxy, "/ws/reads") as other, RawClient(proxy.port) as deaf:
        deaf.send(
            b"GET /ws/deaf HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        assert deaf.response().status == 101
        text = "x" * 200_000
        for _ in range(200):
            status, answer = push(proxy, all=True, text=text)
            assert status == 200 and other.recv(timeout=10) == text
            if answer["not_taken"] == 1:
                break
        assert (answer["sessions"], answer["not_taken"]) == (1, 1)
        assert proxy.metric("sheaf_pushes_refused_total") == 1
        assert proxy.metric("sheaf_queued_bytes") < 1024 * 1024
