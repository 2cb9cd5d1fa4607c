"""Detection of folds that swap frames in every iteration.

A fold's references are averages of the other folds (docs/decisions/0006). Where half of the folds
lie in one frame and half in another, each meets mostly the other frame and goes there, at the
same time as all the others: the class stays double for ever. A fold that meets its old references
once more breaks the step. See docs/decisions/0063-folds-that-swap-frames.md.
"""

from __future__ import annotations

import numpy as np

from subtomo_core.arrays import Real

# Independent changes of the folds give a ratio of 1.3, a swap 4 and more.
_RATIO = 3.0  # of the mean square change of the folds' references over that of their mean
_LEAST = 0.005  # of that mean square change, over the references' own power


def late_folds(now: Real, before: Real, halves: int = 1) -> list[tuple[int, int]]:
    """Fold and class of references that should stay as they were for an iteration.

    Parameters
    ----------
    now, before : ndarray of float32, (F, K, n, n, n)
        What particles of each fold would meet next, and what they met.
    halves : int
        Parts of the folds that never meet: fold f belongs to part ``f % halves``.
    """
    found = []
    for k in range(now.shape[1]):
        for half in range(halves):
            folds = np.arange(half, len(now), halves)
            changes = [now[f, k].astype(np.float64) - before[f, k] for f in folds]
            each = np.array([np.square(change).sum() for change in changes])
            common = np.square(np.mean(changes, 0)).sum()
            power = np.mean([np.square(now[f, k], dtype=np.float64).sum() for f in folds])
            if each.mean() > max(_RATIO * common, _LEAST * power):
                found.append((int(folds[each.argmax()]), k))
    return found
