"""Passwords: kept as argon2id hashes, compared in the same time whoever asks."""

from __future__ import annotations

from functools import cache
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from subtomo_core.errors import InputError, Problem

SHORTEST, LONGEST = 10, 1000
AT_ONCE = 4


def checked(password: str) -> str:
    """Give a password back that is long enough.

    Raises
    ------
    InputError
        If it is too short, or absurdly long.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        told = (
            f"the password has {len(password)} characters: choose one of {SHORTEST} to {LONGEST}; "
            "several words in a row do well"
        )
        raise InputError(Problem(told, pointer="/password"))
    return password


def hashed(password: str) -> str:
    """Hash of a password with a salt of its own."""
    given = checked(password)
    with _turns():
        return PasswordHasher().hash(given)


def matches(password_hash: str | None, password: str) -> bool:
    """Whether a password is the one of the hash; takes as long where there is no hash."""
    hasher, given = PasswordHasher(), password[:LONGEST]
    with _turns():
        if password_hash is None:
            hasher.hash(given)
            return False
        try:
            return hasher.verify(password_hash, given)
        except (VerificationError, InvalidHashError):
            return False


def outdated(password_hash: str) -> bool:
    """Whether a hash was made with weaker parameters than today's."""
    return PasswordHasher().check_needs_rehash(password_hash)


@cache
def _turns() -> BoundedSemaphore:
    """A hash takes 64 MiB on purpose: few at once, however many try to sign in."""
    return BoundedSemaphore(AT_ONCE)
