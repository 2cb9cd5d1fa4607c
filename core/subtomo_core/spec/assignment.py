"""How an algorithm shares a particle out among poses and classes."""

from __future__ import annotations

from typing import Literal, NamedTuple


class Assignment(NamedTuple):
    """How particles are shared out; as it stands, each goes to its best pose (hard assignment).

    Attributes
    ----------
    soft : bool
        By likelihood over all candidates, not to the best one alone.
    voronoi_points : int
        Random rotations that weigh the candidates of a particle.
    noise : str or None
        One noise variance for all shells ('white') or one for each ('shells'); None where the
        form of the particles tells.
    sigma : float or None
        Standard deviation of the noise, where it is not estimated.
    fills : bool
        Averages fill what is missing of particles with a missing region, or with any weights
        where every pose is looked at; else they divide by weights.
    temperature : float
        What log-likelihoods are divided by.
    junk : float
        Prior probability that a particle shows none of the classes.
    regularisation : float
        Strength, times K^2 / N, which draws classes together at first (Scheres 2009).
    drawn_together : int
        Iterations for which classes are regularised and balanced.
    regroups : bool
        Classes that are alike are made one, and others divided.
    """

    soft: bool = False
    voronoi_points: int = 0
    noise: Literal["white", "shells"] | None = None
    sigma: float | None = None
    fills: bool = False
    temperature: float = 1.0
    junk: float = 0.0
    regularisation: float = 0.0
    drawn_together: int = 0
    regroups: bool = False


HARD = Assignment()
