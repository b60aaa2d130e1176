"""Whether the manifests in docker/k8s keep what they promise: a conf file that Sheaf accepts, and a pod that starts and ends
in the right order. Usage: check_sidecar.py BINARY"""

from __future__ import annotations

import pathlib
import re
import subprocess
import sys
import tempfile
from typing import Any

import yaml

ROOT = pathlib.Path(__file__).parent.parent
MANIFESTS = {"docker/k8s/sidecar.yaml": 1, "docker/k8s/processes.yaml": 4}
"""By manifest how many containers the application has."""
manifest = ""
failures: list[str] = []


def expect(condition: bool, sentence: str) -> None:
    if not condition:
        failures.append(f"{manifest}: {sentence}")


def effective_options(binary: str, conf: str) -> dict[str, str]:
    """The options as Sheaf understands the conf file; empty when it does not accept it."""
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
        file.write(conf)
        file.flush()
        checked = subprocess.run([binary, "-t", "-c", file.name], env={}, capture_output=True, text=True, check=False)
        expect(checked.returncode == 0, f"sheaf -t refuses the ConfigMap's conf file: {checked.stdout}{checked.stderr}")
        dumped = subprocess.run([binary, "--dump-config", "-c", file.name], env={}, capture_output=True, text=True, check=False)
    options, section = {}, ""
    for line in dumped.stdout.splitlines():
        if heading := re.match(r"\[([a-z_]+)\]", line):
            section = heading[1] + "."
        elif option := re.match(r'([a-z_]+) = (\[[^]]*\]|"[^"]*"|[^"#]*)', line):
            options[section + option[1]] = option[2].strip().strip('"')
    return options


def seconds(text: str) -> float:
    number, unit = re.fullmatch(r"(\d+)(ms|s|m|h)", text).groups()
    return int(number) * {"ms": 0.001, "s": 1, "m": 60, "h": 3600}[unit]


def port_of(address: str) -> int:
    return int(address.rsplit(":", 1)[1])


def check_container(container: dict[str, Any]) -> None:
    name, security = container["name"], container.get("securityContext", {})
    expect(security.get("readOnlyRootFilesystem") is True, f"{name}: the root file system is writable")
    expect(security.get("allowPrivilegeEscalation") is False, f"{name}: may gain privileges")
    expect(security.get("capabilities", {}).get("drop") == ["ALL"], f"{name}: keeps capabilities")
    expect(security.get("runAsUser", 0) > 0, f"{name}: runs as root")
    resources = container.get("resources", {})
    expect("memory" in resources.get("limits", {}), f"{name}: has no memory limit")
    expect({"cpu", "memory"} <= resources.get("requests", {}).keys(), f"{name}: requests no resources")


def check_probes(sheaf: dict[str, Any], options: dict[str, str]) -> None:
    admin = options.get("admin.address", "127.0.0.1:0")
    for probe, path in (("startupProbe", "/startupz"), ("readinessProbe", "/readyz"), ("livenessProbe", "/livez")):
        asked = sheaf.get(probe, {}).get("httpGet", {})
        expect(asked.get("path") == path, f"{probe} does not ask for {path}")
        expect(asked.get("port") == port_of(admin), f"{probe} does not ask the port of admin.address")
    expect(not admin.startswith(("127.", "localhost", "[::1]")), "the kubelet cannot reach admin.address")
    token = [one for one in sheaf.get("env", []) if one["name"] == "SHEAF_ADMIN_TOKEN"]
    expect(len(token) == 1 and "secretKeyRef" in token[0].get("valueFrom", {}), "the admin listener is open without a token")


def check_ending(pod: dict[str, Any], app: dict[str, Any], options: dict[str, str]) -> None:
    grace = pod.get("terminationGracePeriodSeconds", 30)
    pause = app.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", [])
    expect(pause[:1] == ["sleep"], "the application has no preStop that waits for load balancers")
    shutdown = app["command"][app["command"].index("--timeout-graceful-shutdown") + 1]
    drain = max(seconds(options.get("drain.timeout", "0s")), seconds(options.get("drain.delay", "0s")))
    needed = float(pause[1]) + float(shutdown) + drain
    expect(drain > 0 and grace > needed, f"terminationGracePeriodSeconds is {grace}, but the way out takes {needed} s")


