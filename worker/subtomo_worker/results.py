"""The files of an iteration: maps, curves, poses and numbers."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from subtomo_core.data.statistics import Model, Poses
from subtomo_core.maximise.half_map_fsc import HalfCurves
from subtomo_store.datasets.stack import StackParticles
from subtomo_store.formats.mrc import write_volume
from subtomo_store.formats.star_carry import write_carried
from subtomo_store.formats.star_write import ParticleRows, write_particles
from subtomo_worker.folders import MODEL, POSES
from subtomo_worker.matrices import write_matrix
from subtomo_worker.publication import IterationFolder
from subtomo_worker.slices import draw_slices


@dataclass(frozen=True, eq=False)
class Results:
    """What an iteration made; ``half_sets`` (N,), 1 or 2, where two halves are kept apart.

    The poses are those of all starts which are compared; their scores are log-likelihoods where
    assignment is ``soft``, else correlations.
    """

    job_id: str
    number: int
    particles: StackParticles
    model: Model
    poses: Poses
    half_sets: NDArray[np.int64] | None
    soft: bool


def write_results(folder: IterationFolder, results: Results) -> dict[str, Any]:
    """Write every file of an iteration; the same results give the same bytes.

    Returns
    -------
    dict
        The metrics, as written to ``metrics.json``.
    """
    model, poses = results.model, results.poses
    voxel_size = results.particles.summary.voxel_size_angstrom
    folder.write(MODEL, lambda file: np.savez(file, allow_pickle=False, **model.to_arrays()))
    folder.write(POSES, lambda file: np.savez(file, allow_pickle=False, **poses.to_arrays()))
    for number, (average, halves) in enumerate(
        zip(model.maps, np.swapaxes(model.half_maps, 0, 1), strict=True), start=1
    ):
        volumes = {"": average, "_half_1": halves[0], "_half_2": halves[1]}
        for part, volume in volumes.items():
            folder.write(
                f"class_{number}{part}.mrc",
                lambda file, volume=volume: write_volume(file, volume, voxel_size),  # type: ignore[misc]
            )
    folder.write("particles.star", lambda file: write_table(file, results))
    folder.write("fsc.json", lambda file: _write_json(file, fsc_record(results)))
    metrics = plain({"iteration": results.number, **model.metrics.as_dict()})
    folder.write("metrics.json", lambda file: _write_json(file, metrics))
    folder.write("slices.png", lambda file: draw_slices(file, model.maps))
    if model.clusters is not None:
        write_matrix(folder, model.clusters)
    return metrics


def write_table(file: BinaryIO, results: Results) -> None:
    """Write the particles' table: the uploaded one with refined columns, if there was one."""
    rows, given = particle_rows(results), results.particles.given_table
    if given is None:
        write_particles(file, rows)
    else:
        write_carried(file, given, rows)


def particle_rows(results: Results) -> ParticleRows:
    """Poses beside the names which the dataset gave its particles; halves if kept apart.

    They are told in voxels of the volumes that have these names, which may be finer.
    """
    table, poses = results.particles.table(), results.model.own(results.poses)
    uploaded = results.particles.provenance()
    ctf_images, verdict = table.ctf_images, results.model.metrics.verdict
    return ParticleRows(
        images=[image.text for image in table.images],
        voxel_size=uploaded.voxel_size_angstrom,
        box=uploaded.box,
        rotations=poses.best_rotation,
        shifts=poses.best_shift * (uploaded.box / results.particles.summary.box),
        classes=poses.best_class + 1,
        probabilities=poses.best_probability,
        log_likelihoods=poses.best_score if results.soft else None,
        correlations=None if results.soft else poses.best_score,
        half_sets=results.half_sets,
        tomograms=table.tomograms,
        coordinates=table.coordinates,
        ctf_images=None if ctf_images is None else [image.text for image in ctf_images],
        microscope=table.microscope,
        remark=None if verdict is None else f"Subtomo: {verdict.movement}; {verdict.summary}",
    )


def fsc_record(results: Results) -> dict[str, Any]:
    """FSC curves of all classes over shells and resolutions; `HalfCurves` says what each is."""
    summary, model = results.particles.summary, results.model
    extent = summary.box * summary.voxel_size_angstrom
    shells = range(model.fsc.shape[1])
    named = HalfCurves(model.fsc, *model.fsc_parts)._asdict()
    return plain(
        {
            "kind": model.metrics.fsc_kind,
            "shared_angstrom": model.metrics.shared_angstrom,
            "voxel_size_angstrom": summary.voxel_size_angstrom,
            "box": summary.box,
            "shells": list(shells),
            "resolution_angstrom": [extent / shell if shell else None for shell in shells],
            "classes": [
                {name: [float(value) for value in values[k]] for name, values in named.items()}
                for k in range(len(model.fsc))
            ],
        }
    )


def plain(record: dict[str, Any]) -> dict[str, Any]:
    """Make a record fit for JSON: what is not a finite number becomes null."""
    return {key: _plain(value) for key, value in record.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return plain(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _write_json(file: BinaryIO, value: Any) -> None:
    file.write((json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode())
