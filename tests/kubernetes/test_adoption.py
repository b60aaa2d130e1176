"""An application of somebody else's takes Sheaf: by the README's own commands, and with what Deployments have besides."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess

from . import objects, render, rules
from .pod import read, workloads
from .render import Document

BINARY = os.environ["SHEAF_BINARY"]
K8S = render.ROOT / "docker/k8s"
NEEDS_A_CLUSTER = ("kubectl create", "kubectl apply", "sheaf/docker/build_image.sh")


def first_commands() -> str:
    """Those of the README's first block that need neither a cluster nor a builder of images."""
    block = re.search(r"```sh\n(.*?)```", (K8S / "README.md").read_text(), flags=re.DOTALL)
    assert block
    return "\n".join(line for line in block[1].splitlines() if not line.startswith(NEEDS_A_CLUSTER))


def adopt(folder: pathlib.Path, manifest: str, kustomization: str) -> list[Document]:
    """What becomes of a manifest with components, whose folder the kustomization names as {components}."""
    (folder / "manifest.yaml").write_text(manifest)
    components = os.path.relpath(K8S / "components", folder)
    (folder / "kustomization.yaml").write_text(kustomization.format(components=components))
    return render.kustomize(folder)


def test_readmes_commands_make_a_sound_pod(tmp_path: pathlib.Path) -> None:
    (tmp_path / "sheaf").symlink_to(render.ROOT)
    for name in ("deployment.yaml", "service.yaml"):
        unlabelled = (K8S / "examples/quotes" / name).read_text().replace("    sheaf: sidecar\n", "")
        (tmp_path / name).write_text(unlabelled)
    path = f"{render.KUBECTL.parent}:{os.environ['PATH']}"
    subprocess.run(["sh", "-ec", first_commands()], cwd=tmp_path, env={"PATH": path, "HOME": str(tmp_path)}, check=True)
    documents = render.kustomize(tmp_path)
    assert rules.violations(documents, BINARY) == []
    pod = read(next(workloads(documents)), documents, BINARY)
    assert pod.native and pod.sheaf["image"] == "registry.example/sheaf:0.1.0"


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
        - {name: app, image: shop, readinessProbe: {tcpSocket: {port: 80}}, livenessProbe: {grpc: {port: 80}}}
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
    """Init containers, other containers, other Deployments; names get the prefix in all places."""
    kustomization = """
namePrefix: my-
resources: [manifest.yaml]
components: ["{components}/native", "{components}/uvicorn", "{components}/conf"]
"""
    documents = adopt(tmp_path, DEPLOYMENTS, kustomization)
    shop, worker = objects.of_kind("Deployment", documents)
    spec = shop["spec"]["template"]["spec"]
    assert [one["name"] for one in spec["initContainers"]] == ["sheaf", "migrate"]
    assert [one["name"] for one in spec["containers"]] == ["app", "other"]
    assert spec["containers"][1] == {"name": "other", "image": "other"}
    assert "readinessProbe" not in spec["containers"][0] and list(spec["containers"][0]["livenessProbe"])[0] == "exec"
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
