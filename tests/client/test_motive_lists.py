"""What is sent for a motive list; the server reads it."""

from __future__ import annotations

import numpy as np
import pytest

from subtomo import transfer
from subtomo_core.spec.missing_region import Wedge
from subtomo_store.datasets.sealing import seal
from subtomo_store.formats.mrc import write_volume
from support.motive_lists import write_av3, write_pytom, write_stopgap
from support.particles import noise_volumes

POSES = np.tile(np.eye(3), (2, 1, 1)), np.zeros((2, 3))


@pytest.fixture
def data(tmp_path):
    (tmp_path / "sub").mkdir()
    for i, volume in enumerate(noise_volumes(2, 8), 1):
        write_volume(tmp_path / "sub" / f"s_{i}.mrc", volume, 5.0)
    return tmp_path / "sub"


def sent(listing, target):
    """Put what would be sent into a dataset's folder and seal it."""
    for file in transfer.outgoing(listing):
        place = target / "uploads" / file.name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(b"".join(file.chunks()))
    return seal(target, Wedge(tilt_min_deg=-60, tilt_max_deg=60)).particles


@pytest.mark.parametrize(("name", "write"), [("m.em", write_av3), ("m.star", write_stopgap)])
def test_volumes_beside_a_list_are_sent_with_it(data, tmp_path, name, write):
    write(data / name, *POSES)
    assert sent(data / name, tmp_path / "ds") == 2


def test_volumes_that_a_pytom_list_names_are_sent_under_names_of_their_own(data, tmp_path):
    (tmp_path / "lists").mkdir()
    files = [f"../sub/s_{i}.mrc" for i in (1, 2)]
    write_pytom(tmp_path / "lists" / "l.xml", files, *POSES)
    names = [file.name for file in transfer.outgoing(tmp_path / "lists" / "l.xml")]
    assert names == ["external/1/s_1.mrc", "external/1/s_2.mrc", "l.xml"]
    assert sent(tmp_path / "lists" / "l.xml", tmp_path / "ds") == 2


def test_a_list_whose_volumes_are_not_there_is_refused(tmp_path):
    write_av3(tmp_path / "m.em", *POSES)
    with pytest.raises(transfer.InvalidInput, match=r"no volume lies beside it"):
        transfer.outgoing(tmp_path / "m.em")
    write_pytom(tmp_path / "l.xml", ["a.em", "b & c.em"], *POSES)
    with pytest.raises(transfer.InvalidInput, match=r"neither beside it .*: a\.em, b & c\.em\."):
        transfer.outgoing(tmp_path / "l.xml")
    (tmp_path / "other.xml").write_text("<a/>")
    with pytest.raises(transfer.InvalidInput, match="no PyTom particle list"):
        transfer.outgoing(tmp_path / "other.xml")
