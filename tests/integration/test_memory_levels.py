"""The level of memory pressure follows what is in use, is told to whoever asks, and at critical new work is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from harness.backend import Backend
from harness.cgroup import MIB, seen_memory_cgroup
from harness.frames import RawWebSocket, upgrade
from harness.leaky import LEVELS, LIMIT, LeakySheaf
from harness.ports import wait_until
from harness.raw import RawClient, Response, get
from harness.sheaf import BINARY, Sheaf, is_sanitized

STEPS = {
    "moderate": ["free_buffers", "trim_pool", "tighten_batches", "trim_allocator"],
    "high": ["flush", "shrink_batches", "shrink_queues", "conflate", "drop_contexts", "trim_allocator"],
    "critical": ["shrink_queues_more", "refuse", "trim_allocator"],
}


def changes(proxy: LeakySheaf) -> dict[str, int]:
    """How often each level was come to; those that were not are left out."""
    return proxy.memory["level_changes"]


def test_the_program_itself_cannot_leak_on_demand() -> None:
    assert b"SHEAF_BALLAST_FILE" not in BINARY.read_bytes()


# ---- the level


def test_level_follows_what_is_in_use_up_and_down(make_leaky: Callable[..., LeakySheaf], backend: Backend) -> None:
    proxy = make_leaky(backend.url)
    assert proxy.level == "normal"
    for level in LEVELS[1:]:
        proxy.go_to(level)
        assert proxy.metric("sheaf_memory_level") == LEVELS.index(level)
    assert changes(proxy) == {"moderate": 1, "high": 1, "critical": 1}
    for level in reversed(LEVELS[:-1]):
        proxy.go_to(level)
        assert proxy.metric("sheaf_memory_level") == LEVELS.index(level)
    assert changes(proxy) == {"normal": 1, "moderate": 2, "high": 2, "critical": 1}
    proxy.wait_for_log("memory pressure", "level=normal")
    lines = proxy.log_lines("memory pressure", "level=")
    assert [line.split("level=")[1].split()[0] for line in lines] == [*LEVELS[1:], *reversed(LEVELS[:-1])]


def test_jump_to_critical_takes_every_step_once_and_logs_each(
    make_leaky: Callable[..., LeakySheaf], backend: Backend
) -> None:
    """The limit is lowered in one go, so that no look finds anything in between."""
    with seen_memory_cgroup(LIMIT) as group:
        proxy = make_leaky(backend.url, limit=0, wrapper=group.wrapper)
        proxy.go_to("normal")
        group.limit = group.working_set * 100 // 90
        proxy.wait_for_level("critical")
        assert changes(proxy) == {"critical": 1}
        wait_until(lambda: proxy.log_lines("memory relief", "step=refuse"), 5, "the steps are taken")
        for step in {step for level in STEPS.values() for step in level}:
            assert proxy.relief(step) == 1, step
            assert len(proxy.log_lines("memory relief", f"step={step} ")) == 1, step
        for step in ("free_buffers", "trim_pool", "flush", "drop_contexts", "trim_allocator"):
            (line,) = proxy.log_lines("memory relief", f"step={step} ")
            assert "given_back=" in line and "used_before=" in line and "used_after=" in line
        proxy.stop()


@pytest.mark.parametrize("level", LEVELS[1:])
def test_each_level_takes_its_own_steps_and_not_those_of_higher_ones(
    make_leaky: Callable[..., LeakySheaf], backend: Backend, level: str
) -> None:
    proxy = make_leaky(backend.url)
    for below in LEVELS[1 : LEVELS.index(level) + 1]:
        proxy.go_to(below)
        wait_until(lambda: proxy.relief("trim_allocator") >= LEVELS.index(below), 5, "the steps are taken")
    taken = {step for name in LEVELS[1 : LEVELS.index(level) + 1] for step in STEPS[name]}
    wait_until(lambda: all(proxy.relief(step) for step in taken), 5, f"all of {taken}")
    not_yet = {step for name in LEVELS[LEVELS.index(level) + 1 :] for step in STEPS[name]} - taken
    assert {step for step in not_yet if proxy.relief(step)} == set()


def test_level_stays_while_memory_swings_around_its_threshold(
    make_leaky: Callable[..., LeakySheaf], backend: Backend
) -> None:
    """72 % is high; with 5 points of hysteresis 70 % is not yet moderate, for however long."""
    proxy = make_leaky(backend.url, {"memory": {"hysteresis": 5}})
    proxy.fill_to(74.5)
    proxy.wait_for_level("high")
    for _ in range(3):
        for percent in (69.8, 74.5):
            proxy.fill_to(percent)
            looks = proxy.memory["looks"]
            # Twice the dwell of 200 ms, counted in looks of 20 ms.
            wait_until(lambda: proxy.memory["looks"] >= looks + 20, 10, "it has looked often")
            assert proxy.level == "high"
    assert changes(proxy)["high"] == 1
    proxy.fill_to(63)
    proxy.wait_for_level("moderate")


def test_thresholds_can_be_set_one_by_one(make_leaky: Callable[..., LeakySheaf], backend: Backend) -> None:
    proxy = make_leaky(backend.url, {"memory": {"moderate_percent": 40, "high_percent": 70, "critical_percent": 95}})
    memory = proxy.memory
    assert (memory["moderate_percent"], memory["high_percent"], memory["critical_percent"]) == (40, 70, 95)
    for percent, level in ((45, "moderate"), (76, "high"), (88, "high"), (97, "critical")):
        proxy.fill_to(percent)
        proxy.wait_for_level(level)


def test_level_follows_the_limit_of_a_real_control_group(
    make_leaky: Callable[..., LeakySheaf], backend: Backend
) -> None:
    with seen_memory_cgroup(LIMIT) as group:
        proxy = make_leaky(backend.url, limit=0, wrapper=group.wrapper)
        assert (proxy.memory["source"], proxy.memory["limit_mb"]) == ("cgroup_v1", LIMIT / MIB)
        for level in (*LEVELS[1:], *reversed(LEVELS[:-1])):
            proxy.go_to(level)
            wait_until(
                lambda: abs(proxy.memory["used_mb"] - group.working_set / MIB) < LIMIT / MIB / 100,
                5,
                "Sheaf reads what the kernel counts",
            )
        # A limit that is changed while it runs counts at the next look.
        group.limit = group.working_set * 100 // 90
        proxy.wait_for_level("critical")
        group.limit = LIMIT
        proxy.wait_for_level("normal")
        assert group.oom_kills == 0
        proxy.stop()


def test_configured_limit_above_the_groups_is_left_out_of_account(
    make_leaky: Callable[..., LeakySheaf], backend: Backend
) -> None:
    with seen_memory_cgroup(LIMIT) as group:
        proxy = make_leaky(backend.url, {"memory": {"limit": f"{2 * LIMIT // MIB}MiB"}}, limit=0, wrapper=group.wrapper)
        assert proxy.memory["limit_mb"] == LIMIT / MIB
        proxy.stop()


# ---- what tells of it


def test_statistics_summary_history_and_metrics_agree(make_leaky: Callable[..., LeakySheaf], backend: Backend) -> None:
    proxy = make_leaky(backend.url)
    proxy.go_to("moderate")
    proxy.go_to("normal")
    memory = proxy.memory
    assert memory["limit_mb"] == LIMIT / MIB
    assert 0 < memory["rss_mb"] < memory["vms_mb"]
    assert memory["percent"] == pytest.approx(100 * memory["used_mb"] / memory["limit_mb"], abs=0.1)
    assert proxy.metric("sheaf_memory_limit_bytes") == LIMIT
    assert proxy.metric("sheaf_memory_used_bytes") == pytest.approx(memory["used_mb"] * MIB, rel=0.02)
    kernel = proxy.memory_kib() / 1024
    assert memory["rss_mb"] == pytest.approx(kernel, rel=0.05)

    status, body = proxy.admin("/api/performance/websocket/summary")
    summary = json.loads(body)
    assert status == 200 and summary["memory"]["pressure_level"] == "normal"
    assert summary["samples"] > 10
    peak = summary["peak_memory_percent"]
    assert 60 <= peak < 72 and summary["average_memory_percent"] < peak
    assert summary["average_rss_mb"] <= summary["peak_rss_mb"]

    samples = history(proxy)
    assert len(samples) >= summary["samples"]
    levels = [sample["pressure_level"] for sample in samples]
    assert levels == sorted(levels[: levels.index("moderate")], key=str) + levels[levels.index("moderate") :]
    assert "moderate" in levels and levels[0] == levels[-1] == "normal"
    assert max(sample["percent"] for sample in samples) == pytest.approx(peak, abs=0.01)
    assert max(sample["rss_mb"] for sample in samples) == pytest.approx(summary["peak_rss_mb"], abs=0.01)
    assert summary["window_seconds"] == pytest.approx(samples[-1]["timestamp"] - samples[0]["timestamp"], abs=0.5)
    recent = history(proxy, "?last=100ms")
    assert 0 < len(recent) < len(samples)
    for query in ("?last=soon", "?first=1s", "?last="):
        assert proxy.admin(f"/api/performance/websocket/metrics{query}")[0] == 400


def history(proxy: Sheaf, query: str = "") -> list[dict[str, Any]]:
    status, body = proxy.admin(f"/api/performance/websocket/metrics{query}")
    assert status == 200, body
    answer = json.loads(body)
    (samples,) = [value for value in answer.values() if isinstance(value, list)]
    return samples


def test_history_keeps_no_more_than_its_length(make_leaky: Callable[..., LeakySheaf], backend: Backend) -> None:
    proxy = make_leaky(backend.url, {"memory": {"history": "1s"}})  # looks every 20 ms
    wait_until(lambda: proxy.memory["looks"] > 80, 10, "it has looked often")
    assert 40 <= len(history(proxy)) <= 51


# ---- critical


def refusal(answer: Response) -> bool:
    return (
        answer.status == 503
        and int(answer.get("retry-after") or 0) > 0
        and json.loads(answer.body)["reason"] == "memory_critical"
    )


def test_critical_refuses_what_is_new_and_serves_what_is_there(
    make_leaky: Callable[..., LeakySheaf], backend: Backend
) -> None:
    """Hardening row 65, its second half."""
    proxy = make_leaky(backend.url)
    with RawWebSocket(proxy.port) as old, RawClient(proxy.port) as kept:
        old.check_echo(b"before")
        assert kept.request("GET /api/quotes HTTP/1.1\nHost: test.example\n\n").status == 200
        assert proxy.admin("/readyz")[0] == 200
        proxy.go_to("critical")
        wait_until(lambda: refusal(get(proxy.port, "/api/quotes")), 5, "requests are refused")
        status, text = proxy.admin("/readyz")
        assert status == 503 and "memory is short" in text
        assert proxy.admin("/livez")[0] == 200
        assert refusal(kept.request("GET /api/quotes HTTP/1.1\nHost: test.example\n\n")), "kept alive, but new"
        with RawClient(proxy.port) as late:
            assert refusal(late.request(upgrade("/ws/echo")))
        old.check_echo(b"during")
        assert proxy.memory["requests_refused"] >= 3
        assert proxy.metric("sheaf_refusals_total", reason="memory_critical") == proxy.memory["requests_refused"]

        proxy.go_to("normal")
        wait_until(lambda: proxy.admin("/readyz")[0] == 200, 5, "it is ready again")
        refused = proxy.memory["requests_refused"]
        assert get(proxy.port, "/api/quotes").status == 200
        with RawWebSocket(proxy.port) as new:
            new.check_echo(b"after")
        old.check_echo(b"after")
        assert proxy.memory["requests_refused"] == refused
        assert proxy.memory["sessions_shed"] == 0


def test_request_that_is_under_way_at_critical_is_served_to_its_end(
    make_leaky: Callable[..., LeakySheaf], make_recorder
) -> None:  # noqa: ANN001
    recorder = make_recorder(lambda _: None)
    proxy = make_leaky(recorder.url, {"pool": {"min_size": 0}})
    with RawClient(proxy.port) as client:
        client.send(b"GET /slow HTTP/1.1\r\nHost: test.example\r\n\r\n")
        wait_until(lambda: recorder.requests, 5, "the backend has the request")
        proxy.go_to("critical")
        wait_until(lambda: refusal(get(proxy.port, "/other")), 5, "requests are refused")
        recorder.latest.connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate")
        answer = client.response()
        assert (answer.status, answer.body) == (200, b"late")
    assert [request.target for request in recorder.requests] == ["/slow"], "what is refused reaches no backend"


def test_high_refuses_nothing(make_leaky: Callable[..., LeakySheaf], backend: Backend) -> None:
    """The twin: one level below critical."""
    proxy = make_leaky(backend.url)
    proxy.go_to("high")
    wait_until(lambda: proxy.relief("drop_contexts"), 5, "the steps are taken")
    assert proxy.admin("/readyz")[0] == 200
    assert get(proxy.port, "/api/quotes").status == 200
    with RawWebSocket(proxy.port) as socket:
        socket.check_echo(b"welcome")
    assert proxy.memory["requests_refused"] == 0


# ---- a crowd that does not read


@pytest.mark.skipif(is_sanitized(), reason="a sanitizer keeps what is freed, so the level would never fall")
def test_queues_of_stalled_clients_raise_the_level_of_a_real_limit(make_sheaf, backend: Backend) -> None:  # noqa: ANN001
    """No ballast: the product, in a group of its own, until its clients read again."""
    size, clients = 48, 12
    conf = {
        "workers": 1,
        "memory": {"check_interval": "100ms", "dwell": "200ms", "shed": False},
        "limits": {"buffer_high": "4MiB", "buffer_low": "1MiB"},
        "batching": {"delivery": "off"},
    }
    with seen_memory_cgroup(size * MIB) as group:
        proxy = make_sheaf(backend.url, conf, wrapper=group.wrapper)
        assert proxy.stats()["memory_optimizer"]["pressure_level"] == "normal"
        flood = f"/ws/flood?bytes=65536&count={8 * MIB // 65536}"
        sockets = []
        for _ in range(clients):
            if proxy.metric("sheaf_memory_level") >= 1:
                break
            sockets.append(RawWebSocket(proxy.port, flood, receive_buffer=4096, timeout=30))
            queued = proxy.metric("sheaf_queued_bytes")
            wait_until(
                lambda: (
                    proxy.metric("sheaf_memory_level") >= 1
                    or proxy.metric("sheaf_queued_bytes") >= queued + 3 * MIB
                    or proxy.metric("sheaf_backpressure_pauses_total") >= len(sockets)
                ),
                20,
                "its queue fills up",
            )
        wait_until(lambda: proxy.metric("sheaf_memory_level") >= 1, 10, "queues raise the level")
        assert proxy.metric("sheaf_memory_hints_total") > 0, "nobody asked for an early look"
        for socket in sockets:
            socket.close()
        wait_until(lambda: proxy.metric("sheaf_memory_level") == 0, 20, "the level is normal again")
        assert proxy.metric("sheaf_queued_bytes") == 0
        assert group.oom_kills == 0
        proxy.stop()
