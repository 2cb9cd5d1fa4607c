"""Particles whose truth is known, as files: the ``subtomo simulate`` command."""

from subtomo_server.simulating.command import simulate

__all__ = ["simulate"]
