"""Numbers as Kubernetes, Sheaf's options and uvicorn's flags write them."""

from __future__ import annotations

import math
import re

_SCALES = {"": 1.0, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
_SECONDS = {"": 1.0, "ms": 0.001, "s": 1, "m": 60, "h": 3600}


def _scaled(text: object, scales: dict[str, float]) -> float:
    matched = re.fullmatch(r"([0-9.]+)([A-Za-z]*)", str(text))
    if not matched or matched[2] not in scales:
        raise ValueError(f"not a quantity: {text}")
    return float(matched[1]) * scales[matched[2]]


def quantity(text: object) -> float:
    """Of "256Mi" (bytes), "500m" (CPUs) or a plain number. Raises ValueError."""
    return _scaled(text, _SCALES)


def seconds(text: object) -> float:
    """Of "500ms", "10s", "1m", "1h" or a plain number of seconds. Raises ValueError."""
    return _scaled(text, _SECONDS)


def whole(text: object) -> int:
    """The quantity rounded up, as the downward API gives it with divisor 1."""
    return math.ceil(quantity(text))
