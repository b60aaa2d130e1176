"""reload.watch: files that change in all the ways in which files are changed, and what must change nothing."""

from __future__ import annotations

import os
import shutil
import ssl
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.backend import Backend
from harness.certificates import Authority
from harness.frames import RawWebSocket
from harness.ports import wait_until
from harness.raw import get
from harness.reloading import ReloadableSheaf, live
from harness.sheaf import Conf, merged
from test_reload_certificates import Files, serial_at

WATCH: Conf = {"reload": {"watch": True}}
SOON = 2.0  # seconds in which a change is surely taken up
LONG = 0.6  # in which a change would surely have been


@pytest.fixture
def proxy(make_reloadable, backend: Backend, tmp_path: Path) -> ReloadableSheaf:
    """Its conf file is in a folder of its own; nothing is watched yet."""
    return make_reloadable(backend.url)


def fields(most: int) -> Conf:
    """A configuration that can be told by limits.max_fields."""
    return merged(WATCH, {"limits": {"max_fields": most}})


def in_force(proxy: ReloadableSheaf, most: int) -> bool:
    """Whether that is the most: `most` fields pass, and one more does not. A GET of the tests has two of its own."""
    passes, fails = ("".join(f"X-{n}: y\n" for n in range(count - 2)) for count in (most, most + 1))
    return get(proxy.port, "/page", passes).status == 200 and get(proxy.port, "/page", fails).status == 431


def comes_into_force(proxy: ReloadableSheaf, most: int) -> None:
    wait_until(lambda: in_force(proxy, most), SOON, f"max_fields = {most} is in force")


def nothing_happens(proxy: ReloadableSheaf) -> None:
    before = (proxy.reloads, proxy.failed)
    time.sleep(LONG)
    assert (proxy.reloads, proxy.failed) == before


# ---- ways in which a file is changed


def in_place(path: Path, text: str) -> None:
    path.write_text(text)


def by_rename(path: Path, text: str) -> None:
    new = path.with_name(f".{path.name}.new")
    new.write_text(text)
    os.replace(new, path)


def by_rename_from_elsewhere(path: Path, text: str) -> None:
    folder = path.parent / "elsewhere"
    folder.mkdir(exist_ok=True)
    (folder / "file").write_text(text)
    os.replace(folder / "file", path)


def as_vim_does(path: Path, text: str) -> None:
    backup = path.with_name(path.name + "~")
    os.replace(path, backup)
    path.write_text(text)
    backup.unlink()


def as_a_slow_writer(path: Path, text: str) -> None:
    """Truncates first, and writes piece by piece. Half a file is none that may be taken up, as long as it is open."""
    with path.open("w") as file:
        for start in range(0, len(text), 40):
            file.write(text[start : start + 40])
            file.flush()
            time.sleep(0.02)


def anew(path: Path, text: str) -> None:
    """It is not there for a while."""
    path.unlink()
    time.sleep(0.3)
    path.write_text(text)


WAYS = [in_place, by_rename, by_rename_from_elsewhere, as_vim_does, as_a_slow_writer, anew]


@pytest.mark.parametrize("way", WAYS)
@live("reload.watch")
def test_conf_file(proxy: ReloadableSheaf, way: Callable[[Path, str], None]) -> None:
    with RawWebSocket(proxy.port) as session:
        way(proxy.conf_file, proxy.text(fields(9)))
        nothing_happens(proxy)
        assert proxy.post()[0] == 200
        for most in (10, 11, 12):
            way(proxy.conf_file, proxy.text(fields(most)))
            comes_into_force(proxy, most)
            session.check_echo(b"%d" % most)
        assert proxy.failed == 0 or way is anew
        proxy.reload({"limits": {"max_fields": 13}})
        way(proxy.conf_file, proxy.text(fields(14)))
        nothing_happens(proxy)


