"""A cluster of one node: a Deployment's pods, its rolling update, and the Service that leads to them.

    async with Cluster(manifest, images, network, folder) as cluster:
        await cluster.scale_up()
        await cluster.roll_out(manifest)
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

from .pod_images import Images
from .pod_kubelet import Pod
from .pod_manifest import Manifest, share
from .pod_network import Network
from .pod_service import PROPAGATION, Service

_addresses = itertools.count(10)


class Cluster:
    """`pace`: what each time of the manifest that Kubernetes keeps is multiplied by; see hastened() for the others. `air`:
    see Pod."""

    def __init__(
        self, manifest: Manifest, images: Images, network: Network, folder: Path, pace: float = 1, air: float = 0
    ) -> None:
        self.manifest = manifest
        self.pods: list[Pod] = []  # all that ever were
        address = f"10.96.0.{next(_addresses)}"
        self.service = Service(manifest.service, address, PROPAGATION * pace)
        self._images = images
        self._network = network
        self._folder = folder
        self._pace = pace
        self._air = air
        self._ends: list[asyncio.Task[None]] = []
        self._numbers = itertools.count(1)
        folder.mkdir(parents=True)

    async def __aenter__(self) -> Cluster:
        await self.service.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        if error:
            print(*(pod.log() for pod in self.pods), *(pod.events() for pod in self.pods), sep="\n")
        for end in self._ends:
            end.cancel()
        for pod in self.pods:
            await pod.remove()
        await self.service.stop()

    @property
    def present(self) -> list[Pod]:
        """Those that are not terminating."""
        return [pod for pod in self.pods if not pod.terminating]

    def create(self, manifest: Manifest | None = None) -> Pod:
        """One more pod, of the manifest given or the cluster's."""
        source = manifest or self.manifest
        name = f"{source.deployment['metadata']['name']}-{next(self._numbers)}"
        folder = self._folder / name
        pod = Pod(name, source, self._images, self._network, folder, self._pace, self._air, self._on_change)
        self.pods.append(pod)
        return pod

    def delete(self, pod: Pod) -> asyncio.Task[None]:
        """As `kubectl delete pod --wait=false`; the task ends with the pod."""
        self._ends.append(asyncio.create_task(pod.terminate()))
        return self._ends[-1]

    def update(self, manifest: Manifest) -> None:
        """Changed ConfigMaps and Secrets, as they have come to the node."""
        for pod in self.present:
            pod.update(manifest)

    async def wait(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        """Fails with `what` when it is not so within this time, or a pod does not come up."""
        deadline = time.monotonic() + seconds
        while not condition():
            for pod in self.pods:
                pod.check()
            assert time.monotonic() < deadline, f"after {seconds} s still not: {what}"
            await asyncio.sleep(0.01)

    async def wait_ready(self, pods: Sequence[Pod], seconds: float = 60) -> None:
        """Until all of these are ready."""
        await self.wait(lambda: all(pod.ready for pod in pods), seconds, f"{[pod.name for pod in pods]} are ready")

    async def scale_up(self) -> list[Pod]:
        """The Deployment's replicas, ready and known to the Service."""
        made = [self.create() for _ in range(self.manifest.deployment["spec"].get("replicas", 1))]
        await self.wait_ready(made)
        await asyncio.sleep(PROPAGATION * self._pace)
        return made

    async def roll_out(self, manifest: Manifest) -> None:
        """The rolling update to this one, until its pods are ready and the last old one has gone."""
        deployment = manifest.deployment["spec"]
        replicas = deployment.get("replicas", 1)
        limits = {"maxSurge": "25%", "maxUnavailable": "25%", **deployment.get("strategy", {}).get("rollingUpdate", {})}
        most = replicas + share(limits["maxSurge"], replicas, up=True)
        fewest = replicas - share(limits["maxUnavailable"], replicas, up=False)
        old, new = self.present, list[Pod]()
        self.manifest = manifest
        while old or len(new) < replicas:
            while len(new) < replicas and len(new) + len(old) < most:
                new.append(self.create())
            while old and sum(pod.ready for pod in [*old, *new]) > fewest:
                self.delete(old.pop(0))
            await asyncio.sleep(0.02)
            for pod in self.pods:
                pod.check()
        await self.wait_ready(new)
        await asyncio.gather(*self._ends)

    def _on_change(self) -> None:
        self.service.tell(self.pods)
