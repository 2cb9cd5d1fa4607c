"""The program's own source files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from support.services import ROOT

PACKAGES = (
    "client/subtomo",
    "core/subtomo_core",
    "store/subtomo_store",
    "server/subtomo_server",
    "worker/subtomo_worker",
)


def sources() -> Iterator[tuple[str, Path]]:
    """Names, from the repository's root, and paths of all modules."""
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            yield path.relative_to(ROOT).as_posix(), path
