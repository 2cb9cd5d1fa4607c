"""Every error as ``application/problem+json`` (RFC 9457): one table, one handler."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi_problem.error import Problem as HttpProblem
from fastapi_problem.handler import ExceptionHandler, new_exception_handler
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from subtomo_core.errors import InputError, Problem, SubtomoError
from subtomo_server.http import errors
from subtomo_server.http.validation import problems_of
from subtomo_store.errors import (
    ConflictError,
    GoneError,
    IdempotencyError,
    LockedError,
    NotAllowedError,
    NotFoundError,
    QuotaError,
    StorageError,
    UnavailableError,
)

Handler = Callable[[Request, Exception], Response]
TYPE_URI = "urn:subtomo:problem:{type}"


class Kind(NamedTuple):
    """How a class of errors looks over HTTP."""

    status: int
    type: str
    title: str


UNEXPECTED = Kind(500, "internal", "Something went wrong in the server")
KINDS: Mapping[type[SubtomoError], Kind] = {
    InputError: Kind(422, "invalid-input", "The input cannot be used"),
    NotFoundError: Kind(404, "not-found", "Not found"),
    errors.NotStoredError: Kind(404, "not-found", "Not found"),
    GoneError: Kind(410, "gone", "Not there any more"),
    ConflictError: Kind(409, "conflict", "Not possible in this state"),
    IdempotencyError: Kind(422, "idempotency-key-reused", "The idempotency key was used before"),
    StorageError: Kind(507, "storage", "The storage cannot take or give this"),
    QuotaError: Kind(507, "quota", "Your disk quota does not hold this"),
    LockedError: Kind(423, "locked", "Somebody else is writing there"),
    UnavailableError: Kind(503, "unavailable", "The service cannot answer at the moment"),
    errors.NotSignedInError: Kind(401, "not-signed-in", "A token is needed"),
    NotAllowedError: Kind(403, "not-allowed", "Not allowed with your role"),
    errors.ScopeError: Kind(403, "scope", "Not allowed with this token"),
    errors.TooManyAttemptsError: Kind(429, "too-many-attempts", "Too many attempts"),
    errors.SignInRefusedError: Kind(403, "sign-in-refused", "Signing in was refused"),
    errors.ForeignRequestError: Kind(403, "foreign-request", "Refused for your safety"),
    errors.BodyTooLargeError: Kind(413, "body-too-large", "The body is too large"),
    errors.WrongTusVersionError: Kind(412, "tus-version", "This speaks another version of tus"),
    errors.WrongMediaTypeError: Kind(415, "media-type", "The body is of another type"),
    errors.ChecksumMismatchError: Kind(460, "checksum-mismatch", "The bytes are not the sender's"),
    errors.BadRequestError: Kind(400, "bad-request", "The request cannot be understood"),
}
HTTP_KINDS: Mapping[int, Kind] = {
    404: Kind(404, "not-found", "Not found"),
    405: Kind(405, "method-not-allowed", "This address does not do that"),
    413: Kind(413, "body-too-large", "The body is too large"),
    416: Kind(416, "range-not-satisfiable", "The file is shorter than that"),
}
HEADERS = {401: {"www-authenticate": "Bearer"}, 503: {"retry-after": "5"}}
UNWRITTEN = {404: "There is nothing at this address.", 405: "This address does not do that."}


def kind_of(error: SubtomoError) -> Kind:
    """Look up the nearest class of ``error`` in the table."""
    for cls in type(error).__mro__:
        if cls in KINDS:
            return KINDS[cls]
    return UNEXPECTED


def told(problem: Problem) -> dict[str, Any]:
    """One problem as a JSON object, without its empty fields."""
    return {name: value for name, value in problem._asdict().items() if value not in ("", None)}


def install(
    app: FastAPI,
    known_fields: Callable[[], Iterable[str]],
    as_page: Callable[[Request, int, dict[str, Any]], Response],
) -> Handler:
    """Make every error of ``app`` a problem document; return the one handler which does it.

    Parameters
    ----------
    app : FastAPI
    known_fields : callable
        Names of fields, to suggest the one that was meant.
    as_page : callable
        Renders a status and a document for a person's browser that asks for a page.
    """

    def of_validation(
        _handler: ExceptionHandler, _request: Request, error: RequestValidationError
    ) -> HttpProblem:
        return _of_problems(problems_of(error.errors(), error.body, known_fields()))

    documents = new_exception_handler(
        handlers={SubtomoError: _of_domain},
        http_exception_handler=_of_http,
        request_validation_handler=of_validation,
        documentation_uri_template=TYPE_URI,
    )
    # Searched in this order: the widest class stands last.
    documents.handlers[Exception] = _unexpected

    def handler(request: Request, error: Exception) -> Response:
        response = documents(request, error)
        if not wants_page(request):
            return response
        return as_page(request, response.status_code, json.loads(bytes(response.body)))

    for cls in (Exception, HTTPException, RequestValidationError, SubtomoError):
        app.add_exception_handler(cls, handler)
    return handler


def wants_page(request: Request) -> bool:
    """Whether a person's browser asks for one of the pages."""
    page = not request.url.path.startswith("/api/")
    return page and "text/html" in request.headers.get("accept", "")


def _document(
    kind: Kind, detail: str, headers: Mapping[str, str] | None = None, **extras: Any
) -> HttpProblem:
    return HttpProblem(
        kind.title,
        type_=kind.type,
        detail=detail,
        status=kind.status,
        headers=dict(headers or {}),
        **extras,
    )


def _of_domain(_handler: ExceptionHandler, request: Request, error: SubtomoError) -> HttpProblem:
    kind = kind_of(error)
    if kind is UNEXPECTED:
        return _unexpected(_handler, request, error)
    headers = dict(HEADERS.get(kind.status, {}))
    if isinstance(error, errors.TooManyAttemptsError):
        headers["retry-after"] = str(error.seconds)
    if not isinstance(error, InputError):
        return _document(kind, str(error), headers)
    return _of_problems(list(error.problems))


def _of_problems(problems: list[Problem]) -> HttpProblem:
    detail = problems[0].detail
    if len(problems) > 1:
        detail = f"{len(problems)} things are wrong; the first: {detail}"
    return _document(KINDS[InputError], detail, errors=[told(problem) for problem in problems])


def _of_http(_handler: ExceptionHandler, _request: Request, error: HTTPException) -> HttpProblem:
    status = error.status_code
    kind = HTTP_KINDS.get(status, Kind(status, f"http-{status}", str(error.detail)))
    standard = str(error.detail) in {"Not Found", "Method Not Allowed"}
    detail = UNWRITTEN.get(status, str(error.detail)) if standard else str(error.detail)
    return _document(kind, detail, error.headers)


def _unexpected(_handler: ExceptionHandler, request: Request, error: Exception) -> HttpProblem:
    request_id = getattr(request.state, "request_id", "")
    structlog.get_logger("subtomo_server").error(
        "unexpected error", request_id=request_id, path=request.url.path, exc_info=error
    )
    return _document(
        UNEXPECTED,
        f"The server met an error of its own; its log tells more under the id {request_id}.",
        request_id=request_id,
    )
