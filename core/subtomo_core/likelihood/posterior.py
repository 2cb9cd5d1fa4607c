"""Posterior over the candidates of every class together."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from subtomo_core.likelihood.candidates import Candidates
from subtomo_core.orientation.pose_weights import PosePoints

_CONTRASTS = np.linspace(0.1, 1.0, 10)


def log_weights(
    candidates: list[Candidates], points: PosePoints, xi: float
) -> list[NDArray[np.float64]]:
    """Log-likelihood with the prior of each candidate, in each class, (C_k,).

    ``log tau - |t|^2 / (2 xi^2) + log-likelihood`` (FAML equations 14 and 15), with the Voronoi
    weights tau of ``points`` and the standard deviation xi of the shifts in voxels.
    """
    return [
        np.log(points.shares(e.rotations, e.shifts))
        - (e.shifts**2).sum(1) / (2.0 * xi * xi)
        + e.log_likelihood
        for e in candidates
    ]


def soft_posterior(
    weights: list[NDArray[np.float64]],
    priors: NDArray[np.float64],
    empty: float = -math.inf,
    handicaps: NDArray[np.float64] | float = 0.0,
    showing: float | None = None,
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
    handicaps : ndarray, (K,)
        Logarithms that are added where classes compete; what is shown is told without.
    showing : float, optional
        Probability that there is anything, where it is told in another way than by `shown`.

    Returns
    -------
    posterior : list of ndarray, (C_k,)
        Over classes and candidates; what their sum is short of 1 is that of empty space.
    log_likelihood : float
        Log of the normaliser.
    """
    alone = log_evidence(weights)
    evidence = priors + alone
    classes = evidence + handicaps
    there = shown(evidence, empty) if showing is None else showing
    shares = there * np.exp(classes - np.logaddexp.reduce(classes))
    posterior = [
        np.exp(part - own) * share for part, own, share in zip(weights, alone, shares, strict=True)
    ]
    return posterior, float(np.logaddexp(np.logaddexp.reduce(evidence), empty))


def log_evidence(weights: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Logarithm of the sum of each class's `log_weights`, (K,)."""
    tops = np.array([part.max() for part in weights])
    sums = [np.exp(part - top).sum() for part, top in zip(weights, tops, strict=True)]
    evidence: NDArray[np.float64] = tops + np.log(sums)
    return evidence


def shown(evidence: NDArray[np.float64], empty: float) -> NDArray[np.float64]:
    """Probability that there is anything.

    From log-evidences (..., K) of the classes, with their priors, and that of empty space.
    """
    likelihood = np.logaddexp.reduce(evidence, -1)
    probability: NDArray[np.float64] = np.exp(likelihood - np.logaddexp(likelihood, empty))
    return probability


def shown_at_some_contrast(
    weights: list[NDArray[np.float64]],
    candidates: list[Candidates],
    priors: NDArray[np.float64],
    offsets: NDArray[np.float64],
    empty: float,
) -> float:
    """Probability that there is anything, references being as strong as suits the particle best.

    A reference of contrast a has the log-likelihood ``a gain - a^2 power / 2``. ``weights`` are
    `log_weights` of the ``candidates`` at full contrast, and ``offsets`` (K,) what the references'
    noise took from it. Candidates that were left early, at minus infinity, show nothing.
    """
    highest = -math.inf
    seen = [np.isfinite(e.gain) for e in candidates]
    if not all(part.any() for part in seen):
        return 0.0
    terms = [
        (w[i], e.gain[i], 0.5 * e.power[i])
        for w, e, i in zip(weights, candidates, seen, strict=True)
    ]
    for a in _CONTRASTS:
        parts = [w + (a - 1.0) * gain + (1.0 - a * a) * half for w, gain, half in terms]
        found = priors + a * a * offsets + log_evidence(parts)
        highest = max(highest, float(np.logaddexp.reduce(found)))
    return math.exp(highest - np.logaddexp(highest, empty))


def balance(
    evidence: NDArray[np.float64], counts: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Offsets of the classes with which all get the same share of some particles, (K,).

    Parameters
    ----------
    evidence : ndarray, (N, K)
        Log-evidence of each class for each particle.
    counts : ndarray, (N,)
        How much each particle counts. Default: all alike.
    """
    classes = evidence.shape[1]
    offsets: NDArray[np.float64] = -np.average(evidence, 0, counts)
    spread = max(1.0, float((evidence + offsets).std()))
    while True:  # soft shares first: hard ones have no slope
        for _ in range(100):
            scaled = (evidence + offsets) / spread
            soft = np.exp(scaled - scaled.max(1, keepdims=True))
            shares = np.average(soft / soft.sum(1, keepdims=True), 0, counts)
            offsets -= 0.5 * spread * np.log(classes * shares + 1e-12)
        if spread <= 1.0:
            offsets -= offsets.mean()
            return offsets
        spread = max(1.0, 0.5 * spread)


def hard_posterior(candidates: list[Candidates]) -> tuple[list[NDArray[np.float64]], float]:
    """All weight on the pose of highest constrained correlation (FA, Xu et al. 2012)."""
    scores = [e.correlation for e in candidates]
    winner = int(np.argmax([s.max() for s in scores]))
    posterior = [np.zeros(len(s)) for s in scores]
    posterior[winner][int(np.argmax(scores[winner]))] = 1.0
    return posterior, float(scores[winner].max())
