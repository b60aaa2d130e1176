"""The volumes of a pod as folders: emptyDir, and ConfigMap and Secret as the kubelet writes them.

A ConfigMap's keys are files behind two links, key -> ..data/key and ..data -> a folder named by the time. A change writes
a new folder and renames a new ..data over the old one, so that a reader sees all of the old or all of the new.
"""

from __future__ import annotations

import itertools
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .pod_manifest import Manifest

_numbers = itertools.count()


class AtomicFolder:
    """A folder that changes all at once. `group`: who may read besides root where the files' mode says so; -1: root's."""

    def __init__(self, path: Path, files: Mapping[str, bytes], mode: int, group: int) -> None:
        self.path = path
        self._mode = mode
        self._group = group
        path.mkdir()
        path.chmod(0o755)
        self.write(files)

    def write(self, files: Mapping[str, bytes]) -> None:
        """Takes these in the place of all there were."""
        data = self.path / "..data"
        old = data.resolve() if data.exists() else None
        new = self.path / time.strftime(f"..%Y_%m_%d_%H_%M_%S.{next(_numbers)}")
        new.mkdir(mode=0o755)
        for name, content in files.items():
            (new / name).write_bytes(content)
            (new / name).chmod(self._mode)
            os.chown(new / name, -1, self._group)
        coming = self.path / "..data_tmp"
        coming.symlink_to(new.name)
        coming.rename(data)
        for name in files:
            if not (self.path / name).is_symlink():
                (self.path / name).symlink_to(f"..data/{name}")
        for link in self.path.iterdir():
            if not link.name.startswith("..") and link.name not in files:
                link.unlink()
        if old:
            shutil.rmtree(old)


class Volumes:
    """All volumes of a pod below `folder`. `spec`: the pod's."""

    def __init__(self, folder: Path, spec: Mapping[str, Any], manifest: Manifest) -> None:
        self._folder = folder
        self._volumes = {volume["name"]: volume for volume in spec.get("volumes", [])}
        self._group = int(spec.get("securityContext", {}).get("fsGroup", -1))
        self._written: dict[str, AtomicFolder] = {}
        folder.mkdir()
        for name, volume in self._volumes.items():
            if "emptyDir" in volume:
                self._make_empty(folder / name)
            else:
                mode = _source(volume).get("defaultMode", 0o644)
                self._written[name] = AtomicFolder(folder / name, _contents(volume, manifest), mode, self._group)

    def _make_empty(self, path: Path) -> None:
        path.mkdir()
        os.chown(path, -1, self._group)
        path.chmod(0o777 if self._group < 0 else 0o2777)

    def path(self, mount: Mapping[str, Any]) -> Path:
        """Where a container's volumeMount has its content."""
        assert "subPath" not in mount, f"{mount['name']}: a subPath never sees a change of its ConfigMap"
        assert mount["name"] in self._volumes, f"there is no volume {mount['name']}"
        return self._folder / mount["name"]

    def update(self, manifest: Manifest) -> None:
        """What ConfigMaps and Secrets have become."""
        for name, folder in self._written.items():
            folder.write(_contents(self._volumes[name], manifest))


def _source(volume: Mapping[str, Any]) -> Mapping[str, Any]:
    return next(volume[kind] for kind in ("configMap", "secret", "projected") if kind in volume)


def _contents(volume: Mapping[str, Any], manifest: Manifest) -> dict[str, bytes]:
    """By name the files of a configMap, secret or projected volume, or of one source of the latter."""
    if "projected" in volume:
        return {
            name: content
            for source in volume["projected"]["sources"]
            for name, content in _contents(source, manifest).items()
        }
    kind, source = ("ConfigMap", volume["configMap"]) if "configMap" in volume else ("Secret", volume["secret"])
    data = manifest.data(kind, source.get("secretName") or source["name"])
    if "items" in source:
        return {item["path"]: data[item["key"]] for item in source["items"]}
    return data
