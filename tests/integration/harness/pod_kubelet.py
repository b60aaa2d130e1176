"""Brings a pod up, and takes it down, in the order of Kubernetes.

Up: native sidecars one after another, the startup probe of each before the next container; then all others. Down: the
preStop hooks of all containers together, sidecars included; then SIGTERM to each application container, and to a sidecar
when those have ended, the last one first; SIGKILL to what is left when the grace is over. (terminationOrdering of the
kubelet 1.29 and newer.)
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable
from pathlib import Path

from .pod_cgroups import Groups
from .pod_container import Container, Inside, Sandbox
from .pod_environment import Identity, environment
from .pod_images import Images, image_of
from .pod_manifest import Document, Manifest, is_sidecar
from .pod_member import Event, Member
from .pod_network import Network
from .pod_volumes import Volumes


class Pod:
    """Made by Cluster. `on_change` is called when its readiness may have changed, or its end has begun.

    `pace`: what the manifest's seconds are multiplied by where the kubelet keeps the time. `air`: seconds that a grace is
    longer then, for what does not go faster: programs that load, and end.
    """

    def __init__(
        self,
        name: str,
        manifest: Manifest,
        images: Images,
        network: Network,
        folder: Path,
        pace: float,
        air: float,
        on_change: Callable[[], None],
    ) -> None:
        self.name = name
        self.manifest = manifest
        self.pace = pace
        self.air = air
        self.on_change = on_change
        self.journal: list[Event] = []
        self._ending = asyncio.Event()
        self._images = images
        self._folder = folder
        spec = manifest.pod_spec
        self.grace: float = spec.get("terminationGracePeriodSeconds", 30)
        folder.mkdir()
        self._volumes = Volumes(folder / "volumes", spec, manifest)
        self._sandbox = Sandbox(name)
        self.address = network.attach(self._sandbox.pid)
        self.groups = Groups(name)
        self.members = {one["name"]: Member(self, one) for one in [*spec.get("initContainers", []), *spec["containers"]]}
        assert all(map(is_sidecar, spec.get("initContainers", []))), "init containers that end are not run here"
        self._sidecars = [self.members[one["name"]] for one in spec.get("initContainers", [])]
        self._applications = [self.members[one["name"]] for one in spec["containers"]]
        self._tasks: list[asyncio.Task[None]] = []
        self._coming_up = asyncio.create_task(self._come_up())

    @property
    def terminating(self) -> bool:
        return self._ending.is_set()

    @property
    def labels(self) -> dict[str, str]:
        return self.manifest.deployment["spec"]["template"]["metadata"]["labels"]

    @property
    def ready(self) -> bool:
        return all(member.ready for member in self.members.values())

    def events(self, *containers: str) -> list[str]:
        """What happened so far, "container: what"; of these containers, or of all."""
        return [f"{one.container}: {one.what}" for one in self.journal if not containers or one.container in containers]

    def log(self) -> str:
        """The end of what each container wrote."""
        files = sorted(self._folder.glob("*.log"))
        return "\n".join(f"--- {self.name}/{file.name}\n{file.read_text(errors='replace')[-3000:]}" for file in files)

    def check(self) -> None:
        """Raises what went wrong in bringing it up."""
        for task in [self._coming_up, *self._tasks]:
            if task.done() and not task.cancelled() and (error := task.exception()):
                raise error

    async def sleep(self, seconds: float) -> None:
        """So many of the manifest's seconds."""
        await asyncio.sleep(seconds * self.pace)

    async def pause(self, seconds: float) -> None:
        """The same, cut short when the pod's end begins."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ending.wait(), seconds * self.pace)

    def make_container(self, spec: Document) -> Container:
        """The next life of this container of the pod."""
        member = self.members[spec["name"]]
        folder = self._folder / f"{member.name}-{member.restarts}"
        folder.mkdir()
        return Container(self._sandbox, self._inside(spec, folder), folder.with_suffix(".log"))

    def _inside(self, spec: Document, root: Path) -> Inside:
        image = image_of(spec["image"], self._images)
        own = spec.get("securityContext", {})
        security = {**self.manifest.pod_spec.get("securityContext", {}), **own}
        user = security.get("runAsUser", image.user)
        assert user or not security.get("runAsNonRoot"), f"{spec['name']} would run as root, and does not start"
        identity = Identity(self.name, self.address, self.labels)
        mounts = [(str(source), path, False) for path, source in image.files.items()]
        mounts += [(str(source), path, True) for path, source in image.writable.items()]
        for one in spec.get("volumeMounts", []):
            mounts.append((str(self._volumes.path(one)), one["mountPath"], not one.get("readOnly", False)))
        command = [*spec.get("command", image.entry_point)]
        command += spec.get("args", image.command if "command" not in spec else ())
        return Inside(
            root=str(root),
            mounts=mounts,
            links=image.links,
            groups={name: str(folder) for name, folder in self.groups.make(spec).items()},
            read_only=own.get("readOnlyRootFilesystem", False),
            user=user,
            group=security.get("runAsGroup", 0),
            groups_of_user=[security["fsGroup"]] if "fsGroup" in security else [],
            folder=spec.get("workingDir", image.folder),
            environment={**image.environment, **environment(spec, identity, self.manifest)},
            command=command,
        )

    async def _come_up(self) -> None:
        for sidecar in self._sidecars:
            self._tasks.append(asyncio.create_task(sidecar.keep_running()))
            await sidecar.up.wait()
        self._tasks += [asyncio.create_task(one.keep_running()) for one in self._applications]

    def update(self, manifest: Manifest) -> None:
        """ConfigMaps and Secrets have changed; what is in the environment stays."""
        self._volumes.update(manifest)

    async def terminate(self) -> None:
        """From deletionTimestamp to the last container's end."""
        self._ending.set()
        self._coming_up.cancel()
        self.on_change()
        for member in self.members.values():
            member.stop_probing_life()
        ends: list[asyncio.Task[None]] = [asyncio.create_task(one.end(self.grace)) for one in self._applications]
        turn: asyncio.Future[list[None]] = asyncio.gather(*ends)
        for sidecar in reversed(self._sidecars):
            ends.append(asyncio.create_task(sidecar.end(self.grace, turn)))
            turn = asyncio.gather(*ends)
        await asyncio.gather(*ends)
        await asyncio.gather(*self._tasks)

    async def remove(self) -> None:
        """Kills what still runs, at once, and takes away what was made for the pod, but for its logs."""
        self._ending.set()
        for task in [self._coming_up, *self._tasks]:
            task.cancel()
        for member in self.members.values():
            member.stop_probing_life()
            if container := member.running:
                container.signal(signal.SIGKILL)
                await container.ended
            if member.probes:
                member.probes.stop()
        self._sandbox.stop()
        self.groups.remove()
