"""How an iteration went, in numbers a person can follow."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from subtomo_core.data.verdict import Verdict


@dataclass(frozen=True)
class Metrics:
    """How an iteration went, in numbers a person can follow.

    Attributes
    ----------
    class_shares, class_shares_hard : tuple of float
        Sum of posteriors, and share of particles assigned, for each class; what they are short
        of 1 is junk.
    junk_share : float
        Share of the particles which show none of the classes, by their posteriors.
    resolution_05_angstrom, resolution_0143_angstrom : tuple of float
        Where each class's FSC falls below 0.5 and 0.143.
    fsc_kind : str
        ``shared reference``: the references of both halves have particles in common, so this
        FSC is not gold standard. ``gold standard``: they share nothing beyond `shared_angstrom`.
    shared_angstrom : float or None
        Resolution down to which the halves' references are the same; None if throughout.
    resolution_in_use_angstrom : float
        Low-pass of the references for the next iteration.
    sigma : float
        Noise standard deviation of a Fourier component, root mean square over shells.
    xi_voxels : float
        Standard deviation of the shifts' prior.
    log_likelihood : float
        Sum over particles, up to a constant of the data; comparable at one resolution in use.
    pose_change_deg : float
        Mean change of the best rotation since the iteration before.
    class_changes : int
        Particles which changed their best class.
    start : int or None
        Random start these numbers belong to, from 1; None where there was but one.
    start_log_likelihoods : tuple of float
        Of each start, while several are compared; the best one's averages and poses are shown.
    map_change : float or None
        Change of the averages since the iteration before, over their size, up to the resolution
        in use; of the class which changed most.
    converged : bool
        Nothing changes any more: no further iteration is needed.
    notes : tuple of str
        What else happened, a sentence each.
    symmetry_correlation : tuple of float or None
        How each class's average correlates with its average over the group which was asked for,
        without noise: that of the references which were given, or of the last average which was
        made without the symmetry. None in C1, and before there was one.
    symmetrised : tuple of bool
        Whether the class stands on its group's axes and is averaged over the group.
    alarms : tuple of str
        What is wrong without stopping the job, a sentence each, also if it was so before. What
        stands before the colon stays the same while it is.
    verdict : Verdict or None
        Whether the averages show anything: of a job's last iteration alone.
    """

    class_shares: tuple[float, ...] = ()
    class_shares_hard: tuple[float, ...] = ()
    junk_share: float = 0.0
    resolution_05_angstrom: tuple[float, ...] = ()
    resolution_0143_angstrom: tuple[float, ...] = ()
    fsc_kind: str = "shared reference"
    shared_angstrom: float | None = None
    resolution_in_use_angstrom: float = 0.0
    sigma: float = 0.0
    xi_voxels: float = 0.0
    log_likelihood: float = 0.0
    pose_change_deg: float = 0.0
    class_changes: int = 0
    start: int | None = None
    start_log_likelihoods: tuple[float, ...] = ()
    map_change: float | None = None
    converged: bool = False
    notes: tuple[str, ...] = ()
    symmetry_correlation: tuple[float | None, ...] = ()
    symmetrised: tuple[bool, ...] = ()
    alarms: tuple[str, ...] = ()
    verdict: Verdict | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        plain = {
            f.name: list(v) if isinstance(v := getattr(self, f.name), tuple) else v
            for f in fields(self)
        }
        return plain | {"verdict": self.verdict.as_dict() if self.verdict else None}
