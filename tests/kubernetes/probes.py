"""Who asks whom whether it lives."""

from __future__ import annotations

from collections.abc import Iterator

from .pod import Pod

PATHS = {"startupProbe": "/startupz", "readinessProbe": "/readyz", "livenessProbe": "/livez"}


def sheaf_is_asked_for_the_right_things(pod: Pod) -> Iterator[str]:
    """Each probe asks for its own path: one that waited for the application would hold its start up for ever, and a liveness
    probe that depends on it would part with all clients for a fault that is not Sheaf's."""
    for probe, path in PATHS.items():
        asked = pod.sheaf.get(probe, {}).get("httpGet", {})
        if asked.get("path") != path:
            yield f"{probe} of sheaf does not ask for {path}"
        if asked.get("port") != pod.port("admin"):
            yield f"{probe} of sheaf does not ask the port of admin.address by number"


def kubelet_reaches_the_admin_listener(pod: Pod) -> Iterator[str]:
    """The kubelet asks from the node, not from inside the pod."""
    address = str(pod.options["admin"]["address"])
    if address.startswith(("127.", "localhost", "[::1]", "unix:")) or not address:
        yield f"the kubelet cannot reach admin.address {address!r}"


def application_is_asked_itself(pod: Pod) -> Iterator[str]:
    """Whether it lives, by a command: the kubelet knows no Unix sockets, and through Sheaf it would take Sheaf's refusals for
    the application's death. Whether it is ready /readyz says."""
    for app in pod.apps:
        for probe in PATHS:
            if app.get(probe) and "exec" not in app[probe]:
                yield f"{probe} of {app['name']} asks a port, on which the application does not listen"
        if not app.get("livenessProbe"):
            yield f"{app['name']} is never restarted when it hangs: it has no livenessProbe"
        if not app.get("startupProbe"):
            yield f"{app['name']} is restarted for ever if it takes long to listen: it has no startupProbe"
