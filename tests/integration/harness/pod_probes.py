"""The probes of one container's life, as the kubelet runs them: from the node, or by a command in the container.

The startup probe first; when it has passed, readiness at once and then each period, and liveness. A hook's httpGet goes
the same way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from .pod_container import Container

Action = Mapping[str, Any]
DEFAULTS = {"periodSeconds": 10, "timeoutSeconds": 1, "failureThreshold": 3, "successThreshold": 1}


async def http_get(address: str, port: int, action: Action) -> int:
    """The status of an httpGet action. Raises OSError, or ValueError where the answer is none."""
    assert action.get("scheme", "HTTP") == "HTTP", "https is not spoken here"
    headers = {one["name"]: one["value"] for one in action.get("httpHeaders", [])}
    headers = {"Host": f"{address}:{port}", "User-Agent": "kube-probe/1.34", "Accept": "*/*", **headers}
    head = [f"GET {action.get('path', '/')} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    reader, writer = await asyncio.open_connection(action.get("host", address), port)
    try:
        writer.write("\r\n".join([*head, "Connection: close", "", ""]).encode())
        answer = await reader.read()
        return int(answer.split(b" ", 2)[1])
    except IndexError:
        raise ValueError(f"no answer: {answer!r}") from None
    finally:
        writer.close()


def port_number(port: int | str, container: Action) -> int:
    """Of a port that may be named."""
    if isinstance(port, int):
        return port
    return next(one["containerPort"] for one in container["ports"] if one["name"] == port)


class Probes:
    """`spec`: of the container; `address`: of its pod; `pace`: what the manifest's seconds are multiplied by, time-outs
    excepted; `on_change`: called when `started` or `ready` change."""

    def __init__(
        self, container: Container, spec: Action, address: str, pace: float, on_change: Callable[[], None]
    ) -> None:
        self.started = asyncio.Event()
        self.ready = False
        self._container = container
        self._spec = spec
        self._address = address
        self._pace = pace
        self._on_change = on_change
        self._readiness: asyncio.Task[None] | None = None

    async def run(self) -> str:
        """Ends when the container has to be restarted: with the name of the probe that says so."""
        if "startupProbe" in self._spec and not await self._starts():
            return "startupProbe"
        self.started.set()
        self._readiness = asyncio.create_task(self._keep_ready())
        self._on_change()
        if "livenessProbe" not in self._spec:
            await asyncio.Future()  # until it is cancelled
        await self._until("livenessProbe", False)
        return "livenessProbe"

    def stop(self) -> None:
        """The container has ended."""
        if self._readiness:
            self._readiness.cancel()
        self.started.clear()
        self._set_ready(False)

    async def _starts(self) -> bool:
        probe = {**DEFAULTS, **self._spec["startupProbe"]}
        await self._sleep(probe.get("initialDelaySeconds", 0))
        for _ in range(probe["failureThreshold"]):
            if await self._succeeds(probe):
                return True
            await self._sleep(probe["periodSeconds"])
        return False

    async def _keep_ready(self) -> None:
        if "readinessProbe" not in self._spec:
            self._set_ready(True)
            return
        wanted = True
        while True:
            await self._until("readinessProbe", wanted)
            self._set_ready(wanted)
            wanted = not wanted
            await self._sleep(self._spec["readinessProbe"].get("periodSeconds", DEFAULTS["periodSeconds"]))

    def _set_ready(self, ready: bool) -> None:
        if self.ready != ready:
            self.ready = ready
            self._on_change()

    async def _until(self, name: str, wanted: bool) -> None:
        """Until the probe went so as often in a row as its threshold says."""
        probe = {**DEFAULTS, **self._spec[name]}
        threshold = probe["successThreshold" if wanted else "failureThreshold"]
        await self._sleep(probe.get("initialDelaySeconds", 0))
        in_a_row = 0
        while True:
            in_a_row = in_a_row + 1 if await self._succeeds(probe) == wanted else 0
            if in_a_row >= threshold:
                return
            await self._sleep(probe["periodSeconds"])

    async def _succeeds(self, probe: Action) -> bool:
        seconds = probe["timeoutSeconds"]
        if "exec" in probe:
            return await self._container.run(probe["exec"]["command"], seconds) == 0
        try:
            async with asyncio.timeout(seconds):
                if "httpGet" in probe:
                    port = port_number(probe["httpGet"]["port"], self._spec)
                    return 200 <= await http_get(self._address, port, probe["httpGet"]) < 400
                port = port_number(probe["tcpSocket"]["port"], self._spec)
                _, writer = await asyncio.open_connection(self._address, port)
                writer.close()
                return True
        except (OSError, ValueError):  # TimeoutError is an OSError
            return False

    async def _sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds * self._pace)
