"""What the service is, and whether it is well."""

from __future__ import annotations

from fastapi import APIRouter, Response

from subtomo_server.deps.dependencies import NeedServices, NeedStore
from subtomo_server.deps.waiting import LONGEST_WAIT_SECONDS
from subtomo_server.http.body_limits import DOCUMENT_BYTES
from subtomo_server.http.words import installed_version
from subtomo_server.jobs.vocabulary import algorithms
from subtomo_server.ops.schemas import Health, ServiceInfo, ServiceLimits, Storage
from subtomo_store.database.engine import Store
from subtomo_store.jobs import drains
from subtomo_store.jobs.dispatch import QUEUES

router = APIRouter(tags=["service"])


@router.get("/service-info", summary="What this service is")
def service_info(store: NeedStore) -> ServiceInfo:
    """Name, version, algorithms, queues, limits and storage; needs no token."""
    settings = store.settings
    with store.read() as session:
        drain = drains.drained(session)
    return ServiceInfo(
        id="subtomo",
        name="Subtomo",
        version=installed_version(),
        api="v1",
        description="Subtomogram alignment, classification and averaging",
        algorithms=list(algorithms()),
        queues=list(QUEUES),
        limits=ServiceLimits(
            upload_bytes=settings.max_upload_bytes,
            document_bytes=DOCUMENT_BYTES,
            wait_seconds=LONGEST_WAIT_SECONDS,
            attempts=settings.max_attempts,
            batches_at_once=settings.window,
        ),
        storage=_storage(store),
        resting=drain.reason if drain else None,
    )


@router.get("/health/live", summary="Whether the server runs")
async def live() -> Health:
    """Answer as long as the process can; needs no token."""
    return Health(status="live")


@router.get(
    "/health/ready",
    summary="Whether jobs can be done",
    responses={503: {"model": Health, "description": "Some part is missing: see `checks`."}},
)
async def ready(services: NeedServices, response: Response) -> Health:
    """Ask database, broker, a worker's heartbeat and the disk; 503 if one is missing.

    The answer comes within two seconds, also when a part hangs.
    """
    health = await services.readiness.ask()
    response.status_code = 200 if health.status == "ready" else 503
    return health


def _storage(store: Store) -> Storage:
    """Tell the space roughly: to the byte it would tell who uploads what others have already."""
    usage = store.files.usage()
    grain = max(1, usage.total // 100)
    return Storage(total_bytes=usage.total, free_bytes=usage.free // grain * grain)
