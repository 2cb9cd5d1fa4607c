"""The page that shows two averages in one frame."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from subtomo_server.deps.dependencies import NeedStore, NeedUser
from subtomo_server.pages.rendering import render
from subtomo_store.datasets import datasets
from subtomo_store.jobs import jobs

router = APIRouter(include_in_schema=False)
SHOWN = 100


@router.get("/jobs/{job_id}/compare")
def compare_page(
    store: NeedStore,
    user: NeedUser,
    request: Request,
    job_id: str,
    other: Annotated[str, Query(alias="with")] = "",
) -> Response:
    """Show a class of a job beside one of another job, or of its own; jobs on its dataset first."""
    with store.read() as session:
        job = jobs.get(session, job_id, user.id)
        own = datasets.get(session, job.dataset_id)
        alike = jobs.page(session, user.id, dataset_id=job.dataset_id, limit=SHOWN).items
        found = {one.id: one for one in (job, *alike)}
        for one in jobs.page(session, user.id, limit=SHOWN).items:
            dataset = datasets.get(session, one.dataset_id)
            if dataset.box == own.box and dataset.voxel_size_angstrom == own.voxel_size_angstrom:
                found.setdefault(one.id, one)
        if other and other not in found:
            found[other] = jobs.get(session, other, user.id)
    others = [one for one in found.values() if one.iteration is not None]
    return render(request, "compare.html", job=job, others=others, other=other or job.id)
