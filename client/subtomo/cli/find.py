"""Datasets and jobs by id, by name or as the newest one; maps by id or as files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from subtomo.client import Client
from subtomo.errors import InvalidInput
from subtomo.records import Dataset, Job

T = TypeVar("T", Dataset, Job)
NEWEST = "last"


def find_dataset(client: Client, text: str) -> Dataset:
    """Find the dataset with this id or name; ``last`` is the newest one."""
    if text.startswith("ds_"):
        return client.dataset(text)
    name = None if text == NEWEST else text
    return _one("dataset", text, client.datasets(name=name))


def find_job(client: Client, text: str) -> Job:
    """Find the job with this id or name; ``last`` is the newest one."""
    if text.startswith("job_"):
        return client.job(text)
    return _one("job", text, client.jobs())


def map_id(client: Client, text: str, voxel_size: float | None = None) -> str:
    """Id of a map which was uploaded or made before, or of a file which is uploaded now."""
    if text.startswith("map_") and not Path(text).exists():
        return text
    return client.upload_map(text, voxel_size=voxel_size).id


def _one(noun: str, text: str, records: Sequence[T]) -> T:
    if text == NEWEST and records:
        return records[0]
    matches = [record for record in records if record.name == text]
    if len(matches) == 1:
        return matches[0]
    if not matches:
        raise InvalidInput(f"There is no {noun} '{text}': 'subtomo {noun}s' lists those there are.")
    ids = ", ".join(record.id for record in matches)
    raise InvalidInput(f"{len(matches)} {noun}s are called '{text}': give the id ({ids}).")
