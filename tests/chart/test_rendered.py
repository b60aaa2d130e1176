"""What the chart renders, for each file of values/ with both versions of helm, keeps the rules of tests/kubernetes."""

from __future__ import annotations

import os
import pathlib
import subprocess
import tomllib
from typing import Any

import pytest
import yaml

from kubernetes import conf as understood
from kubernetes import rules
from kubernetes.render import ROOT, Document

from . import helm

BINARY = os.environ["SHEAF_BINARY"]
VALUES = sorted((pathlib.Path(__file__).parent / "values").glob("*.yaml"))
EVERY_KIND = next(path for path in VALUES if path.stem == "every_kind_of_value")
NOT_ON_THEIR_SOCKETS = {EVERY_KIND, EVERY_KIND.with_stem("tcp")}
"""Values whose conf files name backends elsewhere; the rules want the application on sockets."""
by_values = pytest.mark.parametrize("values", VALUES, ids=lambda path: path.stem)
by_sound_values = pytest.mark.parametrize("values", sorted({*VALUES} - NOT_ON_THEIR_SOCKETS), ids=lambda path: path.stem)


def of_kind(documents: list[Document], kind: str) -> Document:
    return next(document for document in documents if document["kind"] == kind)


def conf(documents: list[Document]) -> str:
    text: str = of_kind(documents, "ConfigMap")["data"]["sheaf.conf"]
    return text


