"""Templates and the words in them."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from starlette.requests import Request
from starlette.responses import HTMLResponse

from subtomo_core.spec.missing_region import Each
from subtomo_server.http.words import exact_size, installed_version
from subtomo_server.pages.schema_fields import in_words
from subtomo_store.database.records import Job
from subtomo_store.datasets.region_words import parts_in_words
from subtomo_store.people.quotas import said

TEMPLATES = Path(__file__).parent / "templates"
STATUS_WORDS = {
    "draft": "being written",
    "queued": "waiting",
    "running": "running",
    "cancelling": "stopping",
    "succeeded": "done",
    "failed": "failed",
    "cancelled": "cancelled",
    "open": "open for files",
    "checking": "being checked",
    "ready": "ready",
    "rejected": "rejected",
}
REGION_WORDS = {"weights": "weights with each particle", "table": "as the table's rows tell"}


def render(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Fill a template; everything in it is escaped."""
    user = getattr(request.state, "user", None)
    page = environment().get_template(template)
    text = page.render(user=user, version=installed_version(), **values)
    return HTMLResponse(text, status)


def render_problem(request: Request, status: int, problem: dict[str, Any]) -> HTMLResponse:
    """Render a problem document as a page."""
    return render(request, "error.html", status, problem=problem)


@cache
def environment() -> Environment:
    """Make the template environment at the first page."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        ago=ago,
        status_words=status_words,
        title_of=title_of,
        region=region_words,
        symmetry=symmetry_words,
        algorithm=algorithm_words,
        iso=iso,
        size=said,
        exact_size=exact_size,
        field_value=in_words,
    )
    return made


def algorithm_words(name: str) -> str:
    """Acronyms in capitals, words as words."""
    return name.capitalize() if len(name) > 4 else name.upper()


def title_of(job: Job) -> str:
    """Name of a job for people: its own, or what it does."""
    return job.name or f"{algorithm_words(job.spec['algorithm'])}, {classes_words(job)}"


def classes_words(job: Job) -> str:
    """``1 class`` or ``2 classes``."""
    count = int(job.spec.get("classes", 1))
    return f"{count} class" if count == 1 else f"{count} classes"


def symmetry_words(job: Job) -> str:
    """``D7``, or ``D7, C1`` where each class has its own."""
    name = job.spec.get("symmetry", "C1")
    return name if isinstance(name, str) else ", ".join(name)


def status_words(status: str) -> str:
    """Say a status in plain words."""
    return STATUS_WORDS.get(status, status)


def iso(moment: datetime) -> str:
    """Machine-readable time, for ``<time datetime>``."""
    return moment.isoformat(timespec="seconds")


def ago(moment: datetime) -> str:
    """Say how long ago something was."""
    seconds = max(0.0, (datetime.now(UTC) - moment).total_seconds())
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        count = int(seconds // length)
        if count:
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"


def region_words(missing: dict[str, Any]) -> str:
    """Say a missing region in words."""
    kind = missing.get("kind")
    if kind == "wedge":
        return f"tilts from {_tilts(missing)} about {missing.get('axis', 'y')}"
    if kind == "pyramid":
        second = _tilts(missing, "second_")
        return f"tilts from {_tilts(missing)} and, about the second axis, {second}"
    if kind == "cone":
        return f"missing cone of {missing['half_angle_deg']:g}°"
    if kind == "by_name":
        return f"{len(missing['regions'])} given by {missing['by'].replace('_', ' ')}"
    return _parts(missing) if kind == "each" else REGION_WORDS.get(str(kind), "nothing missing")


def _parts(missing: dict[str, Any]) -> str:
    """Say the regions of particles that differ: ``3 missing wedges, by tomogram``."""
    parts, turned = missing["parts"], missing["turned"]
    words = region_words(parts[0]["region"])
    if len(parts) > 1:
        words = parts_in_words(Each.model_validate(missing))
    return f"{words}, turned with {turned} boxes" if turned else words


def _tilts(missing: dict[str, Any], prefix: str = "") -> str:
    low, high = missing[f"{prefix}tilt_min_deg"], missing[f"{prefix}tilt_max_deg"]
    return f"{low:g}° to {high:g}°".replace("-", "\N{MINUS SIGN}")
