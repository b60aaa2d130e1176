"""What helm looks up in the cluster stays as it is there: the token that the chart has made, and the number of pods that an
autoscaler has made. What the cluster answers comes from a server that has one object, or none; helm's part is helm's own."""

from __future__ import annotations

import base64
import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from kubernetes.render import Document, manifest

from . import helm

SECRET = "/api/v1/namespaces/default/secrets/quotes-sheaf-admin"
DEPLOYMENT = "/apis/apps/v1/namespaces/default/deployments/quotes"


def resources(group: str, *kinds: str) -> dict[str, Any]:
    """What an API server says of a group's kinds."""
    common = {"namespaced": True, "verbs": ["get"]}
    found = [{"kind": kind, "name": f"{kind.lower()}s", "singularName": kind.lower(), **common} for kind in kinds]
    return {"kind": "APIResourceList", "groupVersion": group, "resources": found}


def group(name: str, version: str) -> dict[str, Any]:
    """What it says of a group."""
    told = {"groupVersion": f"{name}/{version}", "version": version}
    return {"name": name, "versions": [told], "preferredVersion": told}


ANSWERS: dict[str, Any] = {
    "/version": {"major": "1", "minor": "33", "gitVersion": "v1.33.0"},
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/apis": {
        "kind": "APIGroupList",
        "apiVersion": "v1",
        "groups": [group("apps", "v1"), group("autoscaling", "v2")],
    },
    "/api/v1": resources("v1", "ConfigMap", "Secret", "Service"),
    "/apis/apps/v1": resources("apps/v1", "Deployment"),
    "/apis/autoscaling/v2": resources("autoscaling/v2", "HorizontalPodAutoscaler"),
}
"""By path, of an API server that has nothing."""


class Cluster(http.server.ThreadingHTTPServer):
    """Answers like an API server, on a port of its own of the loopback."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = dict(ANSWERS)

    def keep(self, path: str, document: Document) -> None:
        """Has the object from now on, as the release has left it."""
        owner = {"meta.helm.sh/release-name": "quotes", "meta.helm.sh/release-namespace": "default"}
        labels = {"app.kubernetes.io/managed-by": "Helm"}
        metadata = {"name": path.split("/")[-1], "namespace": "default", "annotations": owner, "labels": labels}
        self.answers[path] = {**document, "metadata": metadata}

    def keep_token(self, token: str) -> None:
        """In the release's Secret."""
        data = {"token": base64.b64encode(token.encode()).decode()}
        self.keep(SECRET, {"kind": "Secret", "apiVersion": "v1", "data": data})


class Handler(http.server.BaseHTTPRequestHandler):
    """One request for an object."""

    server: Cluster

    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        missing = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}
        body = json.dumps(self.server.answers.get(path, missing)).encode()
        self.send_response(200 if path in self.server.answers else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the base's name)
        """Nobody reads it."""


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with Cluster() as served:
        thread = threading.Thread(target=served.serve_forever)
        thread.start()
        yield served
        served.shutdown()
        thread.join()


def sent(cluster: Cluster, version: str, kind: str, *arguments: str) -> Document:
    """The object of this kind that helm would send to the cluster."""
    address = f"http://127.0.0.1:{cluster.server_address[1]}"
    asked = ("--dry-run=server", "--disable-openapi-validation", "--kube-apiserver", address, "--namespace", "default")
    values = ("--set", "app.image=quotes-app:1.0", *arguments)
    rendered = helm.run(helm.VERSIONS[version], "template", "quotes", str(helm.CHART), *asked, *values)
    (found,) = [document for document in manifest(rendered) if document["kind"] == kind]
    return found


def token(cluster: Cluster, version: str, *arguments: str) -> str:
    """In the Secret."""
    secret = sent(cluster, version, "Secret", *arguments)
    return base64.b64decode(secret["data"]["token"]).decode()


@pytest.mark.parametrize("version", helm.VERSIONS)
def test_upgrade_keeps_the_token_that_the_cluster_has(cluster: Cluster, version: str) -> None:
    first = token(cluster, version)
    assert len(first) == 48
    assert token(cluster, version) != first
    cluster.keep_token(first)
    assert token(cluster, version) == first


def test_token_that_the_values_have_goes_before(cluster: Cluster) -> None:
    cluster.keep_token("the-token-from-before-0123456789")
    given = "0123456789abcdef0123456789abcdef"
    assert token(cluster, "helm 4", "--set", f"adminToken.value={given}") == given


@pytest.mark.parametrize("version", helm.VERSIONS)
def test_autoscaling_begins_with_the_pods_that_there_are(cluster: Cluster, version: str) -> None:
    """Without `replicas`, helm would take away those of the release before, which Kubernetes takes for one pod."""
    scaled = ("--set", "autoscaling.enabled=true")
    assert "replicas" not in sent(cluster, version, "Deployment", *scaled)["spec"]
    cluster.keep(DEPLOYMENT, {"kind": "Deployment", "apiVersion": "apps/v1", "spec": {"replicas": 7}})
    assert sent(cluster, version, "Deployment", *scaled)["spec"]["replicas"] == 7
    assert sent(cluster, version, "Deployment", "--set", "replicas=3")["spec"]["replicas"] == 3