def test_config_map(proxy: ReloadableSheaf) -> None:
    """As the kubelet swaps it: the link ..data is moved over, and the former folder goes."""
    folder = proxy.conf_file.parent / f"map-{proxy.port}"
    folder.mkdir()

    def swap(number: int) -> None:
        (folder / f"..{number}").mkdir()
        (folder / f"..{number}" / "conf").write_text(proxy.text(fields(number)))
        (folder / "..data_tmp").symlink_to(f"..{number}")
        os.replace(folder / "..data_tmp", folder / "..data")
        shutil.rmtree(folder / f"..{number - 1}", ignore_errors=True)

    swap(10)
    (folder / "conf").symlink_to("..data/conf")
    proxy.conf_file.unlink()
    proxy.conf_file.symlink_to(folder / "conf")
    assert proxy.post()[0] == 200
    for number in (11, 12, 13):
        swap(number)
        comes_into_force(proxy, number)
    assert proxy.failed == 0


def test_many_changes_in_a_moment_are_one(proxy: ReloadableSheaf) -> None:
    proxy.reload(WATCH)
    before = proxy.reloads
    for most in range(10, 40):
        proxy.put(fields(most))
        time.sleep(0.01)
    comes_into_force(proxy, 39)
    assert 1 <= proxy.reloads - before <= 3


def test_what_changes_nothing(proxy: ReloadableSheaf) -> None:
    """Reading, touching, other rights, other files beside it, and a writer that has not closed it yet."""
    proxy.reload(WATCH)
    path = proxy.conf_file
    path.read_text()
    path.touch()
    path.chmod(0o640)
    beside = path.with_name(path.name + ".swp")
    for name in (beside, path.with_name("other.conf"), path.with_name("4913")):
        name.write_text("broken [")
        name.unlink()
    nothing_happens(proxy)
    with path.open("a") as file:
        file.write("# a comment")
        file.flush()
        nothing_happens(proxy)
    wait_until(lambda: proxy.reloads == 2, SOON, "it is taken up when it is closed")


def test_bad_file_and_then_a_good_one(proxy: ReloadableSheaf) -> None:
    proxy.reload(fields(10))
    with RawWebSocket(proxy.port) as session:
        for number in range(2):
            proxy.conf_file.write_text("[limits]\nmax_fields = 'many'\n")
            wait_until(lambda n=number: proxy.failed == n + 1, SOON, "it is looked at, and refused")
            assert in_force(proxy, 10)
            assert len(proxy.wait_for_log(" error ", "reload failed", f"{proxy.conf_file}:2:14")) >= 1
            nothing_happens(proxy)
            proxy.put(fields(10))
            wait_until(lambda n=number: proxy.reloads == n + 2, SOON, "the right one is taken up")
            session.check_echo(b"still here")


# ---- files that it names


def replace_links(files: Files, number: int) -> None:
    """As certbot does: archive/ has each version, and the links in live/ are made anew."""
    for place, source in ((files.certificate, files.pairs[number].certificate), (files.key, files.pairs[number].key)):
        kept = place.parent / "archive" / f"{number}-{place.name}"
        kept.parent.mkdir(exist_ok=True)
        shutil.copy(source, kept)
        place.unlink()
        place.symlink_to(kept)


@pytest.mark.parametrize("way", ["in place", "links"])
@pytest.mark.parametrize("own", [False, True], ids=["listen", "listener"])
def test_certificates(
    make_reloadable, backend: Backend, tmp_path: Path, authority: Authority, client_tls: ssl.SSLContext, way: str,
    own: bool,
) -> None:
    files = Files(tmp_path, authority, 4)
    proxy: ReloadableSheaf = make_reloadable(backend.url, WATCH)
    conf: Conf = files.conf
    if own:
        table = {"address": f"127.0.0.1:{proxy.port}", **conf["listen"]}
        conf = {"listen": {"address": f"unix:{tmp_path}/plain.sock"}, "listener": [table]}
    proxy.reload(conf)
    for number in range(1, 4):
        if way == "links":
            replace_links(files, number)
        else:
            files.put(files.pairs[number])
        wait_until(lambda n=number: serial_at(proxy.port, client_tls) == files.serials[n], SOON, "the new one is shown")
    assert proxy.failed == 0


