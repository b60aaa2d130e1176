"""A rolling update of the pods of docker/k8s under load: who was told "acknowledged" has lost nothing.

Two replicas behind a Service, as processes (harness/pod_kubelet.py). Everybody talks in one room, by plain WebSockets and
by Socket.IO, and comes back when closed, as pages do; others ask by GET. SHEAF_TEST_SCALE=10: ten times the clients, four
processes in a pod, too, and the manifest's own times. SHEAF_TEST_MANIFESTS: other examples of docker/k8s than native and
classic, or files of documents (helm template ... >chart.yaml), with commas.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from pathlib import Path

import pytest

from harness.pod_clients import Caller, PlainTalker, SocketIoTalker, Talker
from harness.pod_cluster import Cluster
from harness.pod_fixtures import AIR, MakeCluster, pods
from harness.pod_kubelet import Pod
from harness.pod_rendered import VARIANTS, rendered
from harness.sheaf import scaled

PLAIN, SOCKET_IO = scaled(8, 4), scaled(4, 2)
PACE = 0.15 if PLAIN < 80 else 1.0
# Seconds between a client's messages. Everybody gets everybody's: the machine carries the same at any scale.
EVERY = 0.1 * ((PLAIN + SOCKET_IO) / 12) ** 2
EXAMPLES = VARIANTS if PACE < 1 else (*VARIANTS, "processes")
SOURCES = os.environ.get("SHEAF_TEST_MANIFESTS", ",".join(EXAMPLES)).split(",")

network, store, make_cluster = pods()


def is_caught_up(talkers: list[Talker], store: Path) -> bool:
    lines = len((store / "lines").read_text().splitlines())
    return all(not one.unacknowledged and len(one.lines) == lines for one in talkers)


def check_store(talkers: list[Talker], store: Path) -> None:
    """Everything said is in it once, and everybody has read it in its order."""
    lines = (store / "lines").read_text().splitlines()
    assert sorted(lines) == sorted(f"{one.name}.{number}" for one in talkers for number in one.attempts)
    for one in talkers:
        assert one.faults == [] and one.lines == lines, one.name
        assert one.acknowledged == set(one.attempts), one.name


def check_arrivals(talkers: list[Talker], store: Path) -> None:
    """Nothing that a client sent once came twice, or out of order within a session."""
    arrived: Counter[tuple[str, ...]] = Counter()
    for file in store.glob("arrivals-*"):
        latest: dict[str, int] = {}
        for line in file.read_text().splitlines():
            session, client, number, attempt = line.split()
            arrived[client, number, attempt] += 1
            assert latest.get(session, 0) < int(number), f"{client}'s {number} came after {latest[session]}"
            latest[session] = int(number)
    assert set(arrived.values()) == {1}
    for client, number, attempt in arrived:
        (talker,) = [one for one in talkers if one.name == client]
        assert 1 <= int(attempt) <= talker.attempts[int(number)]


def check_pods(pods: list[Pod]) -> None:
    """Each ended by itself, in its time."""
    for pod in pods:
        assert "SIGKILL" not in str(pod.events())
        assert all(member.exit_codes == [0] for member in pod.members.values()), pod.log()


class Load:
    """All clients of the Service."""

    def __init__(self, url: str) -> None:
        self.plain = [PlainTalker(f"plain{number}", url, EVERY) for number in range(PLAIN)]
        self.talkers: list[Talker] = [*self.plain]
        self.talkers += [SocketIoTalker(f"io{number}", url, EVERY) for number in range(SOCKET_IO)]
        # A new connection each time; one connection that is busy; one that is idle for a while each time.
        self.callers = [Caller(url, 0.02, keeps=False), Caller(url, 0.02, keeps=True), Caller(url, PACE, keeps=True)]

    async def finish(self, cluster: Cluster, store: Path) -> None:
        """No new messages, and all that were sent are acknowledged and read by everybody."""
        for one in self.talkers:
            one.finishing = True
        await cluster.wait(lambda: is_caught_up(self.talkers, store), 30, "everybody has read all")

    def check_connections(self) -> None:
        """No request has failed, and no attempt to come back; each client of the old pods was asked to leave."""
        assert all(one.statuses.keys() == {200} for one in self.callers), [one.statuses for one in self.callers]
        assert all(one.refused == [] for one in self.talkers), [one.refused for one in self.talkers]
        assert all(one.ends for one in self.talkers)
        assert {end for one in self.plain for end in one.ends} == {"1012"}

    async def stop(self) -> None:
        await asyncio.gather(*(one.stop() for one in self.talkers), *(one.stop() for one in self.callers))


@pytest.mark.parametrize("source", SOURCES)
def test_rolling_update_loses_nothing_acknowledged(make_cluster: MakeCluster, store: Path, source: str) -> None:
    async def scenario() -> None:
        async with make_cluster(rendered(source), PACE, air=AIR if PACE < 1 else 0) as cluster:
            old = await cluster.scale_up()
            load = Load(cluster.service.url)
            await cluster.wait(lambda: all(len(one.acknowledged) > 1 for one in load.talkers), 60, "everybody talks")
            await cluster.roll_out(cluster.manifest)
            await load.finish(cluster, store)
            load.check_connections()
            await load.stop()
            check_store(load.talkers, store)
            check_arrivals(load.talkers, store)
            check_pods(old)

    asyncio.run(scenario())
