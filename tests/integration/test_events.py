"""GET /events: what happened to the process, each thing once, and whatever log.level says."""

from __future__ import annotations

import json
import resource
import signal
import socket
import time

import pytest

from harness.backend import Backend
from harness.endpoints import set_draining
from harness.events import events, look, wait_for_event
from harness.leaky import leaky
from harness.log_pipe import LogPipe
from harness.ports import wait_until
from harness.processes import Processes, name_of
from harness.raw import RawClient, get
from harness.reloading import ReloadableSheaf
from harness.sheaf import Sheaf, checks_types_at_run_time


def test_start_is_the_first_event(make_sheaf, backend: Backend) -> None:
    before = time.time()
    proxy: Sheaf = make_sheaf(backend.url, {"log": {"level": "error"}})
    (start,) = events(proxy, "start")
    assert (start["level"], start["message"], start["times"]) == ("info", "listening", 1)
    assert before - 1 < start["time"] < time.time() + 1
    assert start["fields"]["workers"] == "2" and str(proxy.port) in start["fields"]["address"]
    assert "listening" not in proxy.log(), "log.level holds for the log alone"
    numbers = [one["number"] for one in look(proxy)["events"]]
    assert numbers == list(range(1, look(proxy)["last"] + 1))


def test_backend_that_goes_and_comes_back(make_sheaf, make_backend) -> None:
    backend: Backend = make_backend()
    proxy: Sheaf = make_sheaf(backend.url, {"pool": {"health_check_interval": "100ms", "backoff_max": "100ms"}})
    wait_for_event(proxy, "upstream", "the backend is up")
    backend.kill()
    gone = wait_for_event(proxy, "upstream", "the backend is down")
    assert gone["level"] == "warning" and gone["fields"]["error"]
    for _ in range(20):
        assert get(proxy.port, "/").status == 503
    backend.start()
    back = wait_for_event(proxy, "upstream", "the backend is up again")
    assert back["level"] == "info" and back["number"] > gone["number"]
    told = [one["message"] for one in events(proxy, "upstream")]
    assert told == ["the backend is up", "the backend is down", "the backend is up again"], told
    assert proxy.count_log_lines("the backend is up again") == 1


def test_reloads_good_and_bad(make_reloadable, backend: Backend) -> None:
    """They are kept over reloads, and told from a number on."""
    proxy: ReloadableSheaf = make_reloadable(backend.url)
    proxy.reload({"limits": {"max_fields": 150}})
    taken = events(proxy, "reload")[-1]
    assert (taken["level"], taken["message"]) == ("info", "reloaded")
    assert taken["fields"]["by"] == "POST /reload" and taken["fields"]["generation"] == "2"
    seen = look(proxy)["last"]
    proxy.refuse({"limits": {"max_fields": "many"}})
    failed, *more = look(proxy, seen)["events"]
    assert not more and (failed["kind"], failed["level"]) == ("reload", "error")
    assert "max_fields" in failed["fields"]["error"]
    proxy.reload({"workers": 3})
    messages = [one["message"] for one in look(proxy, failed["number"])["events"]]
    assert messages == ["reloaded", "options have changed that a restart alone can take up"]
    assert [one["message"] for one in events(proxy, "start")] == ["listening"], "the oldest are still there"


def test_missing_token_file_is_told_and_no_secret_is(make_reloadable, backend: Backend) -> None:
    proxy: ReloadableSheaf = make_reloadable(backend.url)
    proxy.refuse({"upstream": {"url": backend.url, "token_file": "/nowhere/token"}})
    assert "/nowhere/token" in events(proxy, "reload")[-1]["fields"]["error"]
    error = proxy.refuse({"upstream": {"url": "http://admin:s3cr3t@127.0.0.1:8000"}})
    assert "upstream.url" in error and "127.0.0.1:8000" in error
    for text in (error, proxy.admin("/events")[1], proxy.log()):
        assert "s3cr3t" not in text and proxy.token not in text


def test_pressure(make_leaky, memory_app: Backend) -> None:
    proxy = leaky(make_leaky, memory_app.url)
    proxy.go_to("critical")
    levels = [one["fields"]["level"] for one in events(proxy, "pressure", "memory pressure")]
    assert levels and levels[-1] == "critical"
    assert {one["level"] for one in events(proxy, "pressure", "memory pressure")} == {"warning"}
    steps = {one["fields"]["step"] for one in events(proxy, "pressure", "memory relief begins")}
    assert "refuse" in steps, steps
    proxy.go_to("normal")
    assert events(proxy, "pressure", "memory pressure")[-1]["fields"]["level"] == "normal"
    assert events(proxy, "pressure", "memory relief ends")


def test_drain_of_an_endpoint_and_of_the_process(make_reloadable, processes: Processes) -> None:
    proxy: ReloadableSheaf = make_reloadable("", {**processes.conf(), "drain": {"delay": "2s", "timeout": "5s"}})
    name = name_of(processes[0])
    set_draining(proxy, name)
    set_draining(proxy, name, False)
    set_draining(proxy, name)
    drained, undrained, again = events(proxy, "drain")
    assert drained["fields"] == {"backend": "default", "upstream": name}
    assert drained["message"] == again["message"] != undrained["message"]
    proxy.signal(signal.SIGTERM)
    told = wait_for_event(proxy, "drain", "draining")
    assert told["fields"]["by"] == "SIGTERM"
    assert proxy.wait(10) == 0


@pytest.mark.skipif(checks_types_at_run_time(), reason="UBSan itself needs descriptors, and reports that")
def test_accept_pauses_are_one_event_a_minute(make_sheaf, backend: Backend) -> None:
    """Each client that comes can make it pause once more."""
    proxy: Sheaf = make_sheaf(backend.url, {"workers": 1})
    limit = resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE, (proxy.descriptors() + 3, limit[1]))

    def pauses() -> float:
        socket.create_connection(("127.0.0.1", proxy.port)).close()
        return proxy.metric("sheaf_client_accept_pauses_total")

    wait_until(lambda: pauses() > 3, 10, "it pauses again and again")
    resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE, limit)
    (paused,) = events(proxy, "accept", "accepting pauses")
    assert paused["level"] == "warning" and paused["times"] >= 3


def test_nothing_that_clients_send_is_in_it(make_sheaf, backend: Backend) -> None:
    proxy: Sheaf = make_sheaf(backend.url)
    for number in range(30):
        get(proxy.port, f"/secret-path-{number}?token=secret-token", "X-Secret: secret-field")
    proxy.admin("/metrics", headers={"Host": "secret-host.example"})
    told = proxy.admin("/events")[1]
    assert "secret" not in told
    assert len(json.loads(told)["events"]) < 5


def test_lines_that_the_log_drops(make_sheaf, backend: Backend) -> None:
    """Its reader hangs, and then reads on."""
    pipe = LogPipe()
    proxy: Sheaf = make_sheaf(backend.url, stderr=pipe.writer)
    with RawClient(proxy.port) as client:
        while proxy.metric("sheaf_log_dropped_total") == 0:
            assert client.request("GET / HTTP/1.1\nHost: a\nUser-Agent: " + "x" * 2000 + "\n\n").status == 200
    pipe.read()
    assert wait_for_event(proxy, "log", "log lines were dropped")["level"] == "warning"
    pipe.close()


@pytest.mark.parametrize("query", ["since=x", "since=-1", "since=", "last=5"])
def test_wrong_query_is_refused(sheaf: Sheaf, query: str) -> None:
    status, body = sheaf.admin(f"/events?{query}")
    assert status == 400 and "since" in json.loads(body)["message"]
