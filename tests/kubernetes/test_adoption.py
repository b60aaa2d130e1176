"""An application of somebody else's takes Sheaf: by the README's own commands, and with what Deployments have besides."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
from collections.abc import Callable

import pytest
import yaml

from . import objects, render, rules
from .pod import read, workloads
from .render import Document

BINARY = os.environ["SHEAF_BINARY"]
K8S = render.ROOT / "docker/k8s"
NEEDS_A_CLUSTER = ("kubectl create", "kubectl apply", "sheaf/docker/build_image.sh")


def commands(heading: str) -> str:
    """Those of the README's first block below a heading that need neither a cluster nor a builder of images."""
    block = re.search(rf"^## {heading}$.*?```sh\n(.*?)```", (K8S / "README.md").read_text(), flags=re.DOTALL | re.MULTILINE)
    assert block
    return "\n".join(line for line in block[1].splitlines() if not line.startswith(NEEDS_A_CLUSTER))


def run(script: str, folder: pathlib.Path) -> None:
    """In a folder that has the files of the application quotes, without the label, and this tree as `sheaf`."""
    (folder / "sheaf").symlink_to(render.ROOT)
    for name in ("deployment.yaml", "service.yaml"):
        unlabelled = (K8S / "examples/quotes" / name).read_text().replace("    sheaf: sidecar\n", "")
        # By number: see the README.
        (folder / name).write_text(unlabelled.replace("targetPort: http", "targetPort: 8000"))
    path = f"{render.KUBECTL.parent}:{os.environ['PATH']}"
    subprocess.run(["sh", "-ec", script], cwd=folder, env={"PATH": path, "HOME": str(folder)}, check=True)


def adopt(folder: pathlib.Path, manifest: str, kustomization: str) -> list[Document]:
    """What becomes of a manifest with components, whose folder the kustomization names as {components}."""
    (folder / "manifest.yaml").write_text(manifest)
    components = os.path.relpath(K8S / "components", folder)
    (folder / "kustomization.yaml").write_text(kustomization.format(components=components))
    return render.kustomize(folder)


def test_readmes_commands_make_a_sound_pod(tmp_path: pathlib.Path) -> None:
    run(commands("Five commands"), tmp_path)
    documents = render.kustomize(tmp_path)
    assert rules.violations(documents, BINARY) == []
    pod = read(next(workloads(documents)), documents, BINARY)
    assert pod.native and pod.sheaf["image"] == "registry.example/sheaf:0.1.0"


def with_policy(kustomization: str) -> str:
    """With the component network-policy, and the patch that the README has for it."""
    readme = (K8S / "README.md").read_text()
    patch = re.search(r"  ```yaml\n(  - target: {kind: NetworkPolicy.*?)  ```", readme, flags=re.DOTALL)
    assert patch
    return kustomization.replace("components:\n", "components:\n  - sheaf/docker/k8s/components/network-policy\n") + patch[1]


def classic(kustomization: str) -> str:
    return kustomization.replace("components/native", "components/classic").replace("initContainers/0", "containers/1")


@pytest.mark.parametrize("edit", [str, with_policy, classic], ids=["native", "network-policy", "classic"])
def test_deployment_that_serves_already_keeps_its_port(tmp_path: pathlib.Path, edit: Callable[[str], str]) -> None:
    """The Service stays to the letter, and leads to old pods and new ones, however many of each there are."""
    run(commands("A Deployment that serves already"), tmp_path)
    kustomization = tmp_path / "kustomization.yaml"
    kustomization.write_text(edit(kustomization.read_text()))
    documents = render.kustomize(tmp_path)
    assert rules.violations(documents, BINARY) == []
    (service,) = objects.of_kind("Service", documents)
    assert service == yaml.safe_load((tmp_path / "service.yaml").read_text())
    old = yaml.safe_load((tmp_path / "deployment.yaml").read_text())["spec"]["template"]
    (app,) = old["spec"]["containers"]
    pod = read(next(workloads(documents)), documents, BINARY)
    assert app["ports"][0]["containerPort"] == service["spec"]["ports"][0]["targetPort"] == pod.port("listen")
    assert service["spec"]["selector"].items() <= old["metadata"]["labels"].items()


