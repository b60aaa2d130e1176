"""GET /config: the options in force with where they came from, and no secret."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from harness.backend import Backend
from harness.certificates import Pair
from harness.reloading import ReloadableSheaf, options_of
from harness.sheaf import Sheaf


def config(proxy: Sheaf) -> dict[str, Any]:
    status, body = proxy.admin("/config")
    assert status == 200, body
    return json.loads(body)


def named(options: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in options}


def test_every_option_with_its_source(make_sheaf, backend: Backend) -> None:
    proxy: Sheaf = make_sheaf(
        backend.url,
        {"limits": {"max_head": "32KiB"}},
        environment={"SHEAF_POOL_MAX_SIZE": "77"},
        arguments=["--set", "log.access=false"],
    )
    told = config(proxy)
    options = named(told["options"])
    assert {name: one["reload"] for name, one in options.items()} == options_of()
    assert (options["limits.max_head"]["value"], options["limits.max_head"]["source"]) == ("32KiB", "file")
    assert (options["pool.max_size"]["value"], options["pool.max_size"]["source"]) == (77, "environment")
    assert (options["log.access"]["value"], options["log.access"]["source"]) == (False, "command line")
    assert (options["pool.stale_timeout"]["value"], options["pool.stale_timeout"]["source"]) == ("5m", "default")
    assert (told["file"], told["generation"]) == (str(proxy.conf_file), 1)
    assert told["sha256"] == hashlib.sha256(proxy.conf_file.read_bytes()).hexdigest()
    assert 0 <= told["age_seconds"] < 60


def test_it_is_what_is_in_force(make_reloadable, backend: Backend) -> None:
    """After a reload, after one that failed, and of an option that a restart alone takes up."""
    proxy: ReloadableSheaf = make_reloadable(backend.url, {"workers": 2})
    proxy.reload({"limits": {"max_fields": 123}, "workers": 3})
    told = config(proxy)
    options = named(told["options"])
    assert told["generation"] == 2
    assert (options["limits.max_fields"]["value"], options["limits.max_fields"]["source"]) == (123, "file")
    assert (options["workers"]["value"], options["workers"]["reload"]) == (2, "restart")
    proxy.refuse({"limits": {"max_fields": "many"}})
    after = config(proxy)
    assert (after["options"], after["sha256"], after["generation"]) == (told["options"], told["sha256"], 2)
    assert after["age_seconds"] >= told["age_seconds"]


def test_source_of_what_needs_a_restart_is_that_of_the_value_in_force(make_reloadable, backend: Backend) -> None:
    proxy: ReloadableSheaf = make_reloadable(backend.url, {"workers": None}, environment={"SHEAF_WORKERS": "2"})
    proxy.reload({"workers": 3})
    workers = named(config(proxy)["options"])["workers"]
    assert (workers["value"], workers["source"]) == (2, "environment")


def test_routes_backends_and_listeners(make_sheaf, backend: Backend) -> None:
    conf = {
        "backend": [{"name": "api", "urls": [backend.url], "balance": "hash"}],
        "batching": {"delivery": "offer"},
    }
    routes = [{"path": "/api", "backend": "api", "size": 7, "critical": [{"event": "alert"}]}]
    proxy: Sheaf = make_sheaf(backend.url, conf, routes)
    told = config(proxy)
    api = next(one for one in told["routes"] if one["path"] == "/api")
    assert (api["backend"], api["critical"], api["conflate"]) == ("api", ["alert"], [])
    keys = named(api["options"])
    assert (keys["size"]["value"], keys["size"]["source"]) == (7, "file")
    assert (keys["delivery"]["value"], keys["delivery"]["source"]) == ("offer", "inherited")
    default, other = told["backends"]
    assert (default["name"], default["urls"], other["name"]) == ("default", [backend.url], "api")
    balances = [named(one["options"])["balance"] for one in (default, other)]
    assert [(one["value"], one["source"]) for one in balances] == [("least_sessions", "inherited"), ("hash", "file")]
    (listener,) = told["listeners"]
    assert listener["address"] == f"127.0.0.1:{proxy.port}"
    assert named(listener["options"])["proxy_protocol"]["value"] == "off"


def test_no_secret_is_told(make_sheaf, folder: Path, backend: Backend, certificate: Pair) -> None:
    """Not the tokens, not those in files; the paths of files are no secrets."""
    secrets = {name: f"{name}-s3cr3t-that-nobody-sees" for name in ("admin", "upstream", "mounted", "own")}
    mounted = folder / "mounted-token"
    mounted.write_text(secrets["mounted"])
    conf = {
        "admin": {"token": secrets["admin"]},
        "upstream": {"url": backend.url, "token": secrets["upstream"]},
        "backend": [
            {"name": "first", "urls": [backend.url], "token": secrets["own"]},
            {"name": "second", "urls": [backend.url], "token_file": str(mounted)},
        ],
        "listen": {"tls_certificate": str(certificate.certificate), "tls_key": str(certificate.key)},
    }
    proxy: Sheaf = make_sheaf(backend.url, conf)
    assert proxy.admin("/config")[0] == 401
    bearer = {"Authorization": f"Bearer {secrets['admin']}"}
    status, body = proxy.admin("/config", headers=bearer)
    assert status == 200
    told = json.loads(body)
    assert not [name for name, secret in secrets.items() if secret in body]
    assert str(certificate.key) in body and str(mounted) in body
    options = named(told["options"])
    assert options["admin.token"]["value"] == options["upstream.token"]["value"] == "hidden"
    assert [named(one["options"])["token"]["value"] for one in told["backends"]] == ["hidden"] * 3
    for path in ("/routes", "/pools", "/events"):
        text = proxy.admin(path, headers=bearer)[1]
        assert not [name for name, secret in secrets.items() if secret in text]


def test_token_of_a_file_is_hidden_too(make_sheaf, folder: Path, backend: Backend) -> None:
    file = folder / "admin-token"
    file.write_text("t0ken-in-a-file\n")
    proxy: Sheaf = make_sheaf(backend.url, {"admin": {"token_file": str(file)}})
    body = proxy.admin("/config", headers={"Authorization": "Bearer t0ken-in-a-file"})[1]
    assert "t0ken-in-a-file" not in body
    options = named(json.loads(body)["options"])
    assert (options["admin.token"]["value"], options["admin.token"]["source"]) == ("hidden", "default")
    assert options["admin.token_file"] == {
        "name": "admin.token_file",
        "value": str(file),
        "source": "file",
        "reload": "live",
    }


def test_bytes_that_are_no_text(make_sheaf, backend: Backend) -> None:
    """A variable of the environment may have any."""
    proxy: Sheaf = make_sheaf(backend.url, environment={"SHEAF_LOG_QUERY_SHOWN": "caf\udce9"})
    status, body = proxy.admin("/config")
    assert status == 200 and named(json.loads(body)["options"])["log.query_shown"]["value"] == ["caf\ufffd"]
