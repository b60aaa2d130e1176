"""The application that the environment names, for `uvicorn sheaf_asgi:app`."""

from __future__ import annotations

import importlib
import os
from typing import Any

from .middleware import SheafMiddleware


def app_of_environment() -> SheafMiddleware:
    """SheafMiddleware around the application that SHEAF_APP names (`module:attribute`), with the token of SHEAF_TOKEN.

    Raises RuntimeError if there is none, ValueError without a token; an error within the application's module is left
    as it is.
    """
    name = os.environ.get("SHEAF_APP", "")
    module_name, _, attributes = name.partition(":")
    if not module_name or not attributes:
        raise RuntimeError(f"SHEAF_APP is {name!r}: set it to the application, as in SHEAF_APP=main:app")
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise
        raise RuntimeError(f"SHEAF_APP is {name!r}: there is no module {error.name!r} where Python looks") from error
    try:
        for attribute in attributes.split("."):
            found = getattr(found, attribute)
    except AttributeError as error:
        raise RuntimeError(f"SHEAF_APP is {name!r}: {error}") from error
    return SheafMiddleware(found)
