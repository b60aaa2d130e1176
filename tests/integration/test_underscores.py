"""Field names with an underscore: hardening.md, row 16."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import pytest

from harness.raw import RawClient
from harness.recorder import OK, Recorder, Request, upgrade_answer
from harness.sheaf import BINARY, ROOT, Sheaf

UPGRADE = (
    "Connection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n"
)


@pytest.fixture
def recorder(make_recorder) -> Recorder:
    return make_recorder(lambda request: upgrade_answer(request) if request.get("upgrade") else OK)


def seen_upstream(proxy: Sheaf, recorder: Recorder, fields: str) -> Request:
    with RawClient(proxy.port) as client:
        assert client.request(f"GET / HTTP/1.1\nHost: a.example\n{fields}\n").status in (200, 101)
    return recorder.latest


def names(request: Request) -> list[str]:
    lines = request.head.decode().split("\r\n")[1:-2]
    return [line.partition(":")[0] for line in lines]


def with_underscore(request: Request) -> list[str]:
    return [name for name in names(request) if "_" in name]


def test_a_fastapi_application_gets_its_field_with_an_underscore(make_sheaf, make_backend) -> None:
    app = make_backend(app="harness.key_app:app", app_folder=ROOT / "tests/integration")
    with RawClient(make_sheaf(app.url).port) as client:
        response = client.request("GET /key HTTP/1.1\nHost: a.example\napi_key: sesame\n\n")
    assert (response.status, json.loads(response.body)) == (200, {"api_key": "sesame"})


@pytest.mark.parametrize("upgrade", ["", UPGRADE], ids=["http", "websocket"])
def test_by_default_they_pass_but_for_twins(make_sheaf, recorder: Recorder, upgrade: str) -> None:
    proxy = make_sheaf(recorder.url)
    fields = "api_key: 1\nX_Account: 2\nX-Account: 3\nother_one: 4\n"
    twins = "X_Forwarded_For: 6.6.6.6\nX-Forwarded_Proto: https\nX_Real_IP: 6.6.6.6\nX_Request_ID: x\nX_User_ID: x\n"
    twins += "Content_Length: 5\nTransfer_Encoding: chunked\nSec_WebSocket_Key: x\nSec-WebSocket_Protocol: x\n"
    seen = seen_upstream(proxy, recorder, fields + twins + upgrade)
    assert with_underscore(seen) == ["api_key", "other_one"]
    assert seen.all("x-account") == ["3"]
    assert b"6.6.6.6" not in seen.head
    assert proxy.metric("sheaf_underscore_fields_removed_total") == 10


def test_with_drop_none_passes(make_sheaf, recorder: Recorder) -> None:
    proxy = make_sheaf(recorder.url, {"limits": {"underscores": "drop"}})
    seen = seen_upstream(proxy, recorder, "api_key: 1\nX_Forwarded_For: 6.6.6.6\nAPI-Key: 2\n")
    assert with_underscore(seen) == [] and seen.all("api-key") == ["2"]
    assert proxy.metric("sheaf_underscore_fields_removed_total") == 2


def test_with_refuse_they_are_answered_with_400(make_sheaf, recorder: Recorder) -> None:
    proxy = make_sheaf(recorder.url, {"limits": {"underscores": "refuse"}})
    for field in ("api_key: 1", "X_Forwarded_For: 10.0.0.1", "Content_Length: 5"):
        with RawClient(proxy.port) as client:
            response = client.request(f"GET / HTTP/1.1\nHost: a.example\nAccept: application/json\n{field}\n\n")
        assert (response.status, json.loads(response.body)["reason"]) == (400, "underscore")
    assert proxy.metric("sheaf_refusals_total", reason="underscore") == 3
    assert recorder.requests == []


def test_in_responses_they_pass(make_sheaf, make_recorder) -> None:
    answer = b"HTTP/1.1 200 OK\r\nX_Forwarded_For: 1\r\nmy_field: 2\r\nMy-Field: 3\r\nContent-Length: 0\r\n\r\n"
    proxy = make_sheaf(make_recorder(lambda _: answer).url)
    with RawClient(proxy.port) as client:
        response = client.request("GET / HTTP/1.1\nHost: a.example\n\n")
    assert [response.get(name) for name in ("X_Forwarded_For", "my_field", "My-Field")] == ["1", "2", "3"]


@pytest.mark.parametrize("old,now", [("true", "pass"), ("false", "refuse")])
def test_the_old_option_works_for_one_release_with_a_warning(
    make_sheaf, recorder: Recorder, folder: Path, old: str, now: str
) -> None:
    proxy = make_sheaf(recorder.url, {"limits": {"allow_underscores": old == "true"}})
    with RawClient(proxy.port) as client:
        response = client.request("GET / HTTP/1.1\nHost: a.example\napi_key: 1\n\n")
    assert response.status == (200 if old == "true" else 400)
    proxy.wait_for_log("limits.allow_underscores is now limits.underscores", f'write underscores = "{now}"')

    file = folder / "old.conf"
    file.write_text(f"[limits]\nallow_underscores = {old}\n")
    checked = subprocess.run([str(BINARY), "-t", "-c", str(file)], capture_output=True, text=True, check=True)
    assert f'{file}:2:21: limits.allow_underscores is now limits.underscores: write underscores = "{now}"' in checked.stdout


@pytest.mark.parametrize("same", [True, False], ids=["one name in all spellings", "long names that differ at the end"])
def test_hundreds_of_them_cost_linear_time(make_sheaf, recorder: Recorder, same: bool) -> None:
    proxy = make_sheaf(recorder.url, {"limits": {"max_fields": 1000, "max_head": "60KiB"}})
    spelt = ["".join("_-"[number >> bit & 1] + "x" for bit in range(12)) for number in range(900)]
    differing = ["a_" * 25 + str(number) for number in range(900)]
    request = "GET / HTTP/1.1\nHost: a.example\n" + "".join(f"{name}: 1\n" for name in (spelt if same else differing))
    before = proxy.cpu_seconds()
    began = time.monotonic()
    for _ in range(20):
        with RawClient(proxy.port) as client:
            assert client.request(request + "\n").status == 200
    assert proxy.cpu_seconds() - before < 20 * 0.05, "over 50 ms of CPU a request"
    assert time.monotonic() - began < 20
