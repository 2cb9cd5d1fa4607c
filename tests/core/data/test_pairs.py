"""All pairs, shared out among the particles, and the clusters made of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from subtomo_core.data.clusters import Clusters
from subtomo_core.data.pairs import Pairs, blank_table, entry, partners
from subtomo_core.orientation.rotations import random_rotations


@given(st.integers(2, 40))
def test_every_pair_occurs_once_and_no_particle_has_more_than_another(count):
    rows = [partners(i, count).tolist() for i in range(count)]
    pairs = [frozenset((i, j)) for i, row in enumerate(rows) for j in row]
    assert len(pairs) == len(set(pairs)) == count * (count - 1) // 2
    assert all(len(pair) == 2 for pair in pairs)
    lengths = [len(row) for row in rows]
    assert max(lengths) - min(lengths) <= 1
    assert max(lengths) == blank_table(count).shape[1]


@pytest.mark.parametrize("count", [2, 5, 6])
def test_one_way_is_the_inverse_of_the_other(count):
    rng = np.random.default_rng(1)
    table, written = blank_table(count), {}
    for i in range(count):
        for column, j in enumerate(partners(i, count)):
            pose = random_rotations(rng, 1)[0], rng.normal(size=3)
            written[i, int(j)] = pose
            table[i, column] = entry(rng.random(), *pose)
    pairs = Pairs.of(table)
    np.testing.assert_array_equal(pairs.dissimilarity, pairs.dissimilarity.T)
    assert not np.diag(pairs.dissimilarity).any()
    for (i, j), (rotation, shift) in written.items():
        np.testing.assert_allclose(pairs.rotations[i, j], rotation, atol=1e-6)
        np.testing.assert_allclose(pairs.shifts[i, j], shift, atol=1e-6)
        point = rng.normal(size=3)
        there = pairs.rotations[i, j] @ point + pairs.shifts[i, j]
        back = pairs.rotations[j, i] @ there + pairs.shifts[j, i]
        np.testing.assert_allclose(back, point, atol=1e-6)


def blocks(sizes, within=0.3, between=1.0):
    """A matrix of blocks with a little noise, its particles shuffled; and their blocks."""
    rng = np.random.default_rng(2)
    own = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    unlike = np.where(own[:, None] == own, within, between)
    noise = 0.05 * rng.random(unlike.shape)
    unlike = unlike + noise + noise.T
    np.fill_diagonal(unlike, 0.0)
    return unlike, own


def clustered(unlike, classes, linkage):
    count = len(unlike)
    rotations = np.tile(np.eye(3), (count, count, 1, 1))
    shifts = np.stack(np.broadcast_arrays(*np.indices((count, count)), 0.0), -1)
    return Clusters.of(Pairs(unlike, rotations, shifts), classes, linkage)


@pytest.mark.parametrize("linkage", ["average", "complete", "ward"])
def test_clusters_are_the_blocks_by_size(linkage):
    unlike, own = blocks([3, 9, 5])
    found = clustered(unlike, 3, linkage)
    np.testing.assert_array_equal(found.members, np.array([2, 0, 1])[own])
    turns = np.diff(found.members[found.order]) != 0
    assert turns.sum() == 2, "clusters do not stand together in the order of the leaves"
    assert sorted(found.order) == list(range(17))


def test_the_medoid_is_least_unlike_and_poses_are_relative_to_it():
    unlike, _ = blocks([6, 4])
    found = clustered(unlike, 2, "average")
    for k, medoid in enumerate(found.medoids):
        inside = np.flatnonzero(found.members == k)
        sums = unlike[np.ix_(inside, inside)].sum(1)
        assert medoid == inside[sums.argmin()]
        np.testing.assert_array_equal(found.shifts[inside, 1], np.full(len(inside), medoid))
    assert found.within < 0.5 < found.between
    assert found.told.startswith("clusters of 6, 4 particles")


@pytest.mark.parametrize("classes", [1, 7])
def test_as_many_clusters_as_asked_for(classes):
    unlike, _ = blocks([7])
    found = clustered(unlike, classes, "average")
    assert np.unique(found.members).tolist() == list(range(classes))
    assert found.poses.rotations.shape == (7, classes, 3, 3)
    own = unlike[np.arange(7), found.medoids[found.members]]
    np.testing.assert_allclose(found.poses.best_score, 1.0 - own / 2.0)
    assert "particles" in found.told


def test_clusters_survive_their_arrays():
    found = clustered(blocks([4, 3])[0], 2, "complete")
    again = Clusters.from_arrays(found.to_arrays())
    for name, array in found.to_arrays().items():
        np.testing.assert_array_equal(getattr(again, name), array)
