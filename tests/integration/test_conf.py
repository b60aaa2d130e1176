"""Issue item 8: the conf file through the command line."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from harness.backend import Backend
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


# All mistakes and what is said of them: test_config_mistakes.py.
@pytest.mark.parametrize(
    "text,line",
    [
        ("[pool]\nmin_sise = 5\n", 2),
        ("[pool\nmin_size = 5\n", 1),
        ('[listen]\ntls_certificate = "/nowhere.pem"\ntls_key = "/nowhere.key"\n', 2),
    ],
)
def test_nothing_starts_with_a_mistake(folder: Path, text: str, line: int) -> None:
    file = folder / "mistake.conf"
    file.write_text(text)
    done = run("-c", str(file), "--set", "listen.address=127.0.0.1:0", "--set", "admin.address=")
    assert done.returncode == 1 and f"mistake.conf:{line}:" in done.stderr


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


def test_help_names_every_option() -> None:
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
