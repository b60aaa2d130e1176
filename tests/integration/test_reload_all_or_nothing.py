"""A reload that fails changes nothing, says where and why, is counted, and hurts nobody; a right one then works."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest

from harness.backend import Backend
from harness.certificates import Authority
from harness.fixtures import reloadable
from harness.frames import RawWebSocket
from harness.ports import free_port
from harness.raw import RawClient, get
from harness.reloading import ReloadableSheaf
from harness.sheaf import Conf

ROUTES: list[Conf] = [{"path": "/ws", "size": 7}, {"path": "/status", "max_body": 1000}]

# So many, that what each of them left open would show among the connections that come and go.
FAILURES = 8


running, proxy = reloadable({"limits": {"max_request_line": 1000}}, "backend", ROUTES)


def in_force(proxy: ReloadableSheaf) -> dict[str, object]:
    """What tells one configuration from another."""
    configuration = proxy.stats()["configuration"]
    return {key: configuration[key] for key in ("generation", "sha256", "reloads", "route_plans")}


# Text that takes the place of the file, or is put at its end; the part of the error that tells what is wrong.
MISTAKES = {
    "syntax": ("limits = [broken\n", True, ""),
    "unclosed text": ('\n[[route]]\npath = "/x\n', False, ""),
    "unknown key": ('\n[[route]]\npath = "/x"\nsizes = 3\n', False, "size"),
    "unknown section": ("\n[limit]\nmax_head = 1\n", False, "limits"),
    "bad value": ('\n[[route]]\npath = "/x"\nsize = "many"\n', False, "size"),
    "out of range": ('\n[[route]]\npath = "/x"\nsize = 0\n', False, "size"),
    "bad unit": ('\n[[route]]\npath = "/x"\ntimeout = "5 parsecs"\n', False, "timeout"),
    "path twice": ('\n[[route]]\npath = "/ws"\n', False, "/ws"),
    "bad rule": ('\n[[route]]\npath = "/x"\ncritical = [{evnt = "a"}]\n', False, "event"),
}


def test_file_that_has_become_empty(proxy: ReloadableSheaf) -> None:
    with RawWebSocket(proxy.port) as session:
        before = in_force(proxy)
        error = proxy.refuse(text="")
        assert str(proxy.conf_file) in error and "is empty" in error, error
        assert in_force(proxy) == before
        session.check_echo(b"still here")


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_in_the_file(proxy: ReloadableSheaf, mistake: str) -> None:
    text, alone, named = MISTAKES[mistake]
    whole = text if alone else proxy.text() + text
    with RawWebSocket(proxy.port) as session, RawClient(proxy.port) as client:
        before, failed = in_force(proxy), proxy.failed
        error = proxy.refuse(text=whole)
        place = re.search(re.escape(str(proxy.conf_file)) + r":(\d+):(\d+): ", error)
        assert place and named in error, error
        first = 1 if alone else len(proxy.text().splitlines())
        assert first <= int(place[1]) <= len(whole.splitlines()), error
        proxy.hang_up()
        assert proxy.failed == failed + 2
        assert in_force(proxy) == before
        assert proxy.metric("sheaf_reload_last_successful") == 0
        assert not proxy.stats()["configuration"]["last_reload_successful"]
        assert proxy.count_log_lines(" error ", "reload failed", f":{place[1]}:{place[2]}: ") >= 2
        session.check_echo(b"still here")
        assert client.request("GET /page HTTP/1.1\nHost: a\n\n").status == 200
        proxy.reload()
        assert proxy.metric("sheaf_reload_last_successful") == 1
        session.check_echo(b"still here")


def contradictions(folder: Path) -> dict[str, tuple[Conf, str]]:
    missing = folder / "nowhere.pem"
    authority = Authority(folder)
    pair, other = authority.issue("localhost"), authority.issue("localhost")
    garbage = folder / "garbage.pem"
    garbage.write_text("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")

    def tls(certificate: Path, key: Path) -> Conf:
        return {"listen": {"tls_certificate": str(certificate), "tls_key": str(key)}}

    return {
        "marks": ({"limits": {"buffer_high": "64KiB", "buffer_low": "128KiB"}}, "buffer_low"),
        "backoff": ({"pool": {"backoff_min": "5s", "backoff_max": "1s"}}, "backoff"),
        "key without certificate": ({"listen": {"tls_key": str(pair.key)}}, "tls_certificate"),
        "certificate missing": (tls(missing, pair.key), str(missing)),
        "key missing": (tls(pair.certificate, missing), str(missing)),
        "certificate is none": (tls(garbage, pair.key), str(garbage)),
        "key of another": (tls(pair.certificate, other.key), "key"),
        "upstream": ({"upstream": {"url": "ftp://a.example"}}, "upstream.url"),
        "trusted CA missing": ({"upstream": {"url": "https://localhost:1", "tls_ca": str(missing)}}, str(missing)),
        "address of nobody": ({"listen": {"address": f"192.0.2.1:{free_port()}"}}, "192.0.2.1"),
    }


NAMES = ["marks", "backoff", "key without certificate", "certificate missing", "key missing", "certificate is none",
         "key of another", "upstream", "trusted CA missing", "address of nobody"]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_what_cannot_be(proxy: ReloadableSheaf, tmp_path: Path, name: str) -> None:
    """Right as TOML, and cannot be taken up; what else is in the file is not, either."""
    conf, named = contradictions(tmp_path)[name]
    with RawWebSocket(proxy.port) as session:
        before, descriptors = in_force(proxy), proxy.descriptors()
        limits = {"max_request_line": 300, **conf.get("limits", {})}
        for _ in range(FAILURES):
            assert named in proxy.refuse({**conf, "limits": limits}, [{"path": "/other"}])
        assert in_force(proxy) == before
        assert proxy.descriptors() < descriptors + FAILURES
        assert get(proxy.port, "/page?" + "a" * 400).status == 200, "a part of it was taken up"
        session.check_echo(b"still here")


def test_address_that_is_taken(proxy: ReloadableSheaf) -> None:
    """Of several new listeners the last one cannot be bound: none of them is there."""
    with socket.create_server(("127.0.0.1", 0)) as other, RawWebSocket(proxy.port) as session:
        taken, free = other.getsockname()[1], free_port()
        before, descriptors = in_force(proxy), proxy.descriptors()
        addresses = [f"127.0.0.1:{port}" for port in (proxy.port, free, taken)]
        for _ in range(FAILURES):
            assert f"127.0.0.1:{taken}" in proxy.refuse({"listen": {"address": addresses}})
        assert in_force(proxy) == before
        assert proxy.descriptors() < descriptors + FAILURES
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", free)) != 0
        session.check_echo(b"still here")
        assert get(proxy.port, "/page").status == 200
    proxy.reload({"listen": {"address": addresses}})
    assert [get(port, "/page").status for port in (proxy.port, free, taken)] == [200] * 3


@pytest.mark.parametrize("gone", ["missing", "a folder", "not readable as text"])
def test_file_that_cannot_be_read(make_reloadable, backend: Backend, gone: str) -> None:
    proxy: ReloadableSheaf = make_reloadable(backend.url)
    with RawWebSocket(proxy.port) as session:
        before, text = in_force(proxy), proxy.conf_file.read_bytes()
        proxy.conf_file.unlink()
        if gone == "a folder":
            proxy.conf_file.mkdir()
        if gone == "not readable as text":
            proxy.conf_file.write_bytes(b"\xff\xfe\x00" * 100)
        status, answer = proxy.post()
        assert status == 422 and str(proxy.conf_file) in answer["error"], answer
        assert in_force(proxy) == before
        session.check_echo(b"still here")
        if gone == "a folder":
            proxy.conf_file.rmdir()
        proxy.conf_file.write_bytes(text)
        assert proxy.post()[0] == 200
        session.check_echo(b"still here")


def test_environment_and_command_line_go_on_being_stronger(make_reloadable, backend: Backend) -> None:
    proxy: ReloadableSheaf = make_reloadable(
        backend.url,
        arguments=["--set", "limits.max_request_line=500"],
        environment={"SHEAF_LIMITS_MAX_FIELDS": "10"},
    )
    proxy.reload({"limits": {"max_request_line": 5000, "max_fields": 100, "max_head": 2000}})
    assert get(proxy.port, "/page?" + "a" * 600).status == 414
    assert get(proxy.port, "/page", "".join(f"X-{n}: y\n" for n in range(20))).status == 431
    assert get(proxy.port, "/page", f"X: {'a' * 3000}\n").status == 431
