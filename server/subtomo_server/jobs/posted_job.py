"""What may go with a specification in the body of a new job: priority, queue, webhook, group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Union, get_args

from pydantic import Field, RootModel, create_model

from subtomo_core.spec.job import AnySpec, JobSpec, job_spec_adapter
from subtomo_core.spec.job_base import JobBase
from subtomo_core.spec.references import GroupName
from subtomo_core.spec.strict import Strict
from subtomo_store.database.records import QueueName


class Handling(Strict):
    """How a job is to be handled; none of it changes what is computed."""

    priority: Annotated[
        int | None,
        Field(
            ge=0,
            le=100,
            title="Priority",
            description="Jobs of higher priority run first; 50 by default.",
        ),
    ] = None
    queue: Annotated[
        QueueName,
        Field(
            title="Queue",
            description="`preview` takes small jobs, which start next to long ones.",
        ),
    ] = "cpu"
    webhook: Annotated[
        str | None,
        Field(
            max_length=2000,
            title="Webhook",
            description="HTTPS address which is told when the job ends.",
        ),
    ] = None
    group: Annotated[
        GroupName | None,
        Field(
            title="Group of the job",
            description="To which the job shall belong; the dataset's by default.",
        ),
    ] = None


def _posted(kind: type[JobBase]) -> type[JobBase]:
    bases: Any = (kind, Handling)
    made: type[JobBase] = create_model(
        f"Posted{kind.__name__}", __base__=bases, __doc__=kind.__doc__
    )
    return made


if TYPE_CHECKING:
    Posted = JobSpec
else:
    _kinds, *_rules = get_args(JobSpec)
    # The specification's own union and validators, each kind with the handling beside its fields.
    Posted = Annotated[Union[tuple(_posted(kind) for kind in get_args(_kinds))], *_rules]  # noqa: UP007


class PostedJob(RootModel[Posted]):
    """A job's specification, and how it is to be handled, as the body of a request.

    A root model, since FastAPI would drop the union's own validators.
    """

    @property
    def spec(self) -> AnySpec:
        """The specification alone."""
        return job_spec_adapter.validate_python(self.asked)

    @property
    def handling(self) -> Handling:
        """How it is to be handled, alone."""
        return Handling.model_validate(self.root.model_dump(include=set(Handling.model_fields)))

    @property
    def asked(self) -> dict[str, Any]:
        """The specification as it was sent, before any default."""
        sent = self.root.model_dump(
            mode="json", exclude=set(Handling.model_fields), exclude_unset=True
        )
        return {**sent, "algorithm": self.root.algorithm}

    @property
    def document(self) -> dict[str, Any]:
        """The specification as it was sent, and how it is to be handled."""
        return {**self.asked, **self.handling.model_dump(mode="json", exclude_none=True)}
