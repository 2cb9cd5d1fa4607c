"""One particle to one reference: everything a job does, in one call."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Unpack

from subtomo.errors import InvalidInput, SubtomoError
from subtomo.fields import Algorithm, ParameterFields
from subtomo.jobs import JobCalls
from subtomo.maps import MapCalls
from subtomo.records import Alignment, Dataset, Job, Map
from subtomo.results import ResultCalls
from subtomo.simulation import SimulationCalls
from subtomo.volume_names import tells_voxel_size, volume_ending

_FINEST_VOXELS = 2.5  # resolution looked at by default
_PATIENCE_S = 60.0  # for a job which was cancelled to end


class PairCalls(SimulationCalls, MapCalls, JobCalls, ResultCalls):
    """Alignment of a single pair."""

    def align(
        self,
        particle: str | Path,
        reference: str | Path,
        *,
        tilt: tuple[float, float] | None = None,
        missing: Mapping[str, Any] | None = None,
        algorithm: Algorithm = "gradient",
        resolution: float | None = None,
        voxel_size: float | None = None,
        dark: bool = False,
        timeout: float | None = None,
        **parameters: Unpack[ParameterFields],
    ) -> Alignment:
        """Align one particle to one reference.

        The pair goes through the service as a job of one iteration on a dataset of one particle,
        both of which are deleted afterwards.

        Parameters
        ----------
        particle, reference : str or Path
            MRC or EM files of the same box and voxel size. The reference is complete.
        tilt, missing
            What is missing of the particle, as in `create_dataset`; nothing by default.
        algorithm : str
            ``gradient``, ``sag`` or ``frm``; ``fa`` does not refine.
        resolution : float, optional
            In ångström, to which both are compared; two and a half voxels by default.
        voxel_size : float, optional
            Ångström per voxel, where neither file says it: EM files never do.
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
        particle, reference = _there(particle), _there(reference)
        knows_particle, knows_reference = map(tells_voxel_size, (particle, reference))
        if voxel_size is None and not (knows_particle or knows_reference):
            raise InvalidInput(
                f"Neither {particle.name} nor {reference.name} says its voxel size: give "
                "voxel_size (--voxel-size), in Å."
            )
        region = missing if missing is not None or tilt is not None else {"kind": "none"}
        with ExitStack() as stack:
            known = self._map(stack, reference, voxel_size) if knows_reference else None
            if voxel_size is None and known is not None and not knows_particle:
                voxel_size = known.voxel_size_angstrom
            dataset = self._dataset(
                stack, particle, tilt=tilt, missing=region, voxel_size=voxel_size, dark=dark
            )
            voxel = self.seal(dataset, timeout=timeout).voxel_size_angstrom or 1.0
            uploaded = known or self._map(stack, reference, voxel)
            finest = resolution or _FINEST_VOXELS * voxel
            job = self.submit(
                dataset=dataset.id,
                algorithm=algorithm,
                name=f"{particle.name} to {reference.name}",
                iterations=1,
                half_sets=False,
                start={"kind": "maps", "maps": [uploaded.id]},
                resolution={"start_angstrom": finest, "limit_angstrom": finest},
                parameters=parameters,
            )
            stack.callback(self._forget, self._end, job)
            self.wait(job, timeout=timeout)
            with tempfile.TemporaryDirectory(prefix="subtomo-") as folder:
                return _pose(self.download_star(job, Path(folder) / "poses.star").read_text())

    def _map(self, stack: ExitStack, reference: Path, voxel_size: float | None) -> Map:
        """Upload the reference, until the stack ends."""
        uploaded = self.upload_map(reference, voxel_size=voxel_size)
        stack.callback(self._forget, self.delete_map, uploaded)
        return uploaded

    def _dataset(self, stack: ExitStack, particle: Path, **about: Any) -> Dataset:
        """Make a dataset of the particle alone, until the stack ends."""
        dataset = self.create_dataset(f"one particle: {particle.name}", **about)
        stack.callback(self._forget, self.delete_dataset, dataset)
        with tempfile.TemporaryDirectory(prefix="subtomo-") as folder:
            shutil.copyfile(particle, Path(folder) / f"particle{volume_ending(particle.name)}")
            self.upload(dataset, folder)
        return dataset

    def _end(self, job: Job) -> None:
        if not self.job(job).terminal:
            self.cancel(job)
            self.wait(job, must_succeed=False, timeout=_PATIENCE_S)
        self.delete_job(job)

    def _forget(self, delete: Callable[[Any], None], what: Any) -> None:
        """Tidy up; what cannot be deleted stays, the answer matters more."""
        with suppress(SubtomoError):
            delete(what)


def _there(path: str | Path) -> Path:
    if not Path(path).is_file():
        raise InvalidInput(f"There is no volume {path}.")
    return Path(path)


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
