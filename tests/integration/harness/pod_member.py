"""One container of a pod over its restarts: how the kubelet starts it, watches it, and ends it.

What is followed is killContainer of the kubelet 1.29 and newer: the preStop hook takes from the grace, and nobody gets
less than two seconds between SIGTERM and SIGKILL.
"""

from __future__ import annotations

import asyncio
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .pod_container import Container
from .pod_manifest import Document
from .pod_probes import Probes, http_get, port_number

if TYPE_CHECKING:
    from .pod_kubelet import Pod

MINIMUM_GRACE = 2.0  # seconds, whatever the pace: the kubelet's minimumGracePeriodInSeconds
BACK_OFF = 10.0  # seconds before the second restart, doubled from there; the first one comes at once


@dataclass(frozen=True)
class Event:
    """`at`: seconds of the monotonic clock."""

    at: float
    pod: str
    container: str
    what: str


class Member:
    """One container of a pod, over its restarts."""

    def __init__(self, pod: Pod, spec: Document) -> None:
        self.spec = spec
        self.name: str = spec["name"]
        self.restarts = 0
        self.container: Container | None = None
        self.exit_codes: list[int] = []
        self.probes: Probes | None = None
        self.up = asyncio.Event()  # set for good when it has started for the first time
        self._pod = pod
        self._watching: asyncio.Task[str] | None = None

    @property
    def ready(self) -> bool:
        return self.probes is not None and self.probes.ready

    @property
    def running(self) -> Container | None:
        return self.container if self.container and not self.container.ended.done() else None

    async def keep_running(self) -> None:
        """Starts it, and again whenever it ends, until the pod does."""
        await self._live()
        while not self._pod.terminating:
            await self._pod.pause(BACK_OFF * 2 ** (self.restarts - 1) if self.restarts else 0)
            if not self._pod.terminating:
                self.restarts += 1
                await self._live()

    async def _live(self) -> None:
        """One life, from its start to its end."""
        container = self._pod.make_container(self.spec)
        self._note("starts")
        await container.start()
        self.container = container
        if self._pod.terminating:  # before there was anything to end
            container.signal(signal.SIGKILL)
        self.probes = Probes(container, self.spec, self._pod.address, self._pod.pace, self._on_change)
        self._watching = asyncio.create_task(self.probes.run())
        await asyncio.wait({self._watching, container.ended}, return_when=asyncio.FIRST_COMPLETED)
        if not container.ended.done() and not self._watching.cancelled():
            failed = self._watching.result()
            self._note(f"{failed} failed")
            await self.end(self.spec[failed].get("terminationGracePeriodSeconds", self._pod.grace))
        code = await container.ended
        self._watching.cancel()
        self.probes.stop()
        self.exit_codes.append(code)
        self._note(f"ended with {code}")

    def _on_change(self) -> None:
        assert self.probes
        if self.probes.started.is_set() and not self.up.is_set():
            self._note("started")
            self.up.set()
        self._pod.on_change()

    def stop_probing_life(self) -> None:
        """Readiness alone goes on while the pod ends."""
        if self._watching:
            self._watching.cancel()

    async def end(self, grace: float, turn: asyncio.Future[list[None]] | None = None) -> None:
        """Hook, turn, SIGTERM, SIGKILL. `grace` in the manifest's seconds."""
        if not (container := self.running):
            return
        deadline = time.monotonic() + grace * self._pod.pace + self._pod.air
        await self._pre_stop(container, deadline)
        if turn:
            await asyncio.wait({turn}, timeout=max(0, deadline - time.monotonic()))
        patience = max(MINIMUM_GRACE, deadline - time.monotonic())
        self._note("SIGTERM")
        container.signal(signal.SIGTERM)
        await asyncio.wait({container.ended}, timeout=patience)
        if not container.ended.done():
            self._note("SIGKILL")
            container.signal(signal.SIGKILL)
        await container.ended

    async def _pre_stop(self, container: Container, deadline: float) -> None:
        hook = self.spec.get("lifecycle", {}).get("preStop")
        if not hook:
            return
        self._note("preStop")
        left = deadline - time.monotonic()
        if "exec" in hook:
            code = await container.run(hook["exec"]["command"], left)
            self._note(f"preStop ended with {code}")
            return
        try:
            async with asyncio.timeout(left):
                if "sleep" in hook:
                    await self._pod.sleep(hook["sleep"]["seconds"])
                    self._note("preStop ended with 0")
                else:
                    port = port_number(hook["httpGet"]["port"], self.spec)
                    self._note(f"preStop ended with {await http_get(self._pod.address, port, hook['httpGet'])}")
        except (OSError, ValueError) as error:
            self._note(f"preStop failed: {error!r}")

    def _note(self, what: str) -> None:
        self._pod.journal.append(Event(time.monotonic(), self._pod.name, self.name, what))
