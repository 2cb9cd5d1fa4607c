"""What the service is, and whether it is well."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from subtomo_server.health import readiness
from subtomo_server.needs import NeedServices, NeedStore
from subtomo_server.schemas import Health, ServiceInfo
from subtomo_server.vocabulary import algorithms
from subtomo_server.words import installed_version

router = APIRouter(tags=["service"])


@router.get("/service-info", summary="What this service is")
def service_info(store: NeedStore) -> ServiceInfo:
    """Name, version and limits; needs no token."""
    return ServiceInfo(
        id="subtomo",
        name="Subtomo",
        version=installed_version(),
        api="v1",
        description="Subtomogram alignment, classification and averaging",
        algorithms=list(algorithms()),
        max_upload_bytes=store.settings.max_upload_bytes,
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
def ready(services: NeedServices, request: Request, response: Response) -> Health:
    """Ask database, broker, a worker's heartbeat and the disk; 503 if one is missing."""
    health = readiness(services.store, request.app.state.broker_url)
    response.status_code = 200 if health.status == "ready" else 503
    return health
