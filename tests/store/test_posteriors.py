from __future__ import annotations

import io

import numpy as np

from subtomo_core.data.poses import Poses
from subtomo_core.orientation.rotations import (
    angular_distance,
    from_relion_angles,
    random_rotations,
)
from subtomo_store.formats.posteriors import write_posteriors


def test_posteriors_are_read_without_pickle_and_come_to_1():
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.ones(4), 6)[:, :3]  # the fourth is junk
    rotations = random_rotations(rng, 18).reshape(6, 3, 3, 3)
    poses = Poses(rotations, rng.normal(size=(6, 3, 3)), shares, rng.normal(size=(6, 3)))
    target = io.BytesIO()
    write_posteriors(target, poses, [f"p{i}.mrc" for i in range(6)], 4.0, "log-likelihood")
    target.seek(0)
    with np.load(target, allow_pickle=False) as found:
        assert found["image"].tolist() == [f"p{i}.mrc" for i in range(6)]
        total = found["class_probability"].sum(1) + found["junk_probability"]
        assert np.allclose(total, 1.0)
        assert np.array_equal(found["rotation"], rotations)
        angles = from_relion_angles(found["relion_angles_deg"])
        assert angular_distance(angles, rotations).max() < 1e-5
        assert np.allclose(found["shift_angstrom"], 4.0 * poses.shifts)
        assert np.array_equal(found["score"], poses.score)
        assert found["score_kind"].item() == "log-likelihood"
        assert found["voxel_size_angstrom"].item() == 4.0
