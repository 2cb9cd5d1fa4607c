"""Calls about a job's particles: listed, and made into datasets; and waiting for a dataset."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from subtomo.calls import Calls, id_of
from subtomo.errors import Fault, Rejected, SubtomoError
from subtomo.records import Dataset, Job

LONG_POLL_S = 5
PAUSE_S = 0.25
PAGE = 500


class SelectionCalls(Calls):
    """Particles of jobs, and datasets made of some of them."""

    def particles(
        self,
        job: str | Job,
        *,
        iteration: int | str = "last",
        sort: str = "row",
        descending: bool = False,
        limit: int | None = None,
        **choice: Any,
    ) -> list[dict[str, Any]]:
        """List a job's particles with class, posterior, score and pose.

        Parameters
        ----------
        job : str or Job
        iteration : int or str
            Its number, or ``last``.
        sort : str
            ``row``, ``class``, ``probability``, ``junk_probability`` or ``score``.
        descending : bool
        limit : int, optional
            Most particles; all by default.
        **choice
            Conditions, as in `select`; ``rows`` are none here.
        """
        order = {"sort": sort, "descending": descending}
        found: list[dict[str, Any]] = []
        while limit is None or len(found) < limit:
            size = PAGE if limit is None else min(PAGE, limit - len(found))
            page = self._get(
                *("jobs", id_of(job), "iterations", iteration, "particles"),
                params={**choice, **order, "offset": len(found), "limit": size},
            )
            found += page["items"]
            if len(page["items"]) < size:
                break
        return found

    def select(
        self,
        job: str | Job,
        name: str,
        *,
        classes: Sequence[int] | None = None,
        min_probability: float = 0.0,
        min_score: float | None = None,
        junk: bool = False,
        rows: Sequence[int] | None = None,
        binning: int | None = None,
        box: int | None = None,
        iteration: int | str = "last",
        group: str | None = None,
    ) -> Dataset:
        """Make a dataset of some of a job's particles, and wait until it is ready.

        The job's poses and classes become the particles' own: ``start={"kind": "poses"}``. A job
        on the finer particles can start from the poses of one on the binned:
        ``start={"kind": "poses", "job": ...}``.

        Parameters
        ----------
        job : str or Job
        name : str
            Of the dataset.
        classes : sequence of int, optional
            Best classes, counted from 1.
        min_probability : float
            Least posterior of the best class.
        min_score : float, optional
            Least score.
        junk : bool
            Whether particles that show none of the classes count in.
        rows : sequence of int, optional
            Rows of the table, counted from 1.
        binning : int, optional
            Voxels that become one along each axis, in Fourier space.
        box : int, optional
            Or the box in voxels, even, after cropping in Fourier space.
        iteration : int or str
            Its number, or ``last``.
        group : str, optional
            Group with which to share it.

        Raises
        ------
        HTTPProblem
            If no particle meets the conditions, or there is no such box.
        Rejected
            If the particles could not be copied.
        """
        asked = {
            "name": name,
            "classes": None if classes is None else list(classes),
            "min_probability": min_probability,
            "min_score": min_score,
            "junk": junk,
            "rows": None if rows is None else list(rows),
            "binning": binning,
            "box": box,
            "group": group,
        }
        body = {field: value for field, value in asked.items() if value is not None}
        place = ("jobs", id_of(job), "iterations", iteration, "selection")
        return self._until_checked(self._as_dataset(self._post(*place, json=body)))

    def _until_checked(self, record: Dataset, timeout: float | None = None) -> Dataset:
        """Wait for the end of a dataset's check; raises as `sound` does."""
        end = None if timeout is None else time.monotonic() + timeout
        while record.status == "checking":
            if end is not None and time.monotonic() > end:
                raise SubtomoError(f"The dataset is still being checked after {timeout:g} s.")
            asked = time.monotonic()
            answer = self._get("datasets", record.id, headers={"Prefer": f"wait={LONG_POLL_S}"})
            record = self._as_dataset(answer)
            if record.status == "checking" and time.monotonic() - asked < PAUSE_S:
                time.sleep(PAUSE_S)
        return sound(record)


def sound(record: Dataset) -> Dataset:
    """Give a dataset back that was not rejected.

    Raises
    ------
    Rejected
        With every problem found.
    """
    if record.status == "rejected":
        raise Rejected(record.id, [Fault.read(problem) for problem in record.problems])
    return record
