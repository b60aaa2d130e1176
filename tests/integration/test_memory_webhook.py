"""The webhook tells the backend of each change of the level of memory pressure, and never more than that."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.backend import Backend
from harness.frames import RawWebSocket, close_frame, upgrade
from harness.leaky import INSIDE, LIMIT, LeakySheaf
from harness.ports import wait_until
from harness.raw import RawClient, get
from harness.sheaf import ROOT

WEBHOOK = "/internal/memory"


class ToldBackend(Backend):
    """harness.memory_app, and what it was told."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, app="harness.memory_app:app", app_folder=ROOT / "tests/integration")

    def told(self) -> dict[str, Any]:
        return json.loads(get(self.port, "/told").body)

    def posts(self) -> list[tuple[str, str]]:
        return [(post["previous_level"], post["level"]) for post in self.told()["posts"]]

    def answer(self, **how: float) -> None:
        query = "&".join(f"{key}={value}" for key, value in how.items())
        with RawClient(self.port) as client:
            assert client.request(f"PUT /told?{query} HTTP/1.1\nHost: test.example\n\n").status == 200


@pytest.fixture
def told_backend(folder: Path) -> Iterator[ToldBackend]:
    running = ToldBackend(folder)
    yield running
    running.stop()


def webhooks(proxy: LeakySheaf) -> tuple[int, int]:
    counts = proxy.memory["webhooks"]
    return counts.get("passed", 0), counts.get("failed", 0)


def test_webhook_tells_the_backend_each_change_once(
    make_leaky: Callable[..., LeakySheaf], told_backend: ToldBackend
) -> None:
    proxy = make_leaky(told_backend.url, {"memory": {"webhook": WEBHOOK}})
    path = ["normal", "moderate", "high", "critical", "high", "moderate", "normal"]
    for count, level in enumerate(path[1:], start=1):
        proxy.go_to(level)
        wait_until(lambda: len(told_backend.posts()) == count, 5, f"the backend is told of {level}")
    assert told_backend.posts() == list(zip(path, path[1:], strict=False))
    assert webhooks(proxy) == (len(path) - 1, 0)
    for post in told_backend.told()["posts"]:
        assert post["event"] == "memory_pressure"
        assert post["limit_bytes"] == LIMIT and 0 < post["rss_bytes"]
        assert post["percent"] == pytest.approx(100 * post["used_bytes"] / LIMIT, abs=0.1)
    rises = [post for post in told_backend.told()["posts"] if post["level"] == "critical"]
    assert rises[0]["percent"] >= 80
    assert told_backend.told()["fields"][0]["content-type"] == "application/json"


def test_slow_backend_is_told_the_newest_level_only_and_once_at_a_time(
    make_leaky: Callable[..., LeakySheaf], told_backend: ToldBackend
) -> None:
    told_backend.answer(delay=4)
    proxy = make_leaky(told_backend.url, {"memory": {"webhook": WEBHOOK, "webhook_timeout": "30s"}})
    proxy.go_to("moderate")
    wait_until(lambda: told_backend.posts(), 5, "the first post")
    told_backend.answer(delay=0)
    for level in ("high", "critical", "high"):
        proxy.go_to(level)
    assert len(told_backend.posts()) == 1, "the backend answered before the test had changed the level thrice"
    wait_until(lambda: webhooks(proxy) == (2, 0), 10, "both posts are answered")
    assert told_backend.posts() == [("normal", "moderate"), ("moderate", "high")]
    assert told_backend.told()["most_at_once"] == 1


def test_webhook_gives_up_after_its_timeout_and_goes_on_with_the_next_change(
    make_leaky: Callable[..., LeakySheaf], told_backend: ToldBackend
) -> None:
    told_backend.answer(delay=60)
    proxy = make_leaky(told_backend.url, {"memory": {"webhook": WEBHOOK, "webhook_timeout": "300ms"}})
    proxy.go_to("moderate")
    wait_until(lambda: webhooks(proxy) == (0, 1), 5, "it gives up")
    proxy.wait_for_log("memory.webhook failed", "webhook_timeout")
    told_backend.answer(delay=0)
    proxy.go_to("high")
    wait_until(lambda: webhooks(proxy) == (1, 1), 5, "the next change is told")
    assert told_backend.posts() == [("normal", "moderate"), ("moderate", "high")]


