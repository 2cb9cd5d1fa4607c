"""Calls about maps: upload, list, delete."""

from __future__ import annotations

from pathlib import Path

from subtomo.calls import Calls, id_of
from subtomo.errors import InvalidInput
from subtomo.records import Map
from subtomo.transfer import Outgoing


class MapCalls(Calls):
    """Maps, as starting references and masks."""

    def upload_map(
        self, path: str | Path, *, name: str | None = None, voxel_size: float | None = None
    ) -> Map:
        """Upload one MRC or EM map, for use as a starting reference or as a mask.

        Parameters
        ----------
        path : str or Path
            The map's file.
        name : str, optional
            A name for people; the file's own by default.
        voxel_size : float, optional
            Ångström per voxel, where the file's header does not say it: EM files never do.
        """
        file = Outgoing(name or Path(path).name, Path(path))
        if not Path(path).is_file():
            raise InvalidInput(f"There is no map {path}.")
        answer = self._post(
            "maps",
            params={"name": file.name}
            | ({"voxel_size_angstrom": voxel_size} if voxel_size is not None else {}),
            content=file.chunks,
            headers={
                "Content-Length": str(file.size),
                "Content-Type": "application/octet-stream",
            },
        )
        return Map.model_validate(answer)

    def maps(self, *, limit: int | None = None) -> list[Map]:
        """List uploaded maps, newest first."""
        return [Map.model_validate(entry) for entry in self._pages("maps", limit=limit)]

    def delete_map(self, map_: str | Map) -> None:
        """Delete an uploaded map."""
        self._delete("maps", id_of(map_))
