"""Levenberg-Marquardt refinement of one pose, step by step (docs/method.md#refiners)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from subtomo_core.kernels.damped import damped_step
from subtomo_core.kernels.summits import turn_by
from subtomo_core.refiners.pairs import Array, Pair
from subtomo_core.refiners.scores import Local, Score, local

_FIRST_DAMPING = 0.1
_LEAST_DAMPING = 1e-4
_LONGEST = math.radians(20.0)  # of one turn
STILL = 1e-3  # a step that promises a smaller part of d is not worth a look
_MOST_FAILURES = 8  # steps in a row that did not help

FREE = np.eye(6)


@dataclass(eq=False)
class Climber:
    """One pose on its way down.

    Attributes
    ----------
    pair : FourierPair or another pair
    score : {"rcs", "fcs"}
    rotation, shift : ndarray, (3, 3) and (3,)
    free : ndarray, (6, p)
        Directions of (rotation vector, shift) in which it may move.
    here : Local
        The score about this pose.
    least : float
        A step that promises a smaller part of d is not taken.
    steps : float
        Looks so far, the first not counted.
    still : bool
        No step is left that promises anything.
    """

    pair: Pair
    score: Score
    rotation: Array
    shift: Array
    free: Array
    here: Local
    least: float = STILL
    steps: float = 0.0
    still: bool = False
    damping: float = _FIRST_DAMPING
    worse: float = 2.0
    failures: int = 0

    @classmethod
    def at(
        cls, pair: Pair, score: Score, rotation: Array, shift: Array, free: Array = FREE
    ) -> Climber:
        """Start from a pose."""
        here = local(pair.moments(rotation, shift), score)
        return cls(pair, score, rotation.copy(), shift.copy(), free, here)

    def again(self, pair: Pair, least: float | None = None) -> Climber:
        """A new climber from here, on another pair of the same volumes."""
        climber = Climber.at(pair, self.score, self.rotation, self.shift, self.free)
        climber.least = self.least if least is None else least
        return climber

    def step(self) -> bool:
        """Try one step; whether the pose moved.

        The damping follows the gain, the fall of d over that which the model promised (Nielsen
        1999): a good step lowers it, a bad one raises it faster and faster.
        """
        move = np.empty(6)
        promise = damped_step(self.here.slope, self.here.curve, self.free, self.damping, move)
        if promise <= self.least * self.here.value:
            self.still = True
            return False
        turn = math.sqrt(float(move[:3] @ move[:3]))
        if turn > _LONGEST:
            move *= _LONGEST / turn
            promise = float(2.0 * move @ self.here.slope - move @ self.here.curve @ move)
        rotation, shift = np.empty((3, 3)), self.shift + move[3:]
        turn_by(move[:3], self.rotation, rotation)
        self.steps += 1.0
        there = local(self.pair.moments(rotation, shift), self.score)
        inside = float(shift @ shift) <= self.pair.reach**2
        gain = (self.here.value - there.value) / promise
        if not (inside and gain > 0.0):
            self.damping *= self.worse
            self.worse *= 2.0
            self.failures += 1
            self.still = self.failures >= _MOST_FAILURES
            return False
        self.rotation, self.shift, self.here = rotation, shift, there
        easier = max(1.0 / 3.0, 1.0 - (2.0 * min(gain, 1.0) - 1.0) ** 3)
        self.damping = max(self.damping * easier, _LEAST_DAMPING)
        self.worse, self.failures = 2.0, 0
        return True

    def descend(self, most: int = 100) -> None:
        """Step until nothing is promised."""
        for _ in range(most):
            if self.still:
                return
            self.step()


def about(normal: Array) -> Array:
    """Free directions (6, 4) of a search about one axis (3,), in the fixed volume's frame."""
    free = np.zeros((6, 4))
    free[:3, 0] = normal / np.linalg.norm(normal)
    free[3:, 1:] = np.eye(3)
    return free
