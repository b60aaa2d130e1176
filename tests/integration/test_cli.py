"""Commands that ask a running Sheaf: what they print, where they ask, and how they end."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.sync.client import connect

from harness.backend import Backend
from harness.commands import json_of, sheaf
from harness.ports import free_port
from harness.reloading import TOKEN, ReloadableSheaf
from harness.sheaf import Sheaf

DONE, FAILED, USAGE, NO_ANSWER = 0, 1, 2, 3


@pytest.fixture(scope="module")
def running(folder: Path, backend: Backend) -> Iterator[ReloadableSheaf]:
    one = ReloadableSheaf(folder, backend.url)
    yield one
    one.stop()


@pytest.fixture
def proxy(running: ReloadableSheaf) -> Iterator[ReloadableSheaf]:
    """Its conf file is as it was, whatever a test has written."""
    yield running
    running.put()


# ---- what is asked and printed


def test_stats_are_printed_for_people_and_as_json(proxy: ReloadableSheaf) -> None:
    with connect(f"{proxy.ws_url}/ws/echo") as client:
        client.send("x")
        client.recv()
        shown = sheaf("stats", "-c", proxy.conf_file)
        document = json_of(sheaf("-c", proxy.conf_file, "stats", "--json"))
    assert shown.returncode == DONE and not shown.stderr
    assert shown.stdout.startswith(f"Sheaf {document['version']}, up ")
    assert "sessions  1 open, " in shown.stdout
    assert document["sessions"]["active_sessions"] == 1 and document.keys() == proxy.stats().keys()


def test_reload_tells_the_generation_and_what_needs_a_restart(proxy: ReloadableSheaf) -> None:
    proxy.put({"workers": 1})
    done = sheaf("reload", "-c", proxy.conf_file)
    assert done.returncode == DONE, done.stderr
    assert done.stdout.startswith(f"ok: generation {proxy.generation}, sha256 ")
    assert done.stdout.endswith(", needs restart workers\n")


def test_reload_fails_with_the_errors_of_the_file(proxy: ReloadableSheaf) -> None:
    proxy.conf_file.write_text(proxy.text() + "[pool]\nmin_sise = 1\n[nowhere]\n")
    done = sheaf("reload", "-c", proxy.conf_file)
    assert done.returncode == FAILED and not done.stdout
    said = done.stderr.splitlines()
    assert said[0].startswith("sheaf reload: ") and len(said) > 1 and "unknown section [nowhere]" in done.stderr
    document = sheaf("reload", "-c", proxy.conf_file, "--json")
    assert document.returncode == FAILED and json_of(document)["status"] == "failed" and document.stderr == done.stderr


def test_push_sends_text_from_the_line_and_from_standard_input(proxy: ReloadableSheaf) -> None:
    with connect(f"{proxy.ws_url}/ws/echo") as client:
        done = sheaf("push", "-c", proxy.conf_file, "--path", "/ws", "--text", "from the line")
        assert (done.returncode, client.recv(timeout=5)) == (DONE, "from the line"), done.stderr
        assert done.stdout.startswith("ok: sessions 1, ")
        piped = sheaf("push", "-c", proxy.conf_file, "--all", "--text", "-", "--type", "critical", text='{"a": "é"}\n')
        assert (piped.returncode, client.recv(timeout=5)) == (DONE, '{"a": "é"}\n'), piped.stderr


def test_push_sends_the_bytes_of_a_file(proxy: ReloadableSheaf, tmp_path: Path) -> None:
    data = bytes(range(256)) * 5
    (tmp_path / "message").write_bytes(data)
    with connect(f"{proxy.ws_url}/ws/echo") as client:
        done = sheaf("push", "-c", proxy.conf_file, "--all", "--binary-file", tmp_path / "message")
        assert (done.returncode, client.recv(timeout=5)) == (DONE, data), done.stderr


def test_push_to_nobody_is_refused_with_the_remedy(proxy: ReloadableSheaf) -> None:
    done = sheaf("push", "-c", proxy.conf_file, "--session", "0-ffffff", "--text", "x")
    assert done.returncode == FAILED and not done.stdout
    assert done.stderr.startswith("sheaf push: session_id: no session has this id now")


# ---- where it asks


def test_the_place_is_taken_from_line_environment_and_file(proxy: ReloadableSheaf, tmp_path: Path) -> None:
    address = f"127.0.0.1:{proxy.admin_port}"
    token = tmp_path / "token"
    token.write_text(f"{TOKEN}\n")
    ways: list[tuple[tuple[str | Path, ...], dict[str, str]]] = [
        (("-c", proxy.conf_file), {}),
        (("--set", f"admin.address={address}", "--set", f"admin.token_file={token}"), {}),
        (("--admin", address, "--token-file", token), {}),
        (("--admin", f":{proxy.admin_port}"), {"SHEAF_ADMIN_TOKEN": TOKEN}),
        ((), {"SHEAF_ADMIN_ADDRESS": address, "SHEAF_ADMIN_TOKEN": TOKEN}),
        (("--admin", address), {"SHEAF_ADMIN_ADDRESS": "127.0.0.1:1", "SHEAF_ADMIN_TOKEN_FILE": str(token)}),
        (("-c", proxy.conf_file, "--token-file", token), {"SHEAF_ADMIN_ADDRESS": address}),
    ]
    for words, environment in ways:
        done = sheaf("reload", *words, environment=environment)
        assert done.returncode == DONE, (words, environment, done.stderr)


def test_a_unix_socket_is_asked_without_a_token(make_sheaf: type[Sheaf], backend: Backend, folder: Path) -> None:
    path = folder / "cli-admin.sock"
    port = free_port()  # the harness asks there; it goes when the socket comes
    proxy = make_sheaf(backend.url, {"admin": {"address": f"127.0.0.1:{port}", "token": TOKEN}}, admin_port=port,
                       ready="/livez")
    proxy.conf_file.write_text(proxy.conf_file.read_text().replace(f'address = "127.0.0.1:{port}"', f'address = "unix:{path}"')
                               .replace(f'token = "{TOKEN}"', ""))
    assert sheaf("reload", "--admin", f":{port}", environment={"SHEAF_ADMIN_TOKEN": TOKEN}).returncode == DONE
    assert sheaf("reload", "-c", proxy.conf_file).returncode == DONE
    assert sheaf("stats", "--admin", f"unix:{path}").returncode == DONE


def test_of_the_conf_file_only_the_admin_section_counts(proxy: ReloadableSheaf) -> None:
    proxy.conf_file.write_text(proxy.text() + '[nowhere]\nx = 1\n[[listener]]\naddress = ":1"\ntls_certificate = "/none"\n')
    assert sheaf("stats", "-c", proxy.conf_file, "--set", "pool.min_size=x",
                 environment={"SHEAF_LOG_LEVEL": "loud"}).returncode == DONE
    proxy.conf_file.write_text(proxy.text().replace("[admin]", "[admin]\ntokn = 1"))
    wrong = sheaf("stats", "-c", proxy.conf_file)
    assert wrong.returncode == FAILED and 'unknown key "tokn" in [admin]' in wrong.stderr
    assert "--admin ADDRESS and --token-file FILE together ask without the conf file" in wrong.stderr


def test_with_address_and_token_the_configuration_is_not_read(proxy: ReloadableSheaf, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN)
    done = sheaf("stats", "-c", "/nonexistent", "--admin", f":{proxy.admin_port}", "--token-file", tmp_path / "token")
    assert done.returncode == DONE, done.stderr
    assert "cannot read" in sheaf("stats", "--admin", ":1", "--token-file", "/nonexistent").stderr


# ---- how it ends


def test_without_the_token_it_is_refused(proxy: ReloadableSheaf) -> None:
    done = sheaf("stats", "--admin", f":{proxy.admin_port}")
    assert done.returncode == FAILED and done.stderr.startswith("sheaf stats: admin.token is asked for as a bearer token\n  -> ")


def test_nobody_answers(folder: Path) -> None:
    for address in (f"127.0.0.1:{free_port()}", f"unix:{folder}/none.sock", "no-such-name.invalid:9901"):
        done = sheaf("stats", "--admin", address)
        assert done.returncode == NO_ANSWER and not done.stdout, done
        assert done.stderr.startswith("sheaf stats: no answer from ") and "--admin ADDRESS names it" in done.stderr
        assert address.rsplit(":", 1)[0] in done.stderr
    assert sheaf("stats", "--set", "admin.address=").returncode == NO_ANSWER


def test_who_accepts_and_ends_is_no_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=lambda: server.accept()[0].close())
        thread.start()
        done = sheaf("stats", "--admin", f":{server.getsockname()[1]}")
        thread.join()
    assert done.returncode == NO_ANSWER, done


@pytest.mark.parametrize("words", [
    ("frob",), ("stats", "more"), ("push", "--all"), ("push", "--text", "x"), ("push", "--all", "--user", "a", "--text", "x"),
    ("close",), ("close", "--all", "--code", "x"), ("rebalance",), ("rebalance", "--share", "much"), ("log-level",),
    ("log-level", "loud"), ("connections", "--state", "x"), ("top", "--interval", "0"), ("top", "--interval", "x"),
    ("push", "--all", "--event", "e", "--data", "{"), ("-t", "stats"), ("stats", "reload"),
], ids=" ".join)  # fmt: skip
def test_a_wrong_line_is_told_and_asks_nobody(words: tuple[str, ...]) -> None:
    done = sheaf(*words, "--set", "admin.address=127.0.0.1:1")
    assert done.returncode == USAGE and done.stderr.startswith("sheaf"), done
    assert "127.0.0.1" not in done.stderr


def test_a_secret_is_never_in_the_answer_to_a_mistake(proxy: ReloadableSheaf) -> None:
    for words in (("reload",), ("stats",), ("push", "--all")):
        done = sheaf(*words, "-c", proxy.conf_file, "--admin", ":1")
        assert TOKEN not in done.stdout + done.stderr


def test_help_of_each_command_names_its_options() -> None:
    assert "--share SHARE" in sheaf("rebalance", "--help").stdout
    assert "{active,closing,idle,slow}" in sheaf("connections", "--help").stdout
    assert sheaf("push", "--frob").stderr.endswith("sheaf push --help shows what there is\n")
