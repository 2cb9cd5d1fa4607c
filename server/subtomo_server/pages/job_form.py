"""The form of a new job: its fields are those of the specification, its checks those of posting."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from subtomo_core.errors import InputError, Problem
from subtomo_core.spec.dataset import DatasetSummary
from subtomo_core.spec.job import AnySpec
from subtomo_server.jobs.dry_run import DryRun, dry_run
from subtomo_server.jobs.posted_job import PostedJob
from subtomo_server.jobs.resolving import fits, provenance_of
from subtomo_server.pages.schema_fields import (
    Choice,
    Field,
    by_default,
    document_of,
    field_at,
    fields_in,
    in_words,
    merged,
)
from subtomo_store.database.engine import Store
from subtomo_store.database.people_records import User
from subtomo_store.database.records import Dataset, Job, Map
from subtomo_store.datasets import datasets, maps
from subtomo_store.datasets.provenance import places_among
from subtomo_store.errors import NotFoundError, StorageError
from subtomo_store.files.data_folder import Files
from subtomo_store.jobs import jobs
from subtomo_store.people import groups

Entered = Mapping[str, list[str]]
ALGORITHM = "algorithm"
USUAL = "faml"
SHOWN = 100
_FIRST = ("name", ALGORITHM, "classes", "iterations", "symmetry", "start.")
_SECTIONS = (
    ("Mask", ("mask.",)),
    ("Half sets", ("half_sets", "whole_tomograms")),
    ("Resolution", ("resolution.",)),
    ("Search and scores", ("parameters.",)),
    ("Starts, end and seed", ("starts", "trial_iterations", "stop_when_converged", "seed")),
    ("Queue and notice", ("priority", "queue", "webhook", "group", "batch_particles")),
)
_WITHOUT_RESULTS = frozenset({"draft", "queued"})


class Section(NamedTuple):
    """Fields under one heading."""

    title: str
    fields: tuple[Field, ...]


class JobForm(NamedTuple):
    """A form as it is shown.

    Attributes
    ----------
    entered : mapping of str to list of str
        What was entered, by the fields' names.
    problems, remarks : dict of str to list of str
        What is wrong, or hardly meant, by the fields' names; by the empty name what is of none.
    defaults : dict of str to str
        What empty fields come to.
    estimate : str
    options : dict of str to list of Choice
        Records that fields can name, by kind (`Field.refers_to`), and for jobs by the start.
    """

    entered: Entered
    problems: dict[str, list[str]]
    remarks: dict[str, list[str]]
    defaults: dict[str, str]
    estimate: str
    options: dict[str, list[Choice]]

    @property
    def first(self) -> tuple[Field, ...]:
        """Fields that are always shown."""
        return _chosen(_FIRST)

    @property
    def sections(self) -> tuple[Section, ...]:
        """All others."""
        return tuple(Section(title, _chosen(prefixes)) for title, prefixes in _SECTIONS)

    def of(self, field: Field) -> list[Choice]:
        """What a field that names records, or has choices, can be."""
        if field.kind == "choice":
            usual = self.defaults.get(field.name, field.default)
            return [by_default(usual), *field.choices]
        if not field.refers_to:
            return list(field.choices)
        start = next((c.value for c in field.when if c.field == "start.kind"), "")
        key = f"{field.refers_to}.{start}" if field.refers_to == "job" else field.refers_to
        found = self.options.get(key, [])
        known = {choice.value for choice in found}
        others = [Choice(v, v) for v in self.entered.get(field.name, ()) if v and v not in known]
        return [*found, *others]

    def value(self, name: str) -> str:
        """What was entered into a field."""
        usual = USUAL if name == ALGORITHM else ""
        return next((text for text in self.entered.get(name, ()) if text), usual)

    def counts(self, field: Field) -> bool:
        """Whether a field belongs to the algorithm and the choices made."""
        algorithm = self.value(ALGORITHM)
        if field.kinds and algorithm not in field.kinds:
            return False
        return all(self.value(condition.field) == condition.value for condition in field.when)

    @property
    def unfolded(self) -> bool:
        """Whether something in the sections is wrong, or was entered."""
        fields = [field for section in self.sections for field in section.fields]
        names = {field.name for field in fields if self.counts(field)}
        return any(name in self.problems or self.value(name) for name in names)


@cache
def job_fields() -> tuple[Field, ...]:
    """Every field that a job of any algorithm has, in the order of the form."""
    schema = PostedJob.model_json_schema()
    kinds = schema["discriminator"]["mapping"]
    definitions = schema["$defs"]
    own = {tag: definitions[reference.rpartition("/")[2]] for tag, reference in kinds.items()}
    order = [one["$ref"] for one in schema["oneOf"]]
    tags = sorted(own, key=lambda tag: order.index(kinds[tag]))
    choices = tuple(Choice(tag, own[tag]["title"], own[tag]["description"]) for tag in tags)
    algorithm = Field(ALGORITHM, "Algorithm", "How particles are aligned.", "variant", choices)
    found = merged({tag: fields_in({**own[tag], "$defs": definitions}) for tag in tags})
    return (algorithm, *(field for field in found if field.name != "dataset"))


def body_of(dataset_id: str, entered: Entered) -> dict[str, Any]:
    """The API's request body of what was entered; empty fields are left out.

    So are those that belong to other choices than were made, as a form without its script
    sends them.
    """
    form = JobForm(entered, {}, {}, {}, "", {})
    counted = [field for field in job_fields() if form.counts(field)]
    body = document_of(counted, entered)
    return {"dataset": dataset_id, ALGORITHM: USUAL, **body}


def checked(
    session: Session, store: Store, user: User, dataset_id: str, entered: Entered
) -> DryRun:
    """What posting a form would come to."""
    return dry_run(session, store, user, body_of(dataset_id, entered))


def by_field(problems: Iterable[Problem]) -> dict[str, list[str]]:
    """Sentences by the names of the fields that they are of; by the empty name of none."""
    found: dict[str, list[str]] = {}
    for problem in problems:
        details = found.setdefault(field_at(job_fields(), problem.pointer), [])
        if problem.detail not in details:
            details.append(problem.detail)
    return found


def defaults_of(spec: AnySpec | None) -> dict[str, str]:
    """What empty fields come to, by their names, as far as it is known before the job runs."""
    if spec is None:
        return {}
    document = spec.model_dump(mode="json")
    found = {field.name: _at(document, field.name) for field in job_fields()}
    shown = {name: in_words(value) for name, value in found.items() if value is not None}
    return {name: text for name, text in shown.items() if text and name not in (ALGORITHM, "name")}


def job_form(
    session: Session, store: Store, user: User, dataset: Dataset, entered: Entered
) -> JobForm:
    """The form of a new job on a dataset that is ready."""
    run = checked(session, store, user, dataset.id, entered)
    return JobForm(
        entered=entered,
        problems=by_field(run.problems),
        remarks=by_field(run.remarks),
        defaults=defaults_of(run.spec),
        estimate=run.estimate,
        options=_options(session, store.files, user, dataset),
    )


def _options(
    session: Session, files: Files, user: User, dataset: Dataset
) -> dict[str, list[Choice]]:
    alike = [m for m in maps.page(session, user.id, limit=SHOWN).items if _fits(m, dataset.summary)]
    found = jobs.page(session, user.id, limit=SHOWN).items
    with_results = [job for job in found if job.status not in _WITHOUT_RESULTS]
    others_on = {job.dataset_id for job in with_results}
    alike_in = {other: _same_size(session, user, other, dataset) for other in others_on}
    known_in = {other: _same_particles(session, files, other, dataset) for other in others_on}
    knowing = [job for job in with_results if known_in[job.dataset_id]]
    others = [job for job in with_results if alike_in[job.dataset_id]]
    return {
        "map": [Choice(m.id, m.name) for m in alike],
        "job.poses": [Choice("", "the particles' own table"), *map(_as_choice, knowing)],
        "job.job": [Choice("", "choose a job"), *map(_as_choice, others)],
        "group": [
            Choice("", "the dataset's"),
            *(
                Choice(member.group, member.group)
                for member in groups.memberships(session, user.id)
                if member.role != "viewer"
            ),
        ],
    }


def _as_choice(job: Job) -> Choice:
    what = f"{job.spec['algorithm']}, K = {job.spec.get('classes', 1)}"
    return Choice(job.id, f"{job.name} ({what})" if job.name else f"{what}, {job.id[:10]}")


def _same_size(session: Session, user: User, dataset_id: str, dataset: Dataset) -> bool:
    try:
        return _fits(datasets.get(session, dataset_id, user.id), dataset.summary)
    except NotFoundError:
        return False


def _same_particles(session: Session, files: Files, dataset_id: str, dataset: Dataset) -> bool:
    """Whether jobs on another dataset have poses of all particles of this one."""
    try:
        other = datasets.get(session, dataset_id)
        places_among(provenance_of(files, dataset), provenance_of(files, other), "")
    except (InputError, NotFoundError, StorageError):
        return False
    return True


def _fits(record: Map | Dataset, summary: DatasetSummary) -> bool:
    return fits(record.box or 0, record.voxel_size_angstrom or 0.0, summary)


def _chosen(prefixes: tuple[str, ...]) -> tuple[Field, ...]:
    return tuple(
        field
        for prefix in prefixes
        for field in job_fields()
        if field.name == prefix or (prefix.endswith(".") and field.name.startswith(prefix))
    )


def _at(document: Any, name: str) -> Any:
    for part in name.split("."):
        document = document.get(part) if isinstance(document, dict) else None
    return document
