"""The way out: nobody is killed who could have ended by himself."""

from __future__ import annotations

from collections.abc import Iterator

from .pod import NAME, Pod, uvicorn_option
from .quantities import seconds
from .render import Document

AIR = 5.0
"""Seconds that the kubelet and a busy node may take besides."""


def pause(container: Document) -> float:
    """Seconds for which the container's preStop holds its SIGTERM back; 0 without one that can be told."""
    hook = container.get("lifecycle", {}).get("preStop", {})
    if "sleep" in hook:
        return float(hook["sleep"]["seconds"])
    command = hook.get("exec", {}).get("command", [])
    return seconds(command[1]) if command[:1] == ["sleep"] and len(command) == 2 else 0.0


def drain(pod: Pod) -> float:
    """Seconds from Sheaf's SIGTERM, or from `sheaf drain`, to the end of it."""
    return max(seconds(pod.options["drain"]["timeout"]), seconds(pod.options["drain"]["delay"]))


def shutdown(app: Document) -> float:
    """Seconds that the application takes at most from its SIGTERM on, as its command says."""
    return seconds(uvicorn_option(app, "timeout-graceful-shutdown") or 0)


def needed(pod: Pod) -> float:
    """Seconds that the way out takes at most, Sheaf's own SIGTERM drain included. The kubelet runs the hooks of all containers
    at once; a native sidecar then gets its SIGTERM when the last application has ended, another container at once."""
    apps = max((pause(app) + shutdown(app) for app in pod.apps), default=0.0)
    return apps + drain(pod) if pod.native else max(apps, drain(pod))


def grace_suffices(pod: Pod) -> Iterator[str]:
    """What is left after terminationGracePeriodSeconds is killed."""
    grace = pod.spec.get("terminationGracePeriodSeconds", 30)
    if grace < needed(pod) + AIR:
        yield f"terminationGracePeriodSeconds is {grace}, but the way out takes up to {needed(pod):g} s, and {AIR:g} of air"


def application_ends_in_time(pod: Pod) -> Iterator[str]:
    """uvicorn waits for its last client without end where nothing says how long."""
    for app in pod.apps:
        if not uvicorn_option(app, "timeout-graceful-shutdown"):
            yield f"{app['name']} has no bound for its shutdown: --timeout-graceful-shutdown is missing"


def sheaf_drains_before_it_is_ended(pod: Pod) -> Iterator[str]:
    """By its own program, since the image has no shell; an httpGet hook has no way to send the token of a Secret."""
    command = pod.sheaf.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", [])
    if command[:2] != [f"/usr/bin/{NAME}", "drain"]:
        yield "sheaf has no preStop with `sheaf drain`"
    elif command[2:] != ["--admin", f"127.0.0.1:{pod.port('admin')}"]:
        yield "sheaf's preStop does not drain by --admin with the port of admin.address alone"


def application_outlasts_the_drain(pod: Pod) -> Iterator[str]:
    """The kubelet runs the hooks of both at once: who has no hook is gone while Sheaf's clients are still there, and before
    load balancers know that the pod ends."""
    for app in pod.apps:
        if pause(app) < drain(pod):
            yield f"{app['name']} gets its SIGTERM after {pause(app):g} s, before the drain of {drain(pod):g} s is over"