def check_sockets(sheaf: dict[str, Any], apps: list[dict[str, Any]], volumes: dict[str, Any], urls: list[str]) -> None:
    paths = [pathlib.PurePosixPath(app["command"][app["command"].index("--uds") + 1]) for app in apps]
    expect(urls == [f"unix:{path}" for path in paths], f"Sheaf does not ask where the application listens: {urls}, {paths}")
    for app in apps:
        trusted = app["command"].index("--forwarded-allow-ips") if "--forwarded-allow-ips" in app["command"] else -1
        expect(trusted >= 0 and app["command"][trusted + 1] == "*", "the application does not believe Sheaf's X-Forwarded-*")
    folder = str(paths[0].parent)
    shared = [{mount["name"] for mount in one["volumeMounts"] if mount["mountPath"] == folder} for one in (sheaf, *apps)]
    expect(all(one == shared[0] and len(one) == 1 for one in shared), "the containers do not share the sockets' folder")
    expect(all("emptyDir" in volumes[name] for name in shared[0]), "the sockets' folder is no emptyDir")


def check(binary: str, containers: int) -> None:
    documents = list(yaml.safe_load_all((ROOT / manifest).read_text()))
    kinds = {document["kind"]: document for document in documents}
    expect(set(kinds) == {"ConfigMap", "Deployment", "Service"} and len(documents) == 3, f"unexpected kinds: {list(kinds)}")
    for document in documents:
        expect("namespace" not in document["metadata"], f"{document['kind']} names a namespace")
    options = effective_options(binary, kinds["ConfigMap"]["data"]["sheaf.conf"])
    expect("drain.timeout" in options, "sheaf --dump-config does not tell drain.timeout")

    deployment = kinds["Deployment"]["spec"]
    pod = deployment["template"]["spec"]
    labels = deployment["template"]["metadata"]["labels"]
    sheaf, apps = pod["initContainers"][0], pod["containers"]
    expect(len({app["name"] for app in apps}) == containers, f"there are not {containers} containers of the application")
    expect(deployment["selector"]["matchLabels"].items() <= labels.items(), "the Deployment does not select its own pods")
    expect(sheaf.get("restartPolicy") == "Always", "Sheaf is an init container that would have to end, not a sidecar")
    expect(pod.get("securityContext", {}).get("runAsNonRoot") is True, "the pod may run as root")
    expect(pod.get("enableServiceLinks") is False, "a Service named sheaf-admin would set variables that Sheaf refuses")
    for container in (sheaf, *apps):
        check_container(container)
    check_probes(sheaf, options)
    for app in apps:
        check_ending(pod, app, options)

    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    conf = next(mount for mount in sheaf["volumeMounts"] if mount["mountPath"] == "/etc/sheaf")
    expect(volumes[conf["name"]]["configMap"]["name"] == kinds["ConfigMap"]["metadata"]["name"], "the conf file is not mounted")
    expect(sheaf["args"] == ["-c", "/etc/sheaf/sheaf.conf"], "Sheaf does not read the mounted conf file")
    urls = re.findall(r'"([^"]+)"', options.get("upstream.urls", "")) or [options.get("upstream.url", "")]
    check_sockets(sheaf, apps, volumes, urls)

    service = kinds["Service"]["spec"]
    expect(service["selector"].items() <= labels.items(), "the Service does not select the pods")
    expect(service["ports"][0]["targetPort"] == port_of(options.get("listen.address", ":0")),
           "the Service does not lead to listen.address by number")


if __name__ == "__main__":
    for manifest, wanted in MANIFESTS.items():
        check(sys.argv[1], wanted)
    for failure in failures:
        print("FAILED:", failure, file=sys.stderr)
    if not failures:
        print(", ".join(MANIFESTS), "keep what they promise")
    sys.exit(1 if failures else 0)
