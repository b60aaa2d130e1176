"""Whether docker/compose.yaml keeps the compose schema and what it promises: images that are pinned, containers that may
nothing, Sheaf asking where the application listens, nothing killed before it could end by itself, and files that are there and
name each other rightly. tests/integration/test_compose.py runs its services as processes.
Usage: check_compose.py BINARY"""

from __future__ import annotations

import pathlib
import re
import subprocess
import sys
import tempfile
import tomllib
from typing import Any

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent
DOCKER = ROOT / "docker"
FILE = DOCKER / "compose.yaml"
PROCESSES = 4
# What the host publishes to everybody; all else is for this host alone.
PUBLIC = {"8080:8080"}
failures: list[str] = []


def expect(condition: bool, sentence: str) -> None:
    if not condition:
        failures.append(sentence)


def after(words: list[str], flag: str) -> str:
    """The word behind a flag; empty where there is none."""
    return words[words.index(flag) + 1] if flag in words else ""


def seconds(text: str) -> float:
    """Of "15s"."""
    return float(text.removesuffix("s"))


def target(service: dict[str, Any], source: str) -> str:
    """Where the service has a volume; empty where it has not."""
    found = [volume.split(":")[1] for volume in service["volumes"] if volume.split(":")[0] == source]
    return found[0] if found else ""


def check_schema() -> None:
    program = pathlib.Path(sys.executable).with_name("check-jsonschema")
    command = [str(program), "--builtin-schema", "vendor.compose-spec", str(FILE)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    expect(checked.returncode == 0, f"the compose schema: {checked.stdout}{checked.stderr}")


def check_container(name: str, service: dict[str, Any]) -> None:
    """What holds for each service."""
    pinned = re.fullmatch(r"[\w./-]+:v?[\d.]+@sha256:[0-9a-f]{64}", service["image"])
    expect("build" in service or pinned is not None, f"{name}: its image is not pinned")
    expect(service.get("read_only") is True and service.get("cap_drop") == ["ALL"], f"{name}: it may write, or has capabilities")
    expect(service.get("security_opt") == ["no-new-privileges:true"], f"{name}: it could get privileges")
    ports = set(service.get("ports", []))
    expect(all(port.startswith("127.0.0.1:") for port in ports - PUBLIC), f"{name}: {ports} are for everybody")
    # Sheaf's image brings its own.
    expect("healthcheck" in service or name == "sheaf", f"{name}: nothing tells whether it is healthy")
    for volume in service["volumes"]:
        source = volume.split(":")[0]
        expect(not source.startswith(".") or (DOCKER / source).exists(), f"{name}: {source} is not there")
        expect(not source.startswith(".") or volume.endswith(":ro"), f"{name}: it could write to {source}")


def options(binary: str, conf: pathlib.Path) -> dict[str, Any]:
    """What Sheaf makes of its conf file, with a token file that is here."""
    with tempfile.NamedTemporaryFile("w") as token:
        token.write("token\n")
        token.flush()
        command = [binary, "-c", str(conf), "--set", f"admin.token_file={token.name}", "--dump-config"]
        dumped = subprocess.run(command, capture_output=True, text=True, check=False, env={})
    expect(dumped.returncode == 0, f"sheaf refuses {conf}: {dumped.stdout}{dumped.stderr}")
    return tomllib.loads(dumped.stdout)


def check_sheaf(binary: str, services: dict[str, Any]) -> None:
    sheaf = services["sheaf"]
    applications = {name: one for name, one in services.items() if name.startswith("app")}
    conf = options(binary, DOCKER / "compose/sheaf.conf")
    expect(target(sheaf, "./compose") == "/etc/sheaf", "sheaf: its conf file is not where its image looks")
    expect(len(applications) == PROCESSES, f"there are {list(applications)}")
    asked = conf["upstream"]["urls"]
    expect(asked == [f"unix:{after(one['command'], '--uds')}" for one in applications.values()],
           "sheaf does not ask where the application listens")  # fmt: skip
    expect([f"app{pathlib.PurePosixPath(url).stem}" for url in asked] == list(applications),
           "rolling_restart.sh would restart another service than it has drained")  # fmt: skip
    expect(set(sheaf["depends_on"]) == set(applications), "sheaf does not end before the application")
    drain = conf["drain"]
    expect(seconds(sheaf["stop_grace_period"]) > seconds(drain["delay"]) + seconds(drain["timeout"]), "sheaf is killed too early")
    for name, one in applications.items():
        expect(after(one["command"], "--forwarded-allow-ips") == "*", f"{name} does not believe Sheaf")
        expect(after(one["command"], "--uds") in one["healthcheck"]["test"][-1], f"{name} is not what is checked")
        grace = int(after(one["command"], "--timeout-graceful-shutdown"))
        expect(seconds(one["stop_grace_period"]) > grace, f"{name} is killed too early")
        expect(target(one, "sockets") == target(sheaf, "sockets") != "", f"{name} does not share the sockets with Sheaf")


def check_monitoring(services: dict[str, Any]) -> None:
    """Prometheus gets at Sheaf with the token, Grafana at Prometheus, and finds its dashboard."""
    config = yaml.safe_load((DOCKER / "monitoring/prometheus/prometheus.yml").read_text())
    jobs = {job["job_name"]: job for job in config["scrape_configs"]}
    expect(jobs["sheaf"]["static_configs"] == [{"targets": ["sheaf:9901"]}], "prometheus does not look at sheaf:9901")
    secret = jobs["sheaf"]["authorization"]["credentials_file"]
    for name in ("sheaf", "prometheus"):
        expect(f"/run/secrets/{services[name]['secrets'][0]}" == secret, f"{name}: its token is not {secret}")
    folder = DOCKER / "monitoring/grafana/provisioning"
    source = yaml.safe_load((folder / "datasources/prometheus.yml").read_text())["datasources"][0]
    expect(source["url"] == "http://prometheus:9090", f"grafana asks {source['url']}")
    grafana = services["grafana"]
    expect(target(grafana, "./monitoring/grafana/provisioning") == "/etc/grafana/provisioning", "grafana is not provisioned")
    provider = yaml.safe_load((folder / "dashboards/sheaf.yml").read_text())["providers"][0]
    dashboard = pathlib.PurePosixPath(target(grafana, "./monitoring/grafana/sheaf.json"))
    expect(str(dashboard.parent) == provider["options"]["path"], f"grafana does not look for {dashboard}")


if __name__ == "__main__":
    check_schema()
    declared: dict[str, Any] = yaml.safe_load(FILE.read_text())["services"]
    for service_name, declaration in declared.items():
        check_container(service_name, declaration)
    check_sheaf(sys.argv[1], declared)
    check_monitoring(declared)
    for failure in failures:
        print("FAILED:", failure, file=sys.stderr)
    if not failures:
        print("docker/compose.yaml keeps the compose schema, and agrees with what it mounts")
    sys.exit(1 if failures else 0)
