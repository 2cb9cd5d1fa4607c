"""One particle to one reference: everything a job does, in one call."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from subtomo.datasets import DatasetCalls
from subtomo.errors import InvalidInput, SubtomoError
from subtomo.jobs import JobCalls
from subtomo.records import Alignment, Job
from subtomo.results import ResultCalls

_FINEST_VOXELS = 2.5  # resolution looked at by default
_PATIENCE_S = 60.0  # for a job which was cancelled to end


class PairCalls(DatasetCalls, JobCalls, ResultCalls):
    """Alignment of a single pair."""

    def align(
        self,
        particle: str | Path,
        reference: str | Path,
        *,
        tilt: tuple[float, float] | None = None,
        missing: Mapping[str, Any] | None = None,
        algorithm: str = "gradient",
        resolution: float | None = None,
        voxel_size: float | None = None,
        dark: bool = False,
        timeout: float | None = None,
        **parameters: Any,
    ) -> Alignment:
        """Align one particle to one reference.

        The pair goes through the service as a job of one iteration on a dataset of one particle,
        both of which are deleted afterwards.

        Parameters
        ----------
        particle, reference : str or Path
            MRC files of the same box and voxel size. The reference is complete.
        tilt, missing
            What is missing of the particle, as in `create_dataset`; nothing by default.
        algorithm : str
            ``gradient``, ``sag`` or ``frm``; ``fa`` does not refine.
        resolution : float, optional
            In ångström, to which both are compared; two and a half voxels by default.
        voxel_size : float, optional
            Ångström per voxel, where the files do not say it.
        dark : bool
            Whether protein is dark in the particle.
        timeout : float, optional
            Seconds to wait at the most.
        **parameters
            Parameters of the algorithm, such as ``score="fcs"``.

        Returns
        -------
        Alignment
            RELION's angles and origin, and the correlation with the reference.
        """
        for path in (particle, reference):
            if not Path(path).is_file():
                raise InvalidInput(f"There is no volume {path}.")
        region = missing if missing is not None or tilt is not None else {"kind": "none"}
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="subtomo-")))
            dataset = self.create_dataset(
                f"one particle: {Path(particle).name}",
                tilt=tilt,
                missing=region,
                voxel_size=voxel_size,
                dark=dark,
            )
            stack.callback(self._forget, self.delete_dataset, dataset)
            shutil.copyfile(particle, folder / "particle.mrc")
            self.upload(dataset, folder)
            voxel = self.seal(dataset, timeout=timeout).voxel_size_angstrom
            uploaded = self.upload_map(reference, voxel_size=voxel)
            stack.callback(self._forget, self.delete_map, uploaded)
            finest = resolution or _FINEST_VOXELS * (voxel or 1.0)
            job = self.submit(
                dataset=dataset.id,
                algorithm=algorithm,
                name=f"{Path(particle).name} to {Path(reference).name}",
                iterations=1,
                half_sets=False,
                start={"kind": "maps", "maps": [uploaded.id]},
                resolution={"start_angstrom": finest, "limit_angstrom": finest},
                parameters=parameters,
            )
            stack.callback(self._forget, self._end, job)
            self.wait(job, timeout=timeout)
            return _pose(self.download_star(job, folder / "poses.star").read_text())

    def _end(self, job: Job) -> None:
        if not self.job(job).terminal:
            self.cancel(job)
            self.wait(job, must_succeed=False, timeout=_PATIENCE_S)
        self.delete_job(job)

    def _forget(self, delete: Callable[[Any], None], what: Any) -> None:
        """Tidy up; what cannot be deleted stays, the answer matters more."""
        with suppress(SubtomoError):
            delete(what)


def _pose(star: str) -> Alignment:
    """The only row of a particle table."""
    lines = [line.strip() for line in star.partition("data_particles")[2].splitlines()]
    names = [line.split()[0].removeprefix("_rln") for line in lines if line.startswith("_rln")]
    row = next(line.split() for line in lines if line and not line.startswith(("_", "loop_", "#")))
    values = dict(zip(names, row, strict=True))
    return Alignment(
        rot=float(values["AngleRot"]),
        tilt=float(values["AngleTilt"]),
        psi=float(values["AnglePsi"]),
        origin_angstrom=(
            float(values["OriginXAngst"]),
            float(values["OriginYAngst"]),
            float(values["OriginZAngst"]),
        ),
        correlation=float(values["ParticleFigureOfMerit"]),
    )
