"""How a pod of docker/k8s, run as processes (harness/pod_kubelet.py), comes to its end.

The manifest's times go ten times as fast, and twenty times where somebody is killed anyway.
"""

from __future__ import annotations

import asyncio

import pytest

from harness.pod_asking import one_pod, status, talking
from harness.pod_fixtures import MakeCluster, pods
from harness.pod_rendered import VARIANTS, rendered

PACE, FAST = 0.1, 0.05

network, store, make_cluster = pods()


@pytest.mark.parametrize("variant", VARIANTS)
def test_pod_ends_in_order_and_by_itself(make_cluster: MakeCluster, variant: str) -> None:
    """Nobody is killed, not for a stream without an end either, and clients get their 1012."""

    async def scenario() -> None:
        async with make_cluster(rendered(variant), PACE) as cluster:
            pod = await one_pod(cluster)
            talkers = await talking(cluster, pod, 30)
            stream = asyncio.create_task(status(pod, "/events"))
            begun = len(pod.journal)
            await cluster.delete(pod)
            events = pod.events()[begun:]
            first_signal = next(place for place, event in enumerate(events) if event.endswith("SIGTERM"))
            assert {"app: preStop", "sheaf: preStop"} <= set(events[:first_signal]), "the hooks begin together"
            for name in pod.members:
                own = [event for event in events if event.startswith(name)]
                assert own == [f"{name}: {what}" for what in ("preStop", "preStop ended with 0", "SIGTERM", "ended with 0")]
            if variant == "native":
                assert events.index("app: ended with 0") < events.index("sheaf: SIGTERM")
            for one in talkers:
                await one.stop()
            assert {one.ends[0] for one in talkers} == {"1012"}
            assert await stream == 200

    asyncio.run(scenario())


def test_application_that_does_not_end_is_killed_and_sheaf_still_ends_well(make_cluster: MakeCluster) -> None:
    """The grace is used up by then: the kubelet leaves Sheaf two seconds."""

    async def scenario() -> None:
        async with make_cluster(rendered("native"), FAST, air=0) as cluster:
            pod = await one_pod(cluster)
            talkers = await talking(cluster, pod, 5)
            hanging = asyncio.create_task(status(pod, "/hang?seconds=600"))
            begun = len(pod.journal)
            await cluster.delete(pod)
            events = pod.events()[begun:]
            assert [event for event in events if event.startswith("app: ") and "preStop" not in event] == [
                "app: SIGTERM", "app: SIGKILL", "app: ended with -9",
            ]  # fmt: skip
            assert events.index("sheaf: SIGTERM") > events.index("app: SIGTERM")
            assert "sheaf: ended with 0" in events
            for one in talkers:
                await one.stop()
            assert {one.ends[0] for one in talkers} == {"1012"}
            await asyncio.gather(hanging, return_exceptions=True)

    asyncio.run(scenario())
