"""Signal-to-noise ratio of aligned particles."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def snr_of_pairs(volumes: ArrayLike, mask: NDArray[np.float32] | None = None) -> float:
    """SNR of aligned volumes from the correlation of their pairs: ``rho / (1 - rho)``.

    Parameters
    ----------
    volumes : array_like
        Aligned volumes of one structure with independent noise, shape (m, n, n, n), m >= 2.
    mask : ndarray, optional
        Only voxels where the mask is above one half count, shape (n, n, n).

    Returns
    -------
    float
        Variance of the signal over variance of the noise; 0 where pairs do not correlate.

    References
    ----------
    Frank & Al-Ali (1975), Signal-to-noise ratio of electron micrographs obtained by cross
    correlation. Nature 256.
    """
    stack = np.asarray(volumes, np.float64)
    if len(stack) < 2:
        raise ValueError("at least two volumes are needed")
    flat = stack.reshape(len(stack), -1) if mask is None else stack[:, mask > 0.5]
    matrix = np.atleast_2d(np.corrcoef(flat))
    rho = float(matrix[np.triu_indices(len(stack), 1)].mean())
    return max(rho, 0.0) / max(1.0 - rho, np.finfo(float).tiny)
