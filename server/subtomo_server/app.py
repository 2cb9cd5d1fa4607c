"""The application: everything is made at start-up and handed down."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from threading import Event

import anyio.to_thread
from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from subtomo_core.errors import SubtomoError
from subtomo_server.auth.authentication import Authentication
from subtomo_server.datasets.dataset_checker import DatasetChecker
from subtomo_server.deps.dependencies import Services
from subtomo_server.http import problems
from subtomo_server.http.body_limits import BodyLimit
from subtomo_server.http.headers import SecurityHeaders
from subtomo_server.http.latency import Latency
from subtomo_server.http.request_log import RequestLog
from subtomo_server.http.words import installed_version
from subtomo_server.jobs.comparing import Comparer
from subtomo_server.jobs.half_maps import HalfMapAnalysis
from subtomo_server.jobs.recent import Recent
from subtomo_server.jobs.vocabulary import field_names
from subtomo_server.ops.health import Readiness
from subtomo_server.ops.health_probe import Probe
from subtomo_server.ops.read_batcher import ReadBatcher
from subtomo_server.pages import account as account_page
from subtomo_server.pages import (
    again,
    compare,
    docs,
    forms,
    help_site,
    people,
    sign_in,
    sign_in_oidc,
    views,
)
from subtomo_server.pages.rendering import render_problem
from subtomo_server.routes import (
    account,
    comparing,
    datasets,
    display,
    events,
    exports,
    groups,
    half_maps,
    jobs,
    lifecycle,
    maps,
    metrics,
    particles,
    postprocessing,
    results,
    service,
    truth,
    uploads,
    usage,
    users,
)
from subtomo_server.routes.openapi import TAGS, with_sign_in
from subtomo_server.webhooks.sender import Sender
from subtomo_store.config.settings import Settings
from subtomo_store.database.engine import Store, open_store
from subtomo_store.jobs.bell import Bell
from subtomo_store.upkeep import census
from subtomo_store.upkeep.census import Census

API = "/api/v1"
HERE = Path(__file__).parent
# Answers take milliseconds, most of them under the interpreter's lock: more threads would only
# make each other wait.
THREADS = 10
COLLECT_AFTER = (20_000, 20, 50)  # objects; young collections; middle ones
CLEAN_OLDER_THAN_SECONDS = 24 * 3600.0
# Searched in this order: what is asked for most stands first.
OF_JOBS = (jobs, events, results, display, particles, exports, lifecycle)
OF_RESULTS = (comparing, postprocessing, half_maps)
ROUTES = (
    *OF_JOBS,
    *OF_RESULTS,
    datasets,
    truth,
    uploads,
    maps,
    service,
    usage,
    account,
    groups,
    users,
)
SIGNING_IN = (sign_in, sign_in_oidc)
PAGES = (metrics, *SIGNING_IN, docs, help_site, views, compare, forms, again, account_page, people)


def create_app(settings: Settings, stopping: Event | None = None) -> FastAPI:
    """Make the server for ``settings``; nothing is opened before it starts.

    Parameters
    ----------
    settings : Settings
        ``broker_url`` must be named here: the embedded form starts a broker first.
    stopping : threading.Event, optional
        Set it to make every waiting answer come back at once.
    """
    if settings.broker_url is None:
        raise SubtomoError("Name the broker in SUBTOMO_BROKER_URL, or start by 'subtomo serve'.")
    app = FastAPI(
        title="Subtomo",
        version=installed_version(),
        summary="Subtomogram alignment, classification and averaging",
        openapi_tags=TAGS,
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan(settings, settings.broker_url, stopping or Event()),
    )
    app.state.latency = Latency()
    handler = problems.install(app, field_names, render_problem)
    # The last one added is the outermost.
    app.add_middleware(Authentication, handler=handler)
    app.add_middleware(BodyLimit, handler=handler, upload_limit=_upload_limit(settings))
    app.add_middleware(SecurityHeaders)
    app.add_middleware(RequestLog, latency=app.state.latency)
    for module in ROUTES:
        app.include_router(module.router, prefix=API)
    for page in PAGES:
        app.include_router(page.router)
    app.mount("/static", StaticFiles(directory=HERE / "pages" / "static"), name="static")
    app.mount("/help", help_site.HelpSite(help_site.SITE), name="help")
    with_sign_in(app)
    return app


def _upload_limit(settings: Settings) -> Callable[[Scope], int | None]:
    def limit(scope: Scope) -> int | None:
        path, method = scope["path"], scope["method"]
        of_dataset = path.startswith(f"{API}/datasets/")
        takes_bytes = (
            (method == "PUT" and of_dataset and "/files/" in path)
            or (method in ("PATCH", "POST") and of_dataset and "/uploads/" in path)
            or (method == "POST" and path == f"{API}/maps")
        )
        return settings.max_upload_bytes if takes_bytes else None

    return limit


def _lifespan(
    settings: Settings, broker_url: str, stopping: Event
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        services = await run_in_threadpool(_open, settings, broker_url, stopping)
        _spare_collections()
        anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
        app.state.services = services
        try:
            yield
        finally:
            stopping.set()
            await run_in_threadpool(_close, services)

    return lifespan


def _spare_collections() -> None:
    """Let the collector pass over what lives as long as the server, and come less often.

    A full collection looks at every object of every library, and all answers wait for it.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


def _open(settings: Settings, broker_url: str, stopping: Event) -> Services:
    store: Store = open_store(settings)
    store.migrate()
    store.files.clean(CLEAN_OLDER_THAN_SECONDS)
    checker = DatasetChecker(store)
    checker.start()
    sender = Sender(store)
    sender.start()
    reads = ReadBatcher(store)
    reads.start()
    return Services(
        store=store,
        reads=reads,
        bell=Bell(broker_url),
        checker=checker,
        sender=sender,
        stopping=stopping,
        readiness=Readiness(store, broker_url),
        census=Probe(lambda: _count(store)),
        recent=Recent(),
        comparer=Comparer(),
        half_maps=HalfMapAnalysis(),
    )


def _count(store: Store) -> Census | None:
    with store.read() as session:
        return census.take(session)


def _close(services: Services) -> None:
    services.checker.stop()
    services.sender.stop()
    services.reads.stop()
    services.bell.close()
    services.store.close()
