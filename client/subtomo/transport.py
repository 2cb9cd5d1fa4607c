"""One HTTP connection pool with the token, repeated attempts and problems as exceptions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx

from subtomo.connection import Connection
from subtomo.errors import (
    Conflict,
    ConnectionFailed,
    Fault,
    HTTPProblem,
    NotFound,
    NotSignedIn,
)
from subtomo.patience import Patience

BUSY = frozenset({502, 503, 504})
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_BY_STATUS: Mapping[int, type[HTTPProblem]] = {
    401: NotSignedIn,
    403: NotSignedIn,
    404: NotFound,
    409: Conflict,
    410: NotFound,
}


class Transport:
    """Sends requests; says in plain words why one failed.

    Parameters
    ----------
    connection : Connection
        Address and token.
    timeout : float
        Seconds to wait for a connection or for the next bytes.
    patience : float
        Seconds to go on trying, where a request may be repeated.
    """

    def __init__(self, connection: Connection, *, timeout: float, patience: float):
        self.connection = connection
        self.patience = patience
        self._met = False
        headers = {"Accept-Encoding": "identity", "User-Agent": "subtomo-client"}
        if connection.token:
            headers["Authorization"] = f"Bearer {connection.token}"
        self._http = httpx.Client(
            base_url=connection.url,
            headers=headers,
            timeout=timeout,
            # A proxy named in the environment cannot reach this machine's own loopback.
            trust_env=urlsplit(connection.url).hostname not in _LOOPBACK,
        )

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        again: bool,
        content: Callable[[], Iterator[bytes]] | None = None,
        **options: Any,
    ) -> httpx.Response:
        """Send a request and read the whole answer.

        Parameters
        ----------
        method, path : str
            HTTP method, and the path below the server's address.
        again : bool
            Whether sending it twice does no harm. If not, only an attempt which never reached
            the server is repeated.
        content : callable, optional
            Makes the body's chunks anew for each attempt.
        **options
            Handed to httpx (``json``, ``params``, ``headers``, ``timeout``).

        Raises
        ------
        ConnectionFailed
            If no server answered.
        HTTPProblem
            If it answered with an error.
        """

        def send() -> httpx.Response:
            body = content() if content else None
            return self._http.request(method, path, content=body, **options)

        return checked(self._attempt(send, again=again))

    @contextmanager
    def stream(self, path: str, **options: Any) -> Iterator[httpx.Response]:
        """GET an answer piece by piece; only the beginning is repeated on trouble."""

        def send() -> httpx.Response:
            return self._http.send(self._http.build_request("GET", path, **options), stream=True)

        response = self._attempt(send, again=True)
        try:
            if response.is_error:
                response.read()
            yield checked(response)
        finally:
            response.close()

    def _attempt(self, send: Callable[[], httpx.Response], *, again: bool) -> httpx.Response:
        patience = Patience(self.patience)
        while True:
            try:
                response = send()
            except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
                raise ConnectionFailed(
                    f"{self.connection.url} is not an address of a server: {error}."
                ) from error
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                # A server which never answered is more likely absent than out of breath.
                if not self._met or not patience.rest():
                    raise self._unreachable() from error
            except httpx.TransportError as error:
                if not again or not patience.rest():
                    raise self._broken(error) from error
            else:
                self._met = True
                if response.status_code not in BUSY or not again:
                    return response
                if not patience.rest(response.headers.get("Retry-After")):
                    return response
                response.close()

    def _unreachable(self) -> ConnectionFailed:
        return ConnectionFailed(
            f"No Subtomo server answers at {self.connection.url}. Start one with "
            "'subtomo serve', or give its address with SUBTOMO_URL."
        )

    def _broken(self, error: httpx.TransportError) -> ConnectionFailed:
        words = str(error) or type(error).__name__
        return ConnectionFailed(
            f"The connection to {self.connection.url} broke: {words}. Try again."
        )


def checked(response: httpx.Response) -> httpx.Response:
    """Return the response, or raise what its error status means."""
    if not response.is_error:
        return response
    status = response.status_code
    kind = _BY_STATUS.get(status, HTTPProblem)
    try:
        body = response.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise kind(status, detail=_plain(status, response.reason_phrase))
    faults = body.get("errors")
    raise kind(
        status,
        type=str(body.get("type") or "about:blank"),
        title=str(body.get("title") or ""),
        detail=str(body.get("detail") or ""),
        faults=[Fault.read(entry) for entry in faults] if isinstance(faults, list) else (),
    )


def _plain(status: int, phrase: str) -> str:
    if status in _BY_STATUS and _BY_STATUS[status] is NotSignedIn:
        return "The server asks for a token: set SUBTOMO_TOKEN or start 'subtomo serve' yourself."
    return f"The server answered with status {status} {phrase}".strip() + "."
