"""Posterior over the candidates of every class together."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from subtomo_core.evidence import Evidence
from subtomo_core.voronoi import PosePoints


def log_weights(
    evidence: list[Evidence], points: PosePoints, xi: float
) -> list[NDArray[np.float64]]:
    """Log-likelihood with the prior of each candidate, in each class, (C_k,).

    ``log tau - |t|^2 / (2 xi^2) + log-likelihood`` (FAML equations 5 to 8), with the Voronoi
    weights tau of ``points`` and the standard deviation xi of the shifts in voxels.
    """
    return [
        np.log(points.shares(e.rotations, e.shifts))
        - (e.shifts**2).sum(1) / (2.0 * xi * xi)
        + e.log_likelihood
        for e in evidence
    ]


def soft_posterior(
    weights: list[NDArray[np.float64]], priors: NDArray[np.float64], empty: float = -math.inf
) -> tuple[list[NDArray[np.float64]], float]:
    """Posterior over all candidates of every class together, and that there is nothing.

    Parameters
    ----------
    weights : list of ndarray, (C_k,)
        `log_weights`.
    priors : ndarray, (K,)
        Logarithm of each class's prior.
    empty : float
        That of empty space, whose log-likelihood is 0.

    Returns
    -------
    posterior : list of ndarray, (C_k,)
        Over classes and candidates; what their sum is short of 1 is that of empty space.
    log_likelihood : float
        Log of the normaliser.
    """
    logs = [float(prior) + part for prior, part in zip(priors, weights, strict=True)]
    top = max(empty, *(float(part.max()) for part in logs))
    parts = [np.exp(part - top) for part in logs]
    total = math.exp(empty - top) + sum(float(part.sum()) for part in parts)
    return [part / total for part in parts], top + math.log(total)


def balance(evidence: NDArray[np.float64]) -> NDArray[np.float64]:
    """Offsets of the classes with which all get the same share of some particles, (K,).

    Parameters
    ----------
    evidence : ndarray, (N, K)
        Log-evidence of each class for each particle.
    """
    classes = evidence.shape[1]
    offsets: NDArray[np.float64] = -evidence.mean(0)
    spread = max(1.0, float((evidence + offsets).std()))
    while True:  # soft shares first: hard ones have no slope
        for _ in range(100):
            scaled = (evidence + offsets) / spread
            soft = np.exp(scaled - scaled.max(1, keepdims=True))
            shares = (soft / soft.sum(1, keepdims=True)).mean(0)
            offsets -= 0.5 * spread * np.log(classes * shares + 1e-12)
        if spread <= 1.0:
            offsets -= offsets.mean()
            return offsets
        spread = max(1.0, 0.5 * spread)


def hard_posterior(evidence: list[Evidence]) -> tuple[list[NDArray[np.float64]], float]:
    """All weight on the pose of highest constrained correlation (FA, Xu et al. 2012)."""
    scores = [e.correlation for e in evidence]
    winner = int(np.argmax([s.max() for s in scores]))
    posterior = [np.zeros(len(s)) for s in scores]
    posterior[winner][int(np.argmax(scores[winner]))] = 1.0
    return posterior, float(scores[winner].max())
