"""The verdict on a job: converged or still moving; structure, noise, or undecided.

It rests on components that took no part in finding poses (`likelihood.held_out`,
`data.confirmation`), so that what a search makes of noise counts for nothing. See
docs/decisions/0052-a-verdict-on-every-job.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from subtomo_core.data.confirmation import Confirmation

State = Literal["structure", "noise", "undecided"]
Movement = Literal["converged", "still moving"]

_SURE = 4.0  # standard deviations of noise by which a structure stands out
_ORIENTED = 3.0  # the same for what turns with the particles
_QUIET = 2.0  # up to which there is nothing to see
_LEAST_SHARE = 0.25  # of a reference that has to be confirmed: noise of images is not all white
_WORTH = 0.5  # share of a reference whose absence has to be told from chance


@dataclass(frozen=True)
class Finding:
    """What is known of one class.

    Attributes
    ----------
    state : str
        ``structure``, ``noise`` or ``undecided``; ``empty`` where the class has no particles.
    share : float or None
        Part of the reference that held-out components confirm: 1 if all of it is true.
    error : float or None
        Its standard error.
    z : float
        That there is anything, in standard deviations of noise.
    oriented_z : float
        The same for what turns with the particles.
    confidence : float or None
        Probability that the state is not owed to chance; None where there is no decision.
    reason : str
    symmetry : str or None
        Point group that the average shows though the job imposed none.
    """

    state: Literal["structure", "noise", "undecided", "empty"]
    share: float | None
    error: float | None
    z: float
    oriented_z: float
    confidence: float | None
    reason: str
    symmetry: str | None = None

    @classmethod
    def of(cls, number: int, found: Confirmation, *, empty: bool = False) -> Finding:
        """Finding on class ``number`` (from 1)."""
        if empty:
            return cls("empty", None, None, 0.0, 0.0, None, f"class {number} has no particles")
        state, reason = _decided(found)
        z = (found.z, found.turning_z)
        known = found.power > 0 and math.isfinite(found.error)
        share, error = (found.share, found.error) if known else (None, None)
        return cls(state, share, error, *z, _confidence(state, found), f"class {number} {reason}")


@dataclass(frozen=True)
class Verdict:
    """What a job's averages are worth.

    Attributes
    ----------
    state : str
        ``structure`` where at least one class shows one, ``noise`` where every class that has
        particles shows nothing else, ``undecided`` otherwise.
    movement : str
        ``converged`` or ``still moving``.
    confidence : float or None
        Probability that the state is not owed to chance; None where there is no decision.
    summary : str
        State and confidence in words.
    classes : tuple of Finding
    reasons, advice : tuple of str
        What it rests on; what to try next, in this order.
    """

    state: State
    movement: Movement
    confidence: float | None
    summary: str
    classes: tuple[Finding, ...]
    reasons: tuple[str, ...]
    advice: tuple[str, ...]

    @classmethod
    def of(
        cls,
        findings: Sequence[Finding],
        *,
        converged: bool,
        caveats: Sequence[str] = (),
        advice: Sequence[str] = (),
        finer: Sequence[str] = (),
    ) -> Verdict:
        """Verdict from the findings on all classes; advice is kept where it is needed.

        ``finer`` is what would make averages finer that show structure, and stands first.
        """
        state = _together(findings)
        movement: Movement = "converged" if converged else "still moving"
        own = [f.confidence for f in findings if f.state == state and f.confidence is not None]
        confidence = (max(own) if state == "structure" else min(own)) if own else None
        return cls(
            state,
            movement,
            confidence,
            f"{_WORDS[state]}{_sure(confidence)}",
            tuple(findings),
            (*_reasons(findings), *caveats),
            (*finer, *(() if state == "structure" and converged else advice)),
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


_WORDS = {
    "structure": "the averages show structure",
    "noise": "no resolution: the averages hold nothing but noise",
    "undecided": "undecided: the averages may hold nothing but noise",
}


def _reasons(findings: Sequence[Finding]) -> list[str]:
    """Reasons of all classes; those without particles, counted from 1, in one sentence."""
    told = [finding.reason for finding in findings if finding.state != "empty"]
    empty = [str(k) for k, finding in enumerate(findings, 1) if finding.state == "empty"]
    if len(empty) > 1:
        return [*told, f"classes {', '.join(empty[:-1])} and {empty[-1]} have no particles"]
    return [*told, *(finding.reason for finding in findings if finding.state == "empty")]


def _together(findings: Sequence[Finding]) -> State:
    states = {finding.state for finding in findings} - {"empty"}
    if "structure" in states:
        return "structure"
    return "noise" if states == {"noise"} else "undecided"


def _decided(found: Confirmation) -> tuple[State, str]:
    """State of a class, and the words for it."""
    if not found.power > 0:
        return "undecided", "cannot be judged: nothing was held out of the search"
    told = (
        f"held-out components confirm {found.share:.0%} of it, give or take {found.error:.0%} "
        f"({found.z:.1f} standard deviations of noise)"
    )
    if found.z >= _SURE and found.share >= _LEAST_SHARE:
        if found.turning_z >= _ORIENTED:
            return "structure", f"shows structure: {told}"
        return (
            "undecided",
            f"holds something, but its orientations are not borne out: {told}, and of what turns "
            f"with the particles {found.turning_z:.1f}",
        )
    if found.z < _QUIET and found.share + 2.0 * found.error < _WORTH:
        return "noise", f"holds nothing but noise: {told}"
    return "undecided", f"is undecided: {told}"


def _confidence(state: State, found: Confirmation) -> float | None:
    if state == "structure":
        return _normal(min(found.z, found.turning_z))
    if state == "noise":
        return _normal((_WORTH - found.share) / found.error)
    return None


def _normal(z: float) -> float:
    """Probability that a normal number is below ``z``."""
    return 0.5 * math.erfc(-z / math.sqrt(2.0))


def _sure(confidence: float | None) -> str:
    if confidence is None:
        return ""
    # Four digits are more than the assumptions bear.
    return f" ({100.0 * min(confidence, 0.999):.1f} % sure)"
