"""What Prometheus asks for."""

from __future__ import annotations

import secrets

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from subtomo_server.auth.authentication import credentials_of
from subtomo_server.deps.dependencies import NeedServices
from subtomo_server.http.errors import NotSignedInError
from subtomo_server.ops import metrics
from subtomo_store.database.engine import Store
from subtomo_store.files.data_folder import Usage

router = APIRouter(include_in_schema=False)
PATIENCE_SECONDS = 5.0


@router.get("/metrics")
async def expose(services: NeedServices, request: Request) -> Response:
    """Everything in numbers, for whoever shows the token of SUBTOMO_METRICS_TOKEN."""
    _check_token(services.store, request)
    census = await services.census.answer(PATIENCE_SECONDS, None)
    usage = await run_in_threadpool(_usage, services.store)
    text = metrics.text(request.app.state.latency, census, usage)
    return Response(text, headers={"content-type": CONTENT_TYPE_LATEST})


def _check_token(store: Store, request: Request) -> None:
    expected = store.settings.metrics_token
    if expected is None:
        raise HTTPException(404)
    given = credentials_of(request.headers)
    token = "" if given is None or given.by_cookie else given.token
    if not secrets.compare_digest(token.encode(), expected.get_secret_value().encode()):
        raise NotSignedInError(
            "The numbers of this service need their own token: send the header "
            "'Authorization: Bearer TOKEN' with that of SUBTOMO_METRICS_TOKEN."
        )


def _usage(store: Store) -> Usage | None:
    try:
        return store.files.usage()
    except OSError:
        return None
