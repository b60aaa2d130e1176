"""The fixtures of the files that run pods."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .pod_cluster import Cluster
from .pod_images import app_image, sheaf_image
from .pod_manifest import Manifest, hastened
from .pod_network import Network, node_network

APP = Path(__file__).with_name("pod_app.py")
AIR = 20.0  # seconds: a busy machine may take some to end a Python process
MakeCluster = Callable[..., Cluster]


def pods() -> tuple[Callable[..., object], Callable[..., object], Callable[..., object]]:
    """The fixtures `network`, the node that the file's tests are on; `store`, the folder that is the application's
    database; and `make_cluster`: make_cluster(manifest, pace, air, **environment of the application), a Cluster to be
    entered, whose times are `pace` times the manifest's, and its graces AIR seconds longer."""

    @pytest.fixture(scope="module")
    def network() -> Iterator[Network]:
        with node_network() as made:
            yield made

    @pytest.fixture
    def store(tmp_path: Path) -> Path:
        tmp_path.chmod(0o755)
        made = tmp_path / "store"
        made.mkdir()
        made.chmod(0o777)  # for whichever user the container has
        return made

    @pytest.fixture
    def make_cluster(network: Network, tmp_path: Path, store: Path) -> MakeCluster:
        def make(manifest: Manifest, pace: float, air: float = AIR, **environment: str) -> Cluster:
            images = {"sheaf": sheaf_image(), "*": app_image(APP, store, **environment)}
            return Cluster(hastened(manifest, pace), images, network, tmp_path / "cluster", pace, air)

        return make

    return network, store, make_cluster
