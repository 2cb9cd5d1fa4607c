"""What only an HTTP server can find wrong: said in sentences, without a status."""

from __future__ import annotations

from subtomo_core.errors import SubtomoError


class NotSignedInError(SubtomoError):
    """The request carries no valid token."""


class ScopeError(SubtomoError):
    """The token is valid, but not meant for this."""


class TooManyAttemptsError(SubtomoError):
    """Signing in failed too often; ``seconds`` later another attempt may come."""

    def __init__(self, seconds: int):
        super().__init__(
            f"Too many attempts to sign in have failed: wait {seconds} "
            f"second{'' if seconds == 1 else 's'} and try again."
        )
        self.seconds = seconds


class SignInRefusedError(SubtomoError):
    """The identity provider, or what it said, lets nobody in."""


class ForeignRequestError(SubtomoError):
    """A signed-in browser sent a write that started at another site's page."""


class BodyTooLargeError(SubtomoError):
    """The body is larger than this server takes."""


class BadRequestError(SubtomoError):
    """A header or a parameter cannot be understood."""


class NotStoredError(SubtomoError):
    """There is no such thing at this address."""


class WrongTusVersionError(SubtomoError):
    """The sender speaks another version of the tus protocol, or does not say which."""


class WrongMediaTypeError(SubtomoError):
    """The body comes under a name that this address does not take."""


class ChecksumMismatchError(SubtomoError):
    """A part of an upload is not what its sender summed."""
