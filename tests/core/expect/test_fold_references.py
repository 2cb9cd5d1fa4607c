from __future__ import annotations

import numpy as np

from subtomo_core.expect.fold_references import FoldReferences, coming_folds


def test_each_folds_references_are_made_halfway_through_the_one_before():
    folds = np.array([0, 1, 2, 0, 1, 2, 0, 1, 0])
    coming = coming_folds(folds)
    assert sorted(coming.values()) == [1, 2]
    for position, fold in coming.items():
        assert folds[position] == fold - 1
        earlier = int((folds[:position] == fold - 1).sum())
        assert earlier == int((folds == fold - 1).sum()) // 2


def test_folds_which_a_batch_lacks_are_passed_over():
    coming = coming_folds(np.array([3, 1, 3, 1]))
    assert list(coming.values()) == [3]
    assert coming_folds(np.array([2, 2])) == {}


def test_references_are_made_once_until_they_are_forgotten():
    made = []
    references = FoldReferences(lambda fold: made.append(fold) or object(), 2)
    references.make_ready(1)
    first = references[1]
    assert references[1] is first
    references.forget(1)
    assert references[1] is not first
    assert made == [1, 1]
