"""How a client asks for an envelope."""

from __future__ import annotations

from urllib.parse import unquote_plus

from .frames import ENVELOPES

_PARAMETER = "sheaf"


def with_envelope(url: str, envelope: str) -> str:
    """`url` with the query parameter that asks Sheaf for `envelope`; it takes the place of an earlier one.

    Everything else in the URL keeps its bytes and its order. Raises ValueError for an unknown envelope.
    """
    if envelope not in ENVELOPES:
        raise ValueError(f"unknown envelope {envelope!r}: it is one of {', '.join(ENVELOPES)}")
    rest, hash_sign, fragment = url.partition("#")
    path, _, query = rest.partition("?")
    kept = [pair for pair in query.split("&") if pair and unquote_plus(pair.partition("=")[0]) != _PARAMETER]
    return f"{path}?{'&'.join([*kept, f'{_PARAMETER}={envelope}'])}{hash_sign}{fragment}"
