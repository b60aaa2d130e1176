"""What goes wrong in a pod of docker/k8s, run as processes (harness/pod_kubelet.py), stays where it is.

The manifest's times go twenty times as fast.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from harness.pod_asking import metrics, one_pod, status, talking, with_conf
from harness.pod_clients import Caller
from harness.pod_fixtures import MakeCluster, pods
from harness.pod_rendered import rendered

PACE = 0.05

network, store, make_cluster = pods()


def test_hung_application_is_restarted_alone(make_cluster: MakeCluster) -> None:
    """Its clients get 1012 and come back, requests a 502 or 503; Sheaf runs on and stays alive."""
    manifest = rendered("native")
    # The probe's command has a patience of its own, whatever the pace: the kubelet's is to be shorter.
    manifest.container("app")["livenessProbe"].update(timeoutSeconds=1)

    async def scenario() -> None:
        async with make_cluster(manifest, PACE, air=0) as cluster:
            pod = await one_pod(cluster)
            sheaf, app = pod.members["sheaf"], pod.members["app"]
            before = sheaf.running
            talkers = await talking(cluster, pod, 5)
            hanging = asyncio.create_task(status(pod, "/hang?seconds=600"))
            await cluster.wait(lambda: app.restarts == 1, 30, "the application is restarted")
            assert pod.events("app")[2:8] == [
                "app: livenessProbe failed", "app: preStop", "app: preStop ended with None",
                "app: SIGTERM", "app: SIGKILL", "app: ended with -9",
            ]  # fmt: skip
            assert await hanging == 502
            assert await status(pod) == 503
            await cluster.wait(lambda: all(one.ends and not one.unacknowledged for one in talkers), 20, "all is well")
            assert [one.ends for one in talkers] == [["1012"]] * 5
            assert {error for one in talkers for error in one.refused} <= {
                "InvalidStatus: server rejected WebSocket connection: HTTP 503"
            }
            assert sheaf.running is before and (sheaf.restarts, app.restarts) == (0, 1)
            assert await status(pod) == 200
            for one in talkers:
                await one.stop()

    asyncio.run(scenario())


def test_application_that_takes_long_to_listen_is_not_restarted(make_cluster: MakeCluster, store: Path) -> None:
    """Nor is it killed by the liveness probe, which would have lost its patience by then."""
    manifest = rendered("native")
    liveness = manifest.container("app")["livenessProbe"]
    patience = liveness.get("initialDelaySeconds", 0) + liveness["periodSeconds"] * liveness["failureThreshold"]

    async def scenario() -> None:
        async with make_cluster(manifest, PACE, APP_WAITS="1") as cluster:
            pod = cluster.create()
            app = pod.members["app"]
            await cluster.wait(lambda: app.running is not None, 20, "the application runs")
            await asyncio.sleep(1.5 * patience * PACE)
            assert not app.up.is_set() and app.restarts == 0
            (store / "go").touch()
            await cluster.wait_ready([pod])
            assert await status(pod) == 200 and app.restarts == 0

    asyncio.run(scenario())


def test_update_to_a_faulty_conf_file_stops_at_the_first_pod(make_cluster: MakeCluster) -> None:
    """The new pod's Sheaf does not start, so neither does its application; the old pods serve on with what they had."""

    async def scenario() -> None:
        async with make_cluster(rendered("native"), PACE) as cluster:
            old = await cluster.scale_up()
            caller = Caller(cluster.service.url, 0.02, keeps=False)
            faulty = with_conf(cluster.manifest, "\n[limits]\nmax_feilds = 102\n")
            cluster.update(faulty)
            rolling = asyncio.create_task(cluster.roll_out(faulty))
            await cluster.wait(lambda: len(cluster.pods) == len(old) + 1, 5, "there is a new pod")
            new = cluster.pods[-1]
            await cluster.wait(lambda: new.members["sheaf"].restarts == 2, 20, "it has been tried thrice")
            assert new.members["sheaf"].exit_codes == [1, 1] and "max_feilds" in new.log()
            assert new.members["app"].container is None and not new.ready
            assert cluster.present == [*old, new] and all(pod.ready for pod in old)
            for pod in old:
                assert (await metrics(pod))["sheaf_reload_last_successful"] == 0
            await caller.stop()
            assert caller.statuses.keys() == {200}
            rolling.cancel()

    asyncio.run(scenario())
