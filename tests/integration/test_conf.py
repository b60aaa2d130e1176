"""Issue item 8: the conf file through the command line. Each mistake is named with file, line and column."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from harness.backend import Backend
from harness.certificates import Authority
from harness.ports import free_port
from harness.raw import RawClient, get
from harness.sheaf import BINARY, ROOT


def run(
    *arguments: str, environment: dict[str, str] | None = None, seconds: float = 20
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(BINARY), *arguments],
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
        env={**os.environ, **(environment or {})},
    )


def check(folder: Path, text: str, *arguments: str) -> tuple[int, str]:
    """Exit code and messages of `sheaf -t` on a file with this text."""
    file = folder / "checked.conf"
    file.write_text(text)
    done = run("-t", "-c", str(file), *arguments)
    return done.returncode, done.stdout + done.stderr


# text, line, column (0: any) and words that the message must have
MISTAKES = {
    "unknown key": ("[pool]\nmin_sise = 5\n", 2, 1, ["min_sise", "min_size"]),
    "unknown section": ("[pools]\nmin_size = 5\n", 1, 0, ["pools", "pool"]),
    "unknown key at the top": ("worker = 2\n", 1, 1, ["worker", "workers"]),
    "text for a number": ('[pool]\nmin_size = "many"\n', 2, 0, ["min_size"]),
    "number for a switch": ("[upstream]\ntls_verify = 1\n", 2, 0, ["tls_verify"]),
    "number for a time": ("[timeouts]\nhead = 10\n", 2, 0, ["head"]),
    "time without a unit": ('[timeouts]\nhead = "10"\n', 2, 0, ["head"]),
    "unknown unit": ('[timeouts]\nhead = "10 fortnights"\n', 2, 0, ["head"]),
    "negative number": ("[pool]\nmin_size = -1\n", 2, 0, ["min_size"]),
    "size over its bound": ("[pool]\nmax_size = 99999999999\n", 2, 0, ["max_size"]),
    "workers 0": ("workers = 0\n", 1, 0, ["workers"]),
    "workers by another word": ('workers = "some"\n', 1, 0, ["workers", "auto"]),
    "unknown word": ('[log]\nlevel = "loud"\n', 2, 0, ["level", "debug"]),
    "unknown mode": ('[upstream]\nmode = "mux9"\n', 2, 0, ["mode", "tunnel"]),
    "bad address": ('[listen]\naddress = "localhost"\n', 2, 0, ["address"]),
    "bad port": ('[listen]\naddress = "127.0.0.1:99999"\n', 2, 0, ["address"]),
    "bad upstream": ('[upstream]\nurl = "ftp://127.0.0.1"\n', 2, 0, ["url"]),
    "bad network": ('[forwarded]\ntrusted_proxies = ["10.0.0.0/40"]\n', 2, 0, ["trusted_proxies"]),
    "a list that is none": ('[forwarded]\ntrusted_proxies = "10.0.0.0/8"\n', 2, 0, ["trusted_proxies"]),
    "a section twice": ("[pool]\nmin_size = 5\n[pool]\nmax_size = 6\n", 3, 0, ["pool"]),
    "a key twice": ("[pool]\nmin_size = 5\nmin_size = 6\n", 3, 0, ["min_size"]),
    "not TOML": ("[pool\nmin_size = 5\n", 1, 0, []),
    "a value missing": ("[pool]\nmin_size =\n", 2, 0, []),
    "low over high mark": (
        '[limits]\nbuffer_high = "64KiB"\nbuffer_low = "128KiB"\n',
        0,
        0,
        ["buffer_low", "buffer_high"],
    ),
    "min over max": ("[pool]\nmin_size = 50\nmax_size = 10\n", 0, 0, ["min_size", "max_size"]),
    "certificate without key": ('[listen]\ntls_certificate = "{certificate}"\n', 0, 0, ["tls_key"]),
    "certificate missing": ('[listen]\ntls_certificate = "/nowhere.pem"\ntls_key = "{key}"\n', 2, 0, ["/nowhere.pem"]),
    "certificate that is none": ('[listen]\ntls_certificate = "{key}"\ntls_key = "{key}"\n', 0, 0, ["tls_certificate"]),
    "key of another certificate": (
        '[listen]\ntls_certificate = "{certificate}"\ntls_key = "{other_key}"\n',
        0,
        0,
        ["key"],
    ),
    "authority missing": ('[upstream]\nurl = "https://127.0.0.1:1"\ntls_ca = "/nowhere.pem"\n', 3, 0, ["/nowhere.pem"]),
    "route without path": ("[[route]]\nmax_body = 5\n", 1, 0, ["path"]),
    "route with a relative path": ('[[route]]\npath = "api"\n', 2, 0, ["path"]),
    "the same route twice": ('[[route]]\npath = "/a"\n[[route]]\npath = "/a"\n', 4, 0, ["/a"]),
    "routes that differ by a slash only": ('[[route]]\npath = "/a"\n[[route]]\npath = "/a/"\n', 4, 0, ["/a"]),
    "unknown key of a rule": (
        '[[route]]\npath = "/a"\ncritical = [{ event = "x" },\n  { evnt = "y" }]\n',
        4,
        5,
        ["evnt", "critical", "event"],
    ),
    "malformed pointer": (
        '[[route]]\npath = "/a"\nconflate = [{ event = "x", key = "symbol" }]\n',
        3,
        34,
        ["conflate.key", "RFC 6901", '"/symbol"'],
    ),
    "conflation where nothing is queued": (
        '[[route]]\npath = "/a"\ndelivery = "off"\nconflate = [{ key = "/s" }]\n',
        4,
        1,
        ["conflate", "off", "cork"],
    ),
    "a rule that is never reached": (
        '[[route]]\npath = "/a"\ncritical = [{ prefix = "A" }, { prefix = "AB" }]\n',
        3,
        31,
        ["never reached", "line 3, column 13"],
    ),
    "unknown key of a route": ('[[route]]\npath = "/a"\nmax_bodi = 5\n', 3, 1, ["max_bodi", "max_body"]),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistake_is_an_error_with_its_place(folder: Path, authority: Authority, name: str) -> None:
    text, line, column, words = MISTAKES[name]
    first, second = authority.issue("localhost"), authority.issue("localhost")
    text = (
        text.replace("{certificate}", str(first.certificate))
        .replace("{key}", str(first.key))
        .replace("{other_key}", str(second.key))
    )
    code, message = check(folder, text)
    assert code == 1, message
    place = re.search(r"checked\.conf:(\d+):(\d+)", message)
    assert place, f"no file:line:column in {message!r}"
    assert line == 0 or int(place[1]) == line, message
    assert column == 0 or int(place[2]) == column, message
    for word in words:
        assert word in message, message


@pytest.mark.parametrize("name", ["unknown key", "not TOML", "certificate missing"])
def test_nothing_starts_with_a_mistake(folder: Path, authority: Authority, name: str) -> None:
    pair = authority.issue("localhost")
    file = folder / "mistake.conf"
    file.write_text(MISTAKES[name][0].replace("{key}", str(pair.key)))
    done = run("-c", str(file), "--set", "listen.address=127.0.0.1:0", "--set", "admin.address=")
    assert done.returncode == 1 and "mistake.conf:" in done.stderr


def test_missing_file_is_named(folder: Path) -> None:
    done = run("-t", "-c", str(folder / "nowhere.conf"))
    assert done.returncode == 1 and "nowhere.conf" in done.stderr + done.stdout


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing\n",
        'workers = "auto"\n',
        "workers = 3\n",
        '[timeouts]\nhead = "1500ms"\nidle = "2m"\n',
        '[limits]\nmax_body = "10MiB"\nmax_head = 8192\n',
        '[[route]]\npath = "/a"\n[[route]]\npath = "/a/b"\n',
        '[upstream]\nurl = "unix:/run/app.sock"\n',
        '[listen]\naddress = "[::1]:8080"\n',
        '[admin]\naddress = ""\n',
        '[[route]]\npath = "/a"\n[[route]]\npath = "/ab"\n',
        '[[route]]\npath = "/a"\ncritical = [{ pointer = "/l", one_of = ["h", 3, true] }]\n'
        'conflate = [{ event = "e", key = "/s" }]\n',
    ],
)
def test_good_file_passes_the_check(folder: Path, text: str) -> None:
    code, message = check(folder, text)
    assert code == 0, message


def test_check_is_also_spelt_out(folder: Path) -> None:
    file = folder / "spelt.conf"
    file.write_text("workers = 1\n")
    assert run("--check", "-c", str(file)).returncode == 0


@pytest.mark.parametrize("file", sorted((ROOT / "conf").glob("*.conf")), ids=lambda file: file.name)
def test_shipped_conf_files_pass_the_check(file: Path) -> None:
    done = run("-t", "-c", str(file))
    assert done.returncode == 0, done.stderr


def test_default_config_is_printed_and_passes_the_check(folder: Path) -> None:
    printed = run("--print-default-config")
    assert printed.returncode == 0
    code, message = check(folder, printed.stdout)
    assert code == 0, message
    for key in ("min_size", "max_size", "stale_timeout", "ping_interval", "allowed_origins", "trusted_proxies"):
        assert key in printed.stdout


@pytest.mark.parametrize(
    "arguments,word",
    [
        (["--set", "pool.min_sise=1"], "min_size"),
        (["--set", "pool.min_size=many"], "min_size"),
        (["--set", "nonsense"], "nonsense"),
        (["--no-such-option"], "no-such-option"),
    ],
)
def test_mistake_on_the_command_line_is_named(arguments: list[str], word: str) -> None:
    done = run("-t", *arguments)
    assert done.returncode != 0 and word in done.stderr + done.stdout


def test_version_and_help_are_told() -> None:
    assert re.search(r"\d+\.\d+\.\d+", run("--version").stdout)
    help_text = run("--help").stdout
    for option in ("-c", "-t", "--set", "--print-default-config", "--version"):
        assert option in help_text


def max_body_of(port: int) -> int:
    """Which max_body is in force, found by trying."""
    for size in (10, 20, 30, 40):
        with RawClient(port) as client:
            if (
                client.request(
                    f"POST /upload HTTP/1.1\nHost: a\nContent-Length: {size + 1}\n\n{'x' * (size + 1)}"
                ).status
                == 413
            ):
                return size
    return 0


@pytest.mark.parametrize(
    "in_file,in_environment,on_command_line,expected",
    [
        (None, None, None, 0),
        (10, None, None, 10),
        (10, 20, None, 20),
        (10, 20, 30, 30),
        (None, 20, None, 20),
        (10, None, 30, 30),
    ],
)
def test_command_line_beats_environment_beats_file(
    make_sheaf,
    backend: Backend,
    in_file: int | None,
    in_environment: int | None,
    on_command_line: int | None,
    expected: int,
) -> None:
    proxy = make_sheaf(
        backend.url,
        {"limits": {"max_body": in_file}} if in_file else {},
        environment={"SHEAF_LIMITS_MAX_BODY": str(in_environment)} if in_environment else {},
        arguments=["--set", f"limits.max_body={on_command_line}"] if on_command_line else [],
    )
    assert max_body_of(proxy.port) == expected


def test_bad_environment_variable_is_named() -> None:
    done = run("-t", environment={"SHEAF_POOL_MIN_SIZE": "many"})
    assert done.returncode == 1 and "SHEAF_POOL_MIN_SIZE" in done.stderr + done.stdout


def test_port_that_is_taken_is_an_error_and_not_a_half_start(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url)
    try:
        done = run(
            "--set",
            f"listen.address=127.0.0.1:{free_port()}",
            "--set",
            f"upstream.url={backend.url}",
            "--set",
            f"admin.address=127.0.0.1:{proxy.admin_port}",
            seconds=3,
        )
    except subprocess.TimeoutExpired:
        pytest.fail("it runs on, and the kernel gives each of the two some of the admin requests")
    assert done.returncode == 1 and str(proxy.admin_port) in done.stderr
    assert get(proxy.port, "/page").status == 200


def test_healthcheck_asks_the_running_proxy(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url)
    assert run("--healthcheck", "--set", f"admin.address=127.0.0.1:{proxy.admin_port}").returncode == 0
    assert run("--healthcheck", "--set", "admin.address=127.0.0.1:9").returncode != 0
