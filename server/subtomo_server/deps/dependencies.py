"""What routes ask for: the store, the user, the bell; made at start-up and handed down here."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from threading import Event
from typing import Annotated, cast

from fastapi import Depends, Query, Request

from subtomo_server.datasets.dataset_checker import DatasetChecker
from subtomo_server.http.errors import NotSignedInError
from subtomo_server.jobs.comparing import Comparer
from subtomo_server.jobs.half_maps import HalfMapAnalysis
from subtomo_server.jobs.recent import Recent
from subtomo_server.ops.health import Readiness
from subtomo_server.ops.health_probe import Probe
from subtomo_server.ops.read_batcher import ReadBatcher
from subtomo_server.webhooks.sender import Sender
from subtomo_store.database.engine import Store
from subtomo_store.database.people_records import User
from subtomo_store.errors import NotAllowedError
from subtomo_store.jobs.bell import Bell
from subtomo_store.people.access import SignIn
from subtomo_store.upkeep.census import Census


@dataclass(frozen=True)
class Services:
    """Everything that lives as long as the server.

    ``stopping`` is set when the server is about to end, so that answers that wait come back.
    ``reads`` answers short questions to the database; ``recent`` keeps documents of jobs for a
    moment; ``census`` counts everything, with None where the database does not answer;
    ``comparer`` fits maps on maps; ``half_maps`` tells where half maps agree.
    """

    store: Store
    reads: ReadBatcher
    bell: Bell
    checker: DatasetChecker
    sender: Sender
    stopping: Event
    readiness: Readiness
    census: Probe[Census | None]
    recent: Recent
    comparer: Comparer
    half_maps: HalfMapAnalysis


def services_at(request: Request) -> Services:
    """Give what `create_app` made at start-up."""
    return cast("Services", request.app.state.services)


# These only look something up: as coroutines they need no thread, and go on when all hang.
async def services_of(request: Request) -> Services:
    """`services_at` for routes."""
    return services_at(request)


async def store_of(request: Request) -> Store:
    """Give the open store."""
    return services_at(request).store


async def user_of_request(request: Request) -> User:
    """Whom authentication let pass."""
    user = getattr(request.state, "user", None)
    if not isinstance(user, User):
        raise NotSignedInError("This address needs a token.")
    return user


async def sign_in_of_request(request: Request) -> SignIn:
    """By which token authentication let somebody pass."""
    found = getattr(request.state, "sign_in", None)
    if not isinstance(found, SignIn):
        raise NotSignedInError("This address needs a token.")
    return found


async def admin_of_request(request: Request) -> User:
    """Whom authentication let pass, if it is an administrator."""
    user = await user_of_request(request)
    if not user.admin:
        raise NotAllowedError("This needs an administrator: ask one.")
    return user


async def body_digest(request: Request) -> str:
    """SHA-256 of the request's body (small documents only)."""
    return hashlib.sha256(await request.body()).hexdigest()


NeedServices = Annotated[Services, Depends(services_of)]
NeedStore = Annotated[Store, Depends(store_of)]
NeedSignIn = Annotated[SignIn, Depends(sign_in_of_request)]
NeedAdmin = Annotated[User, Depends(admin_of_request)]
NeedUser = Annotated[User, Depends(user_of_request)]
NeedDigest = Annotated[str, Depends(body_digest)]
Limit = Annotated[int, Query(ge=1, le=200, description="Most rows of one page.")]
Cursor = Annotated[str | None, Query(description="From the page before, to go on behind it.")]
