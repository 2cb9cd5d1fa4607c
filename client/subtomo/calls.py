"""What every group of calls shares: the transport, paths, pages and ids."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from subtomo.records import Dataset, Job
from subtomo.transport import Transport

API = "/api/v1"
PAGE = 100


def path_of(*parts: str | int) -> str:
    """Join parts to a path of the API, each escaped (slashes within a part are kept)."""
    return "/".join([API, *(quote(str(part), safe="/") for part in parts)])


def with_query(path: str, asked: Mapping[str, str | None] | None) -> str:
    """Add to a path what was asked for; what is None is left open."""
    query = urlencode({key: value for key, value in (asked or {}).items() if value is not None})
    return f"{path}?{query}" if query else path


def id_of(thing: Any) -> str:
    """Return the id of a record, or the id itself."""
    return str(getattr(thing, "id", thing))


class Calls:
    """Base of the groups of calls which make up the client."""

    def __init__(self, transport: Transport):
        self._transport = transport

    def _as_job(self, document: Any) -> Job:
        """A job as the server told it; a notebook shows it with its pictures."""
        return Job.model_validate(document).read_by(self._picture, self._transport.connection.url)

    def _as_dataset(self, document: Any) -> Dataset:
        """A dataset as the server told it; a notebook shows it with its picture."""
        found = Dataset.model_validate(document)
        return found.read_by(self._picture, self._transport.connection.url)

    def _picture(self, path: str) -> bytes:
        return self._transport.request("GET", API + path, again=True).content

    def _get(self, *parts: str | int, **options: Any) -> Any:
        return self._transport.request("GET", path_of(*parts), again=True, **options).json()

    def _post(self, *parts: str | int, again: bool = False, **options: Any) -> Any:
        response = self._transport.request("POST", path_of(*parts), again=again, **options)
        return response.json() if response.content else None

    def _put(self, *parts: str | int, **options: Any) -> Any:
        response = self._transport.request("PUT", path_of(*parts), again=True, **options)
        return response.json() if response.content else None

    def _patch(self, *parts: str | int, **options: Any) -> Any:
        return self._transport.request("PATCH", path_of(*parts), again=True, **options).json()

    def _delete(self, *parts: str | int) -> None:
        self._transport.request("DELETE", path_of(*parts), again=True)

    def _pages(
        self, *parts: str | int, limit: int | None = None, params: Mapping[str, Any] | None = None
    ) -> Iterator[dict[str, Any]]:
        """Follow a list's cursors to its end, or to ``limit`` entries."""
        query = {name: value for name, value in (params or {}).items() if value is not None}
        count = 0
        while limit is None or count < limit:
            query["limit"] = PAGE if limit is None else min(PAGE, limit - count)
            page = self._get(*parts, params=query)
            yield from page["items"]
            count += len(page["items"])
            if not page.get("cursor"):
                return
            query["cursor"] = page["cursor"]
