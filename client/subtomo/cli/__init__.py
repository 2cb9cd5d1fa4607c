"""The ``subtomo`` command."""

from subtomo.cli.app import app, main

__all__ = ["app", "main"]
