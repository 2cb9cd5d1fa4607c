"""The ``subtomo admin`` commands: users, tokens, groups and quotas, straight in the database."""

from subtomo_server.admin.commands import app

__all__ = ["app"]
