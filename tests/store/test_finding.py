"""Files are found by the paths of a table: there, else by the longest end in common."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from subtomo_store.datasets.finding import NamedFiles
from subtomo_store.datasets.sealing import seal
from subtomo_store.datasets.stack import StackParticles, read_record
from support.sealing import WEDGE, edit, problems_of

NAMES = st.lists(st.sampled_from("ab"), min_size=1, max_size=4).map("/".join)


@pytest.mark.parametrize(
    ("path", "names", "found"),
    [
        ("x/a.mrc", {"x/a.mrc", "t/x/a.mrc"}, "t/x/a.mrc"),  # beside the table, in t
        ("x/a.mrc", {"x/a.mrc"}, "x/a.mrc"),  # from the root
        ("Extract/job012/TS_1/a.mrc", {"TS_1/a.mrc", "TS_2/a.mrc"}, "TS_1/a.mrc"),
        ("Extract/job012/a.mrc", {"a.mrc", "ba.mrc"}, "a.mrc"),
        ("/data/em/a.mrc", {"p/a.mrc"}, "p/a.mrc"),
        ("D:\\em\\a.mrc", {"p/a.mrc"}, "p/a.mrc"),
        ("../a.mrc", {"p/a.mrc"}, "p/a.mrc"),
        ("TS_3/a.mrc", {"TS_1/a.mrc", "TS_2/a.mrc"}, None),
        ("TS_3/b.mrc", {"TS_1/a.mrc"}, None),
    ],
)
def test_a_file_is_found(path, names, found):
    assert NamedFiles("t", names).find(path) == found


@given(names=st.sets(NAMES, min_size=1, max_size=6), above=st.sampled_from(["", "z/", "/y/z/"]))
def test_a_set_is_found_whole_wherever_it_lay_but_for_names_that_end_alike(names, above):
    files = NamedFiles("", names)
    for name in sorted(names):
        alike = above and any(other.endswith(f"/{name}") for other in names)
        assert files.find(above + name) == (None if alike else name)
    assert above or files.remarks("t.star") == []


def test_two_paths_never_lead_to_one_file():
    files = NamedFiles("", {"a.mrc"})
    assert files.find("TS_1/a.mrc") == "a.mrc"
    assert files.find("TS_1/a.mrc") == "a.mrc"  # the same again: another image of a stack
    assert files.find("TS_2/a.mrc") is None
    assert "to which another path of the table leads as well" in files.why_not("TS_2/a.mrc")
    assert files.find("a.mrc") is None
    others = NamedFiles("", {"a.mrc"})
    assert (others.find("a.mrc"), others.find("TS_1/a.mrc")) == ("a.mrc", None)


def test_particles_uploaded_without_their_folders_are_found_and_told(folder, uploaded):
    expected = uploaded.volumes
    for path in (uploaded.folder / "particles").iterdir():
        path.rename(uploaded.folder / path.name)
    shutil.rmtree(uploaded.folder / "particles")
    seal(folder, WEDGE)
    found = StackParticles(folder)
    assert all(np.array_equal(found.volume(i), expected[i]) for i in range(4))
    (remark,) = (r for r in read_record(folder).remarks if "by the ends" in r)
    assert remark.startswith("4 files that particles.star names by other paths")
    assert "'particles/p0.mrc', which was uploaded as 'p0.mrc'" in remark


def test_what_fits_several_files_is_one_problem_with_its_remedy(folder, uploaded):
    for copy in ("TS_1", "TS_2"):
        shutil.copytree(uploaded.folder / "particles", uploaded.folder / copy)
    shutil.rmtree(uploaded.folder / "particles")
    (problem,) = problems_of(folder)
    assert "could be 'TS_1/p0.mrc' or 'TS_2/p0.mrc': upload the files in the folders" in (
        problem.detail
    )
    assert problem.detail.endswith("so in 3 more rows: 2, 3, 4")


def test_all_that_is_missing_is_one_problem(folder, uploaded):
    shutil.rmtree(uploaded.folder / "particles")
    edit(uploaded, "particles/p1.mrc", "elsewhere/deep/p1.mrc")
    (problem,) = problems_of(folder)
    assert "names 'particles/p0.mrc', which was not uploaded: upload it" in problem.detail
    assert problem.detail.endswith("so in 3 more rows: 2, 3, 4")
