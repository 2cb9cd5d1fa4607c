"""What a form of a page sent."""

from __future__ import annotations

from urllib.parse import parse_qs

from fastapi import Request


async def texts_of(request: Request) -> dict[str, list[str]]:
    """Read the fields of a form, each with all that was entered or chosen."""
    return parse_qs((await request.body()).decode("utf-8", "replace"))


async def fields_of(request: Request) -> dict[str, str]:
    """Read the fields of a form as they were typed; empty ones are left out."""
    return {name: values[0] for name, values in (await texts_of(request)).items()}