def with_certificate(values: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    """The values with the folder in the place of the Secret's mount, where sheaf -t then finds tls.crt and tls.key."""
    request = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    files = ["-subj", "/CN=quotes", "-keyout", str(folder / "tls.key"), "-out", str(folder / "tls.crt")]
    subprocess.run([*request, *files], check=True, capture_output=True)
    copy = folder / "values.yaml"
    copy.write_text(values.read_text().replace("/etc/sheaf-tls", str(folder)))
    return copy


@by_sound_values
def test_rendered_documents_are_sound(values: pathlib.Path, tmp_path: pathlib.Path) -> None:
    if "/etc/sheaf-tls" in values.read_text():
        values = with_certificate(values, tmp_path)
    assert rules.violations(helm.template("-f", str(values)), BINARY) == []


def test_sheaf_takes_every_kind_of_value() -> None:
    text = conf(helm.template("-f", str(EVERY_KIND)))
    options = understood.options(BINARY, text, {})
    assert options["limits"]["max_fragments"] == 4000000000
    assert {"/socket.io", "/ws"} < {route["path"] for route in options["route"]}


@by_values
def test_both_versions_of_helm_render_the_same(values: pathlib.Path) -> None:
    first, second = (helm.template("-f", str(values), program=program) for program in helm.VERSIONS.values())
    assert helm.steady(first) == helm.steady(second)


@pytest.mark.parametrize("version", helm.VERSIONS)
@pytest.mark.parametrize("name", ["defaults", "production", "processes_classic"])
def test_helm_lints_it_strictly(name: str, version: str) -> None:
    values = EVERY_KIND.with_stem(name)
    helm.run(helm.VERSIONS[version], "lint", "--strict", "--quiet", str(helm.CHART), "-f", str(values))


@pytest.mark.parametrize("name", ["every_kind_of_value", "production"])
def test_conf_file_says_what_the_values_say(name: str) -> None:
    values = EVERY_KIND.with_stem(name)
    wanted = yaml.safe_load(values.read_text())["config"]

    def without_nulls(value: Any) -> Any:
        return {key: without_nulls(one) for key, one in value.items() if one is not None} if isinstance(value, dict) else value

    got = tomllib.loads(conf(helm.template("-f", str(values))))
    for section, value in without_nulls(wanted).items():
        assert (got[section] | value if isinstance(value, dict) else value) == got[section]
    assert "format" not in got["log"] or name != "every_kind_of_value"


@pytest.mark.parametrize("path", sorted((ROOT / "conf").glob("*.conf")), ids=lambda path: path.stem)
def test_conf_files_of_the_project_go_through_the_values(path: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """sheaf.conf among them, which has every option: the schema takes each, and what is rendered says the same."""
    config = tomllib.loads(path.read_text())
    for section, key, value in (("admin", "address", ":9901"), ("listen", "address", ":8080"), ("reload", "watch", True)):
        config.setdefault(section, {})[key] = value
    values = tmp_path / "values.yaml"
    values.write_text(yaml.safe_dump({"app": {"image": "quotes-app:1.0", "env": {"UVICORN_UDS": None}}, "config": config}))
    got = tomllib.loads(conf(helm.template("-f", str(values))))
    for section, wanted in config.items():
        assert (got[section] | wanted if isinstance(wanted, dict) else wanted) == got[section]


def test_a_raw_conf_file_is_kept_to_the_letter() -> None:
    values = EVERY_KIND.with_stem("raw")
    wanted = yaml.safe_load(values.read_text())["rawConfig"]
    assert conf(helm.template("-f", str(values))).strip() == wanted.strip()


def test_a_changed_conf_file_restarts_pods_only_where_that_is_asked_for() -> None:
    def pod(*arguments: str) -> Any:
        return of_kind(helm.template("--set", "app.image=quotes-app:1.0", *arguments), "Deployment")["spec"]["template"]

    changed = ("--set", "config.log.level=debug")
    restart = ("--set", "restartOnConfigChange=true")
    assert pod() == pod(*changed)
    assert pod(*restart) != pod(*restart, *changed)


ON_SOCKETS, TCP = "app.env.UVICORN_UDS=null", "config.upstream.url=http://127.0.0.1:8000"
DOWNWARD = "limitsFromDownwardAPI=true"


@pytest.mark.parametrize(
    ("values", "changed"),
    [
        ("replicas=1", "config.drain.timeout=20s"),
        (ON_SOCKETS, TCP),
        (DOWNWARD, "config.workers=3"),
        (DOWNWARD, "config.memory.limit=100MiB"),
    ],
)
def test_pods_are_made_of_these_options(values: str, changed: str) -> None:
    """What the README excepts from what it says of changes."""

    def pod(given: str) -> Any:
        return of_kind(helm.template("--set", f"app.image=quotes-app:1.0,{given}"), "Deployment")["spec"]["template"]

    assert pod(values) != pod(f"{values},{changed}")


def probes(values: str) -> tuple[Any, Any]:
    """The startup and the liveness probe of the application; "none" of what it does not have."""
    documents = helm.template("--set", f"app.image=quotes-app:1.0,{values}")
    (app,) = of_kind(documents, "Deployment")["spec"]["template"]["spec"]["containers"]
    return app.get("startupProbe", "none"), app.get("livenessProbe", "none")


def test_application_is_asked_over_the_socket_only_where_it_is_on_it() -> None:
    for probe in probes("replicas=1"):
        assert 'app.connect("/run/app/app.sock")' in probe["exec"]["command"][-1]
    over_tcp = f"{ON_SOCKETS},{TCP}"
    assert probes(over_tcp) == ("none", "none")
    for probe in probes(f"{over_tcp},app.livenessProbe.exec.command={{alive}}"):
        assert probe["exec"]["command"] == ["alive"]
    for probe in probes(f"{over_tcp},app.livenessProbe.httpGet.path=/health,app.livenessProbe.httpGet.port=8000"):
        assert probe["httpGet"] == {"path": "/health", "port": 8000} and "exec" not in probe


def test_startup_probe_gives_ten_minutes_to_what_the_liveness_probe_asks() -> None:
    startup, liveness = probes("replicas=1")
    assert startup == {"exec": liveness["exec"], "periodSeconds": 5, "timeoutSeconds": 5, "failureThreshold": 120}
    assert "initialDelaySeconds" not in liveness
    assert probes("app.startupProbe=null") == ("none", liveness)
    assert probes("app.livenessProbe=null") == ("none", "none")
    own, kept = probes("app.startupProbe.exec.command={warm,{socket\\}}")
    assert own["exec"]["command"] == ["warm", "/run/app/app.sock"] and kept == liveness
    assert probes("app.startupProbe.exec.command={warm},app.livenessProbe=null")[0]["exec"]["command"] == ["warm"]


def test_balancer_may_be_kept_to_the_nodes_with_pods() -> None:
    def service(values: str) -> Any:
        return of_kind(helm.template("--set", f"app.image=quotes-app:1.0,{values}"), "Service")["spec"]

    assert service("service.type=LoadBalancer,service.externalTrafficPolicy=Local")["externalTrafficPolicy"] == "Local"
    assert "externalTrafficPolicy" not in service("service.type=LoadBalancer")


def test_without_a_secret_of_the_users_the_chart_makes_one() -> None:
    documents = helm.template("--set", "app.image=quotes-app:1.0")
    variables = of_kind(documents, "Deployment")["spec"]["template"]["spec"]["initContainers"][-1]["env"]
    secret = of_kind(documents, "Secret")
    assert variables[0]["valueFrom"]["secretKeyRef"] == {"name": secret["metadata"]["name"], "key": "token"}
    assert len(secret["data"]["token"]) == 64
    given = helm.template("--set", "app.image=quotes-app:1.0", "--set", "adminToken.existingSecret=mine")
    assert not [document for document in given if document["kind"] == "Secret"]
