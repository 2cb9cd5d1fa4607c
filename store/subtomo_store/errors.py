"""What can go wrong in the store, in words; nothing here knows HTTP."""

from __future__ import annotations

from subtomo_core.errors import SubtomoError


class StoreError(SubtomoError):
    """Base of the store's errors; each is told to a user as it stands."""


class NotFoundError(StoreError):
    """There is no such record, or it belongs to somebody else."""


class NotAllowedError(StoreError):
    """The record may be seen by this user, but this may not be done to it."""


class ConflictError(StoreError):
    """The record's present state does not allow this."""


class IdempotencyError(StoreError):
    """An idempotency key came back with another body."""


class StorageError(StoreError):
    """A file could not be written or read: the disk is full, damaged or not allowed."""


class DamagedError(StorageError):
    """A file is not any more what was written: reading it again gives the same."""


class GoneError(StoreError):
    """A file which the records name is not on the disk any more."""


class UnavailableError(StoreError):
    """The database does not answer at the moment; nothing is wrong with what was asked."""


class LeaseLostError(StoreError):
    """The task is no longer this worker's: what it made must not be published."""


class QuotaError(StoreError):
    """The user's disk quota does not hold this."""


class LockedError(StoreError):
    """Another connection is writing there at this moment."""
