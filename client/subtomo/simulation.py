"""Calls about particles whose truth is known: simulate, and tell the truth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from subtomo.calls import id_of, path_of
from subtomo.datasets import DatasetCalls
from subtomo.records import Dataset
from subtomo.transfer import Outgoing, download


class SimulationCalls(DatasetCalls):
    """Datasets of simulated particles."""

    def simulate(
        self,
        name: str,
        structures: Sequence[str | Path],
        *,
        group: str | None = None,
        **recipe: Any,
    ) -> Dataset:
        """Have the server make particles whose truth is known, and wait until they are ready.

        Parameters
        ----------
        name : str
            A name for people.
        structures : sequence of str or Path
            Phantoms (``blob``, ``barrel``, ``helix``, ``complex:GROUP``, ``shell:GROUP``), or
            files here: atomic models (PDB, mmCIF) and maps (MRC, EM), which are uploaded.
        group : str, optional
            Group with which to share it; you are its editor or owner.
        **recipe
            ``counts``, ``form`` ("direct", "sums" or "projections"), ``snr``, ``box``,
            ``voxel_size_angstrom``, ``tilts``, ``crowd``, ``seed`` ... as in the HTTP contract.

        Raises
        ------
        HTTPProblem
            If the recipe makes no sense.
        Rejected
            If a structure cannot be read.
        """
        files = {Path(s).name: Path(s) for s in structures if Path(s).is_file()}
        names = [Path(s).name if Path(s).is_file() else str(s) for s in structures]
        asked = {"structures": names, **recipe}
        dataset = self.create_dataset(name, simulation=asked, group=group)
        for there, path in files.items():
            self._send(dataset.id, Outgoing(there, path), None, lambda _size: None)
        return self.seal(dataset)

    def download_truth(self, dataset: str | Dataset, folder: str | Path) -> list[Path]:
        """Download the truth about simulated particles into a folder; return the files.

        They are ``true_poses.star`` (class 0 is junk), a map of each structure, ``true_1.mrc``
        ..., and a picture. Compare with a job's results by ``subtomo score``.
        """
        place = ("datasets", id_of(dataset), "truth")
        names = [str(entry["name"]) for entry in self._get(*place)["items"]]
        return [
            download(self._transport, path_of(*place, name), Path(folder) / name) for name in names
        ]
