"""A FastAPI application that takes a field with an underscore, as its guide shows."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Header

app = FastAPI()


@app.get("/key")
async def key(api_key: Annotated[str | None, Header(convert_underscores=False)] = None) -> dict[str, str | None]:
    return {"api_key": api_key}
