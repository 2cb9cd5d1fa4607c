"""The client: one object for all calls."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import httpx

from subtomo.calls import path_of
from subtomo.comparing import ComparingCalls
from subtomo.connection import find_connection
from subtomo.errors import HTTPProblem
from subtomo.exports import ExportCalls
from subtomo.lifecycle import LifecycleCalls
from subtomo.pair import PairCalls
from subtomo.people import PeopleCalls
from subtomo.postprocessing import PostprocessingCalls
from subtomo.transport import Transport


class Client(
    PairCalls, LifecycleCalls, PeopleCalls, ExportCalls, ComparingCalls, PostprocessingCalls
):
    """A connection to a Subtomo server.

    Without arguments it finds the server by ``SUBTOMO_URL`` and ``SUBTOMO_TOKEN``, or by the
    note which ``subtomo serve`` leaves in its data folder. A client may be used from several
    threads; close it, or use it in a ``with`` block.

    Parameters
    ----------
    url : str, optional
        Address, e.g. ``http://127.0.0.1:8642``.
    token : str, optional
        Token of a user.
    timeout : float
        Seconds to wait for a connection or for the next bytes of an answer.
    patience : float
        Seconds to go on trying when a server which answered before does not any more, or says
        that it is busy; only requests which may safely be repeated are.

    Examples
    --------
    >>> with Client() as client:  # doctest: +SKIP
    ...     dataset = client.create_dataset("ribosomes", tilt=(-60, 60))
    ...     client.upload(dataset, "particles.star")
    ...     client.seal(dataset)
    ...     job = client.submit(dataset=dataset, algorithm="faml", classes=2, iterations=20)
    ...     client.wait(job)
    ...     client.download_map(job, "class_1.mrc", cls=1)
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        timeout: float = 60.0,
        patience: float = 60.0,
    ):
        connection = find_connection(url, token)
        super().__init__(Transport(connection, timeout=timeout, patience=patience))

    @property
    def url(self) -> str:
        """Address of the server."""
        return self._transport.connection.url

    def service_info(self) -> dict[str, Any]:
        """Read the server's name, version and abilities."""
        answer: dict[str, Any] = self._get("service-info")
        return answer

    def ready(self) -> bool:
        """Whether the server can do its work: its database, broker, worker and disk."""
        try:
            self._transport.request("GET", path_of("health", "ready"), again=False)
        except HTTPProblem as problem:
            if problem.status == httpx.codes.SERVICE_UNAVAILABLE:
                return False
            raise
        return True

    def close(self) -> None:
        """Close all connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        """Return the client itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close all connections."""
        self.close()