def test_failing_webhook_is_not_repeated(make_leaky: Callable[..., LeakySheaf], told_backend: ToldBackend) -> None:
    told_backend.answer(status=500)
    proxy = make_leaky(told_backend.url, {"memory": {"webhook": WEBHOOK}})
    proxy.go_to("moderate")
    wait_until(lambda: webhooks(proxy) == (0, 1), 5, "it has failed")
    told_backend.answer(status=204)
    proxy.go_to("high")
    wait_until(lambda: webhooks(proxy) == (1, 1), 5, "the next change is told")
    assert told_backend.posts() == [("normal", "moderate"), ("moderate", "high")], "a post came twice"


def test_webhook_without_a_backend_harms_nothing(
    make_leaky: Callable[..., LeakySheaf], told_backend: ToldBackend
) -> None:
    proxy = make_leaky(told_backend.url, {"memory": {"webhook": WEBHOOK, "webhook_timeout": "1s"}})
    told_backend.kill()
    proxy.go_to("critical")
    wait_until(lambda: webhooks(proxy)[1] > 0, 10, "it has failed")
    assert webhooks(proxy)[0] == 0
    assert proxy.admin("/livez")[0] == 200
    told_backend.start()
    proxy.go_to("normal")
    wait_until(lambda: proxy.admin("/readyz")[0] == 200, 20, "the backend is seen again")
    with RawWebSocket(proxy.port, "/ws/any") as socket:
        socket.check_echo(b"alive")


@pytest.mark.parametrize(
    "target",
    [
        WEBHOOK,
        f"{WEBHOOK}?a=1",
        "/internal/%6demory",
        "/internal/%6Demor%79",
        "/internal/./memory",
        "/x/../internal/memory",
        "/x/%2e%2E/internal/memory",
        "/internal%2fmemory",
        "/internal%2Fmemory?a=1",
        "/internal%2F%6demory",
        "/x/%2e%2e%2finternal/memory",
        f"http://test.example{WEBHOOK}",
    ],
)
def test_webhooks_path_is_refused_to_clients(
    make_leaky: Callable[..., LeakySheaf], told_backend: ToldBackend, target: str
) -> None:
    """Each of these would come to the same function of a FastAPI backend."""
    proxy = make_leaky(told_backend.url, {"memory": {"webhook": WEBHOOK}})
    body = b'{"event":"memory_pressure","level":"critical"}'
    with RawClient(proxy.port) as client:
        answer = client.request(
            f"POST {target} HTTP/1.1\nHost: test.example\nContent-Type: application/json\n"
            f"Content-Length: {len(body)}\n\n".replace("\n", "\r\n").encode()
            + body
        )
    assert answer.status in (400, 404), answer
    with RawClient(proxy.port) as client:
        assert client.request(upgrade(target)).status in (400, 404)
    assert told_backend.posts() == []
    assert get(proxy.port, "/api/hello").status == 200


def test_path_of_the_webhook_is_the_backends_own_where_none_is_configured(
    make_leaky: Callable[..., LeakySheaf], told_backend: ToldBackend
) -> None:
    """The twin."""
    proxy = make_leaky(told_backend.url)
    body = b'{"previous_level":"mine","level":"own"}'
    with RawClient(proxy.port) as client:
        answer = client.request(
            f"POST {WEBHOOK} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
        )
    assert answer.status == 204
    assert told_backend.posts() == [("mine", "own")]


def test_sessions_and_the_webhook_share_the_pool_in_peace(
    make_leaky: Callable[..., LeakySheaf], told_backend: ToldBackend
) -> None:
    """A post over a pool whose connections are all taken fails by itself; nobody's session pays for it."""
    conf = {
        "memory": {"webhook": WEBHOOK, "webhook_timeout": "500ms"},
        "pool": {"min_size": 0, "max_size": 2, "acquire_timeout": "200ms"},
    }
    proxy = make_leaky(told_backend.url, {**conf, "workers": 1})
    with RawWebSocket(proxy.port, "/ws/a") as one, RawWebSocket(proxy.port, "/ws/b") as two:
        proxy.go_to("moderate")
        wait_until(lambda: sum(webhooks(proxy)) == 1, 5, "it is posted, or given up")
        one.check_echo(b"one")
        two.check_echo(b"two")
        for socket in (one, two):
            socket.send(close_frame(1000))
            assert socket.read_close().code == 1000
    told_backend.told()
    proxy.go_to("normal")
    wait_until(lambda: sum(webhooks(proxy)) == 2, 5, "the next one, with room in the pool")
    assert told_backend.posts()[-1] == ("moderate", "normal")
    assert INSIDE["normal"] < 60
