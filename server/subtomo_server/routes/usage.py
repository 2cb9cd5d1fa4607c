"""How much of the disk a user takes."""

from __future__ import annotations

from fastapi import APIRouter

from subtomo_server.datasets.schemas import UsageDocument
from subtomo_server.deps.dependencies import NeedStore, NeedUser
from subtomo_store.people import quotas

router = APIRouter(tags=["service"])


@router.get("/usage", summary="Your disk space")
def usage(store: NeedStore, user: NeedUser) -> UsageDocument:
    """What you take of your quota, and for what."""
    with store.read() as session:
        found = quotas.usage(session, user.id, store.settings)
    return UsageDocument.model_validate(found)
