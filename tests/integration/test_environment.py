"""Issue 11, line 11: what stands in the environment of containers without anybody's doing stops nothing; a slip does."""

from __future__ import annotations

import os
import re
import subprocess

import pytest

from harness.backend import Backend
from harness.raw import get
from harness.sheaf import BINARY


def links(service: str) -> dict[str, str]:
    """What the kubelet sets in each pod for a Service of that name with one port called http."""
    name, address = service.upper().replace("-", "_"), "10.96.0.11"
    port = f"{name}_PORT_8080_TCP"
    return {
        f"{name}_SERVICE_HOST": address,
        f"{name}_SERVICE_PORT": "8080",
        f"{name}_SERVICE_PORT_HTTP": "8080",
        f"{name}_PORT": f"tcp://{address}:8080",
        port: f"tcp://{address}:8080",
        f"{port}_PROTO": "tcp",
        f"{port}_PORT": "8080",
        f"{port}_ADDR": address,
    }


def check(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    ours = {key: value for key, value in os.environ.items() if not key.startswith("SHEAF_")}
    return subprocess.run(
        [str(BINARY), *(arguments or ("-t",))],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
        env={**ours, **environment},
    )


def value_in_force(environment: dict[str, str], section: str, key: str) -> str:
    done = check(environment, "--dump-config")
    assert done.returncode == 0, done.stderr
    body = done.stdout.split(f"[{section}]", 1)[1]
    found = re.search(rf"^{key} = (.*?)(  # .*)?$", body, re.MULTILINE)
    assert found, done.stdout
    return found[1]


def test_service_links_are_ignored_with_one_debug_line(make_sheaf, backend: Backend) -> None:
    environment = links("sheaf") | links("sheaf-admin") | links("sheaf-x")
    proxy = make_sheaf(backend.url, {"log": {"level": "debug"}}, environment=environment)
    assert get(proxy.port, "/page").status == 200
    told = [line for line in proxy.log().splitlines() if "SERVICE_HOST" in line]
    assert len(told) == 1 and " debug " in told[0], "\n".join(told)
    assert all(name in told[0] for name in environment), told[0]
    assert "10.96.0.11" not in proxy.log(), "the values are nobody's affair"


def test_service_links_are_not_told_as_shipped(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url, environment=links("sheaf-admin"))
    assert get(proxy.port, "/page").status == 200
    proxy.wait_for_log("access")
    assert "SERVICE_HOST" not in proxy.log()


def test_misspelt_variable_is_an_error_with_a_suggestion() -> None:
    done = check({"SHEAF_POL_MIN_SIZE": "3", **links("sheaf-pol")})
    assert done.returncode == 1
    assert "SHEAF_POL_MIN_SIZE" in done.stderr and "did you mean SHEAF_POOL_MIN_SIZE?" in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr


def test_variable_of_somebody_else_is_told_by_name_and_stops_nothing(make_sheaf, backend: Backend) -> None:
    proxy = make_sheaf(backend.url, environment={"SHEAF_VERSION": "s3cr3t"})
    assert proxy.wait_for_log(" info ", "SHEAF_VERSION")
    assert "s3cr3t" not in proxy.log()


def test_empty_variable_is_as_if_unset() -> None:
    empty = {"SHEAF_POOL_MIN_SIZE": "", "SHEAF_LOG_LEVEL": "", "SHEAF_ADMIN_ADDRESS": "", "SHEAF_POL_MIN_SIZE": ""}
    assert check(empty).returncode == 0
    assert value_in_force(empty, "admin", "address") == '"127.0.0.1:9901"'


@pytest.mark.parametrize(
    "section,key,text,meant",
    [
        ("log", "level", "warn", '"warning"'),
        ("log", "level", "INFO", '"info"'),
        ("log", "format", "JSON", '"json"'),
        ("log", "access", "False", "false"),
        ("upstream", "tls_verify", "True", "true"),
        ("memory", "limit", "256Mi", '"256MiB"'),
        ("limits", "max_body", "1Gi", '"1GiB"'),
        ("forwarded", "trusted_proxies", "10.0.0.0/8, ::1", '["10.0.0.0/8", "::1"]'),
        ("pool", "max_size", " 20\n", "20"),
    ],
)
def test_values_are_taken_as_they_are_meant(section: str, key: str, text: str, meant: str) -> None:
    assert value_in_force({f"SHEAF_{section.upper()}_{key.upper()}": text}, section, key) == meant
    done = check({}, "--dump-config", "--set", f"{section}.{key}={text}")
    assert done.returncode == 0, done.stderr
    assert f"{key} = {meant}" in done.stdout