def test_half_of_a_pair_is_waited_for(
    make_reloadable, backend: Backend, tmp_path: Path, authority: Authority, client_tls: ssl.SSLContext
) -> None:
    files = Files(tmp_path, authority)
    proxy: ReloadableSheaf = make_reloadable(backend.url, merged(WATCH, files.conf))
    shutil.copy(files.pairs[1].certificate, files.certificate)
    time.sleep(2)
    assert serial_at(proxy.port, client_tls) == files.serials[0]
    assert (proxy.reloads, proxy.failed) == (0, 0), "it has not waited for the key"
    assert proxy.admin("/readyz")[0] == 200
    shutil.copy(files.pairs[1].key, files.key)
    wait_until(lambda: serial_at(proxy.port, client_tls) == files.serials[1], SOON, "the new pair is in force")
    assert (proxy.reloads >= 1, proxy.failed) == (True, 0)


def test_half_of_a_pair_is_not_waited_for_for_ever(
    make_reloadable, backend: Backend, tmp_path: Path, authority: Authority, client_tls: ssl.SSLContext
) -> None:
    files = Files(tmp_path, authority)
    proxy: ReloadableSheaf = make_reloadable(backend.url, merged(WATCH, files.conf))
    shutil.copy(files.pairs[1].key, files.key)
    began = time.monotonic()
    wait_until(lambda: proxy.failed == 1, 9, "it is given up")
    assert 4 <= time.monotonic() - began <= 8
    assert proxy.wait_for_log(" error ", "reload failed", str(files.key))
    assert serial_at(proxy.port, client_tls) == files.serials[0]
    shutil.copy(files.pairs[1].certificate, files.certificate)
    wait_until(lambda: serial_at(proxy.port, client_tls) == files.serials[1], SOON, "the whole pair is taken up")


def test_nobody_else_waits_for_the_other_half(
    make_reloadable, backend: Backend, tmp_path: Path, authority: Authority
) -> None:
    """While the watch waits for the key, a POST is answered at once, a file that needs no key is taken up, and a
    SIGTERM ends the process."""
    files = Files(tmp_path, authority)
    proxy: ReloadableSheaf = make_reloadable(backend.url, merged(WATCH, files.conf))
    shutil.copy(files.pairs[1].certificate, files.certificate)
    time.sleep(LONG)
    began = time.monotonic()
    assert proxy.post()[0] == 422
    proxy.reload({"listen": {"tls_certificate": "", "tls_key": ""}})
    assert time.monotonic() - began < 1
    assert get(proxy.port, "/page").status == 200
    proxy.put()
    time.sleep(LONG)
    proxy.signal()
    assert proxy.wait(3) == 0


def test_token_file(make_reloadable, backend: Backend, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first")
    proxy: ReloadableSheaf = make_reloadable(backend.url, WATCH)
    proxy.reload({"admin": {"token": None, "token_file": str(file)}})
    for token in ("first", "second", "third"):
        file.write_text(token)
        proxy.token = token
        wait_until(lambda: proxy.admin("/metrics")[0] == 200, SOON, "the new token is in force")


def test_authority_of_the_backend(
    folder: Path, make_reloadable, make_backend, tmp_path: Path, authority: Authority, certificate
) -> None:
    trusted = tmp_path / "ca.pem"
    elsewhere = tmp_path / "other"
    elsewhere.mkdir()
    shutil.copy(Authority(elsewhere).certificate, trusted)
    tls_backend: Backend = make_backend(tls=certificate)
    conf = merged(WATCH, {"upstream": {"tls_ca": str(trusted)}, "pool": {"min_size": 0}})
    proxy: ReloadableSheaf = make_reloadable(tls_backend.url, conf, ready="/livez")
    assert get(proxy.port, "/page").status in (502, 503)
    shutil.copy(authority.certificate, trusted)
    wait_until(lambda: get(proxy.port, "/page").status == 200, SOON + 2, "the new authority is trusted")
