"""Results beside the truth, or beside another program's: the ``subtomo score`` command."""

from subtomo_server.scoring.command import score

__all__ = ["score"]
