"""One pod of docker/k8s as processes (harness/pod_kubelet.py): its start, its limits, its ConfigMap.

Each container in its namespaces and control groups, with its rendered probes, hooks and volumes. The manifest's times go
ten times as fast, those within a probe's command excepted.
"""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path

import pytest

from harness.pod_asking import metrics, one_pod, status, talking, with_conf
from harness.pod_fixtures import MakeCluster, pods
from harness.pod_manifest import quantity
from harness.pod_rendered import VARIANTS, rendered
from harness.pod_skip import skip_limits

PACE = 0.1


network, store, make_cluster = pods()


@pytest.mark.parametrize("variant", VARIANTS)
def test_pod_is_ready_when_sheaf_and_the_application_serve(make_cluster: MakeCluster, store: Path, variant: str) -> None:
    """A native sidecar is up before the application begins, and never waits for it."""

    async def scenario() -> None:
        async with make_cluster(rendered(variant), PACE, APP_WAITS="1") as cluster:
            pod = cluster.create()
            sheaf, app = pod.members["sheaf"], pod.members["app"]
            await cluster.wait(lambda: sheaf.up.is_set() and app.running is not None, 20, "both run")
            assert await status(pod) == 503
            await asyncio.sleep(10 * PACE)  # two periods of the readiness probe
            assert not pod.ready
            (store / "go").touch()
            await cluster.wait_ready([pod])
            assert await status(pod) == 200
            order = pod.events()
            if variant == "native":
                assert order == ["sheaf: starts", "sheaf: started", "app: starts", "app: started"]
            assert set(order) == {"sheaf: starts", "app: starts", "sheaf: started", "app: started"}

    asyncio.run(scenario())


def test_container_has_its_limits_and_no_rights(make_cluster: MakeCluster) -> None:
    """As the manifest says: user, no capability, a root that cannot be written, memory and CPU by its cgroup."""
    manifest = rendered("native")
    spec = manifest.container("sheaf")

    async def scenario() -> None:
        async with make_cluster(manifest, PACE) as cluster:
            pod = await one_pod(cluster)
            if not pod.groups.limited:
                skip_limits("there are no control groups of version 1 for memory and cpu below /sys/fs/cgroup")
            container = pod.members["sheaf"].running
            assert container
            told = Path(f"/proc/{container.pid}/status").read_text()
            assert f"Uid:\t{spec['securityContext']['runAsUser']}\t" in told and "NoNewPrivs:\t1" in told
            assert re.findall(r"Cap(?:Prm|Eff|Bnd):\t(\w+)", told) == ["0" * 16] * 3
            root = Path(f"/proc/{container.pid}/root")
            assert os.statvfs(root).f_flag & os.ST_RDONLY
            assert not (root / "bin/sh").exists() and not (root / "home").exists()
            seen = await metrics(pod)
            limits = spec["resources"]["limits"]
            assert seen["sheaf_memory_limit_bytes"] == quantity(limits["memory"])
            assert seen["sheaf_workers"] == quantity(limits["cpu"])

    asyncio.run(scenario())


def test_limits_by_the_downward_api(make_cluster: MakeCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the container's cgroup cannot be seen."""
    monkeypatch.setattr("harness.pod_cgroups.mounted_at", lambda controller: None)
    manifest = rendered("classic")
    limits = manifest.container("sheaf")["resources"]["limits"]

    async def scenario() -> None:
        async with make_cluster(manifest, PACE) as cluster:
            seen = await metrics(await one_pod(cluster))
            assert seen["sheaf_memory_limit_bytes"] == quantity(limits["memory"])
            assert seen["sheaf_workers"] == quantity(limits["cpu"])

    asyncio.run(scenario())


def test_changed_configmap_is_taken_up_and_nobody_is_parted_with(make_cluster: MakeCluster) -> None:
    """One with a mistake is not."""

    async def scenario() -> None:
        async with make_cluster(rendered("native"), PACE) as cluster:
            pod = await one_pod(cluster)
            talkers = await talking(cluster, pod, 20)

            async def becomes(addition: str, generation: int, successful: int) -> None:
                cluster.update(with_conf(cluster.manifest, addition))
                async with asyncio.timeout(10):
                    while True:
                        seen = await metrics(pod)
                        now = seen["sheaf_generation"], seen["sheaf_reload_last_successful"]
                        if now == (generation, successful):
                            return
                        await asyncio.sleep(0.05)

            await becomes("\n[limits]\nmax_fields = 101\n", 2, 1)
            await becomes("\n[limits]\nmax_feilds = 102\n", 2, 0)
            await becomes("\n[limits]\nmax_fields = 103\n", 3, 1)
            heard = [len(one.acknowledged) for one in talkers]
            await cluster.wait(
                lambda: all(len(one.acknowledged) > before + 2 for one, before in zip(talkers, heard, strict=True)),
                10, "they are still heard",
            )  # fmt: skip
            assert all(one.ends == one.refused == one.faults == [] for one in talkers)
            assert [member.restarts for member in pod.members.values()] == [0, 0]
            for one in talkers:
                await one.stop()

    asyncio.run(scenario())
