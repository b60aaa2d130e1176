"""A Sheaf whose operator has a token, and shows it."""

from __future__ import annotations

from pathlib import Path

from .sheaf import BINARY, Conf, Sheaf, merged

TOKEN = "operators-token"


class GuardedSheaf(Sheaf):
    """With `admin.token`, sent with each request to the admin listener that has no other."""

    def __init__(
        self, folder: Path, upstream: str, conf: Conf, routes: list[Conf] | None = None, *, binary: Path = BINARY
    ) -> None:
        super().__init__(folder, upstream, merged({"admin": {"token": TOKEN}}, conf), routes, binary=binary)

    def admin(self, path: str, method: str = "GET", headers: dict[str, str] | None = None) -> tuple[int, str]:
        return super().admin(path, method, {"Authorization": f"Bearer {TOKEN}", **(headers or {})})
