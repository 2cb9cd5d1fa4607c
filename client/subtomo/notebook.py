"""Datasets and jobs as a notebook shows them: HTML with pictures that are read when it is shown."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable
from html import escape
from typing import TYPE_CHECKING, Any

from subtomo.errors import SubtomoError

if TYPE_CHECKING:
    from subtomo.records import Dataset, Job

MOST_CLASSES = 8


class Reader:
    """Reads pictures for a record, as long as there is somebody to ask.

    It is no part of what the record says: records are equal whoever read them, and a copy or a
    pickled record has none.
    """

    def __init__(self, read: Callable[[str], bytes] | None = None, url: str = ""):
        self._read, self.url = read, url

    def __eq__(self, other: object) -> bool:
        """Whether the other one is a reader, too."""
        return isinstance(other, Reader)

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[type[Reader], tuple[()]]:
        """Leave the connection behind."""
        return Reader, ()

    def bytes_at(self, path: str) -> bytes | None:
        """What stands at a path below the API; None where it cannot be had."""
        try:
            return self._read(path) if self._read else None
        except SubtomoError:
            return None

    def picture(self, path: str, about: str) -> str:
        """An image with its bytes in it; empty where there is none."""
        content = self.bytes_at(path)
        if content is None:
            return ""
        data = base64.b64encode(content).decode()
        return f'<img alt="{escape(about)}" src="data:image/png;base64,{data}" width="360">'


def dataset_html(dataset: Dataset, reader: Reader) -> str:
    """A dataset: its state, what is known of its particles, their picture, and what is wrong."""
    size = dataset.voxel_size_angstrom
    rows = [
        ("status", dataset.status),
        ("particles", dataset.particles),
        ("box", dataset.box),
        ("voxel size", f"{size:.4g} Å" if size else None),
        ("missing region", (dataset.missing or {}).get("kind")),
    ]
    picture = ""
    if dataset.status == "ready":
        about = f"Central slices of particles of {dataset.name}; the last is the plain mean"
        picture = reader.picture(f"/datasets/{dataset.id}/preview.png", about)
    problems = _list(str(problem.get("detail", "")) for problem in dataset.problems)
    head = _head(dataset.name, f"datasets/{dataset.id}", dataset.id, reader)
    return f"<div>{head}{_table(rows)}{problems}{picture}</div>"


def job_html(job: Job, reader: Reader) -> str:
    """A job: its state, its verdict, and each class with share, resolution and slices."""
    progress = job.progress
    rows = [
        ("status", " ".join(filter(None, (job.status, job.status_reason)))),
        ("algorithm", f"{job.algorithm}, K = {job.classes}"),
        ("progress", f"iteration {progress.iteration} of {progress.iterations}"),
    ]
    told = reader.bytes_at(f"/jobs/{job.id}/iterations/last")
    last = json.loads(told) if told else {}
    metrics = last.get("metrics") or {}
    verdict = metrics.get("verdict") or {}
    said = f"<p><b>Verdict: {escape(verdict['summary'])}.</b></p>" if verdict else ""
    said += _list(verdict.get("reasons", ()))
    classes = (
        _class_html(job, reader, last["number"], metrics, index)
        for index in range(min(job.classes, MOST_CLASSES) if last else 0)
    )
    head = _head(job.name or job.id, f"jobs/{job.id}", job.id, reader)
    return f"<div>{head}{_table(rows)}{said}{''.join(classes)}</div>"


def _class_html(job: Job, reader: Reader, number: int, metrics: dict[str, Any], index: int) -> str:
    shares = metrics.get("class_shares") or []
    found = metrics.get("resolution_0143_angstrom") or []
    share = f", {100 * shares[index]:.1f} % of the particles" if index < len(shares) else ""
    resolution = found[index] if index < len(found) else None
    reached = f", {resolution:.1f} Å at FSC 0.143" if resolution else ""
    path = f"/jobs/{job.id}/iterations/{number}/classes/{index + 1}/slices.png"
    picture = reader.picture(path, f"Central slices (xy, xz, yz) of class {index + 1}")
    return f"<p>Class {index + 1}{share}{reached}<br>{picture}</p>"


def _head(name: str, path: str, record_id: str, reader: Reader) -> str:
    shown = f"<b>{escape(name)}</b>"
    if reader.url:
        shown = f'<a href="{escape(reader.url)}/{escape(path)}">{shown}</a>'
    return f"<p>{shown} <code>{escape(record_id)}</code></p>"


def _table(rows: Iterable[tuple[str, object]]) -> str:
    cells = (
        f"<tr><th>{escape(label)}</th><td>{escape(str(value))}</td></tr>"
        for label, value in rows
        if value not in (None, "")
    )
    return f"<table>{''.join(cells)}</table>"


def _list(sentences: Iterable[str]) -> str:
    items = "".join(f"<li>{escape(str(sentence))}</li>" for sentence in sentences)
    return f"<ul>{items}</ul>" if items else ""
