"""Signing a browser in by an OpenID Connect provider."""

from __future__ import annotations

import secrets
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse

from subtomo_server.auth.accounts import session_of_identity
from subtomo_server.auth.oidc import Flow, Provider
from subtomo_server.deps.dependencies import NeedStore
from subtomo_server.http.errors import NotStoredError, SignInRefusedError
from subtomo_server.pages.sessions import address_of, forget_flow, keep_flow, kept_flow, welcome
from subtomo_server.pages.sign_in import sign_in_page
from subtomo_store.database.engine import Store

router = APIRouter(include_in_schema=False)


@router.get("/login/oidc")
async def begin(store: NeedStore, request: Request) -> Response:
    """Send the browser to the provider."""
    try:
        flow, address = await run_in_threadpool(_provider(store, request).start)
    except SignInRefusedError as error:
        return sign_in_page(store, request, error, 502)
    return keep_flow(request, RedirectResponse(address, status_code=303), flow)


@router.get("/login/oidc/callback")
async def end(
    store: NeedStore,
    request: Request,
    code: Annotated[str, Query()] = "",
    state: Annotated[str, Query()] = "",
) -> Response:
    """Take the provider's answer, which must belong to a sign-in begun in this browser."""
    provider, flow = _provider(store, request), kept_flow(request)
    try:
        if flow is None or not secrets.compare_digest(flow.state, state) or not code:
            raise SignInRefusedError("This sign-in was not begun here, or long ago: begin again.")
        text = await run_in_threadpool(_session, store, provider, flow, code)
    except SignInRefusedError as error:
        return forget_flow(sign_in_page(store, request, error, 403))
    return forget_flow(welcome(request, text))


def _provider(store: Store, request: Request) -> Provider:
    if store.settings.oidc_issuer is None:
        raise NotStoredError("This service has no identity provider: sign in by password or link.")
    return Provider(store.settings, f"{address_of(request)}/login/oidc/callback")


def _session(store: Store, provider: Provider, flow: Flow, code: str) -> str:
    return session_of_identity(store, provider.finish(flow, code))
