"""What only an HTTP server can find wrong: said in sentences, without a status."""

from __future__ import annotations

from subtomo_core.errors import SubtomoError


class NotSignedInError(SubtomoError):
    """The request carries no valid token."""


class ForeignRequestError(SubtomoError):
    """A signed-in browser sent a write which started at another site's page."""


class BodyTooLargeError(SubtomoError):
    """The body is larger than this server takes."""


class BadRequestError(SubtomoError):
    """A header or a parameter cannot be understood."""


class NotStoredError(SubtomoError):
    """There is no such thing at this address."""
