"""Issue 13, line 5: what sheaf -t says of a configuration that is right, and what it leaves to others."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.certificates import Authority
from harness.ports import free_port
from harness.sheaf import BINARY

NOBODY = 65534
UNPRIVILEGED = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that every user may enter."""
    folder = Path(tempfile.mkdtemp(prefix="sheaf-check-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def run(*arguments: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """sheaf with these arguments, without privileges, wherever it is run."""
    ours = {key: value for key, value in os.environ.items() if not key.startswith("SHEAF_")}
    user = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
    return subprocess.run(
        [str(BINARY), *arguments],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
        env={**ours, **(environment or {})},
        **user,
    )


def check(folder: Path, text: str) -> list[str]:
    """The lines of sheaf -t on a file with this text, which must be valid."""
    file = folder / "checked.conf"
    file.write_text(text)
    done = run("-t", "-c", str(file))
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout.splitlines()


def notes(lines: list[str]) -> list[str]:
    """What the lines note, without the label."""
    return [line.removeprefix("note:     ") for line in lines if line.startswith("note: ")]


def quiet() -> str:
    """A configuration with nothing to note."""
    return f'[listen]\naddress = "127.0.0.1:{free_port()}"\n[admin]\naddress = ""\n'


def test_the_file_that_was_checked_is_named(shared: Path) -> None:
    lines = check(shared, quiet())
    assert lines[0] == f"configuration is valid: {shared}/checked.conf"
    assert not notes(lines)


def test_without_a_file_the_check_says_that_there_is_none() -> None:
    done = run("-t", "--set", "admin.address=", environment={"SHEAF_POOL_MIN_SIZE": "1", "SHEAF_WORKERS": "1"})
    assert done.returncode == 0
    assert done.stdout.splitlines()[0] == (
        "configuration is valid: no conf file was named (-c FILE): defaults, "
        "options from the environment (2) and from --set (1)"
    )


@pytest.mark.parametrize("section", ["listen", "admin"])
def test_a_port_in_use_is_a_note(shared: Path, section: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        other = "listen" if section == "admin" else "admin"
        text = f'[{section}]\naddress = "{address}"\n[{other}]\naddress = "127.0.0.1:{free_port()}"\n'
        assert notes(check(shared, text)) == [
            f"{section}.address: cannot bind to {address}: Address already in use; "
            "another program listens there, choose another port or end that program"
        ]
        # The check has not taken the port from its owner.
        with socket.create_connection(taken.getsockname()):
            assert taken.accept()


def test_an_address_of_another_machine_is_a_note(shared: Path) -> None:
    (note,) = notes(check(shared, '[listen]\naddress = "192.0.2.1:8080"\n[admin]\naddress = ""\n'))
    assert note.startswith("listen.address: cannot bind to 192.0.2.1:8080: ")


@pytest.mark.skipif(int(UNPRIVILEGED.read_text()) <= 80, reason="here every user may listen at port 80")
def test_a_port_that_needs_a_privilege_is_a_note(shared: Path) -> None:
    (note,) = notes(check(shared, '[listen]\naddress = "127.0.0.1:80"\n[admin]\naddress = ""\n'))
    assert note == (
        "listen.address: cannot bind to 127.0.0.1:80: Permission denied; "
        "ports below 1024 need a privilege, choose a higher one"
    )


def test_a_unix_socket_in_use_is_a_note_and_stays(shared: Path) -> None:
    shared.chmod(0o777)
    path = shared / "a.sock"
    text = f'[listen]\naddress = "unix:{path}"\n[admin]\naddress = ""\n'
    assert not notes(check(shared, text)) and not path.exists()
    with socket.socket(socket.AF_UNIX) as taken:
        taken.bind(str(path))
        path.chmod(0o777)
        # Bound, but nobody answers: a program that is gone has left it, and a start would take its place.
        assert not notes(check(shared, text)) and path.exists()
        taken.listen()
        (note,) = notes(check(shared, text))
        assert "another program listens there" in note and path.exists()


def test_a_unix_socket_where_no_file_may_be_made_is_a_note(shared: Path) -> None:
    shared.chmod(0o555)
    text = f'[listen]\naddress = "unix:{shared}/a.sock"\n[admin]\naddress = ""\n'
    file = Path(tempfile.mkdtemp(prefix="sheaf-check-"))
    file.chmod(0o755)
    (note,) = notes(check(file, text))
    shutil.rmtree(file)
    assert note.endswith("Permission denied; this user may not make files in that folder")


def test_a_key_that_only_the_server_may_read_is_a_note_in_the_check_and_an_error_at_the_start(shared: Path) -> None:
    authority = Authority(shared)
    pair = authority.issue("localhost")
    for file in shared.rglob("*"):
        file.chmod(0o755 if file.is_dir() else 0o644)
    pair.key.chmod(0o000)
    tls = f'tls_certificate = "{pair.certificate}"\ntls_key = "{pair.key}"\n[admin]'
    text = quiet().replace("[admin]", tls)
    (note,) = notes(check(shared, text))
    assert re.fullmatch(
        rf'{shared}/checked.conf:4:11: listen.tls_key: cannot read "{pair.key}": Permission denied; '
        "correct the path or its permissions",
        note,
    )
    started = run("-c", str(shared / "checked.conf"))
    assert started.returncode == 1 and note in started.stderr


def test_a_key_that_is_missing_is_an_error_of_the_check_too(shared: Path) -> None:
    file = shared / "checked.conf"
    file.write_text('[listen]\ntls_certificate = "/nowhere.pem"\ntls_key = "/nowhere.key"\n')
    done = run("-t", "-c", str(file))
    assert done.returncode == 1 and done.stdout == ""


def test_version_names_the_commit_and_the_libraries() -> None:
    lines = run("--version").stdout.splitlines()
    assert re.fullmatch(r"sheaf \d+\.\d+\.\d+", lines[0])
    told = dict(line.split(maxsplit=1) for line in lines[1:])
    assert list(told) == ["commit", "libevent", "OpenSSL", "zlib", "llhttp", "RapidJSON", "toml++", "glog"]
    assert re.fullmatch(r"[0-9a-f]{12}|unknown", told.pop("commit"))
    assert all(re.search(r"\d+\.\d+", version) for version in told.values()), told


def test_help_fits_a_screen() -> None:
    lines = run("--help").stdout.splitlines()
    assert len(lines) <= 24 and max(map(len, lines)) <= 80