DEPLOYMENTS = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop, labels: {sheaf: sidecar}}
spec:
  replicas: 3
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec:
      initContainers: [{name: migrate, image: shop}]
      containers:
        - name: app
          image: shop
          ports: [{name: http, containerPort: 80}, {name: metrics, containerPort: 9000}]
          startupProbe: {httpGet: {path: /, port: 80}, failureThreshold: 3}
          readinessProbe: {tcpSocket: {port: 80}}
          livenessProbe: {grpc: {port: 80}}
        - {name: other, image: other}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: worker}
spec:
  selector: {matchLabels: {app: worker}}
  template:
    metadata: {labels: {app: worker}}
    spec:
      containers: [{name: app, image: shop}]
"""


def test_what_a_deployment_has_besides_stays(tmp_path: pathlib.Path) -> None:
    """Init containers, other containers, other Deployments; names get the prefix in all places. A port that the application
    has besides comes back by a patch."""
    kustomization = """
namePrefix: my-
resources: [manifest.yaml]
components: ["{components}/native", "{components}/uvicorn", "{components}/conf"]
patches:
  - target: {{kind: Deployment, labelSelector: sheaf=sidecar}}
    patch: |-
      - {{op: add, path: /spec/template/spec/containers/0/ports, value: [{{name: metrics, containerPort: 9000}}]}}
"""
    documents = adopt(tmp_path, DEPLOYMENTS, kustomization)
    shop, worker = objects.of_kind("Deployment", documents)
    spec = shop["spec"]["template"]["spec"]
    assert [one["name"] for one in spec["initContainers"]] == ["sheaf", "migrate"]
    assert [one["name"] for one in spec["containers"]] == ["app", "other"]
    assert spec["containers"][1] == {"name": "other", "image": "other"}
    app = spec["containers"][0]
    assert "readinessProbe" not in app and app["ports"] == [{"name": "metrics", "containerPort": 9000}]
    for probe in ("startupProbe", "livenessProbe"):
        assert app[probe].keys() & {"exec", "httpGet", "grpc"} == {"exec"}
    assert app["startupProbe"]["failureThreshold"] == 120
    assert spec["volumes"][0]["configMap"]["name"] == objects.of_kind("ConfigMap", documents)[0]["metadata"]["name"]
    assert worker["spec"]["template"]["spec"] == {"containers": [{"name": "app", "image": "shop"}]}


def test_autoscaler_and_budget_are_of_the_deployment(tmp_path: pathlib.Path) -> None:
    shop, _ = DEPLOYMENTS.split("---")
    kustomization = """
namePrefix: my-
resources: [manifest.yaml]
components: ["{components}/native", "{components}/autoscaling", "{components}/disruption-budget"]
"""
    documents = adopt(tmp_path, shop, kustomization)
    assert objects.of_kind("HorizontalPodAutoscaler", documents)[0]["spec"]["scaleTargetRef"]["name"] == "my-shop"
    assert objects.of_kind("PodDisruptionBudget", documents)[0]["spec"]["selector"] == {"matchLabels": {"app": "shop"}}
    assert "replicas" not in objects.of_kind("Deployment", documents)[0]["spec"]


def test_services_stick_by_a_cookie_of_traefik(tmp_path: pathlib.Path) -> None:
    service = (K8S / "examples/quotes/service.yaml").read_text()
    documents = adopt(tmp_path, service, 'resources: [manifest.yaml]\ncomponents: ["{components}/sticky-traefik"]\n')
    assert documents[0]["metadata"]["annotations"]["traefik.ingress.kubernetes.io/service.sticky.cookie"] == "true"
