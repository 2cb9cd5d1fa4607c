"""The documents name tests and files which exist."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from subtomo_server.auth.authentication import is_public
from support.services import ROOT
from support.sources import sources

FORMATS = (ROOT / "docs" / "formats.md").read_text()
FAILURES = (ROOT / "docs" / "failures.md").read_text()
ROWS = [line for line in FAILURES.splitlines() if line.startswith("| ") and "`test_" in line]


def every_test() -> set[str]:
    files = (ROOT / "tests").rglob("test_*.py")
    return {
        name
        for file in files
        for name in re.findall(r"^def (test_\w+)", file.read_text(), re.MULTILINE)
    }


def test_every_row_of_the_table_of_failures_has_a_test_which_exists():
    body = [line for line in FAILURES.splitlines() if line.startswith("| ")][1:]
    assert body == ROWS, "a row without a test"
    assert len(ROWS) >= 13
    named = {name for row in ROWS for name in re.findall(r"`(test_\w+)`", row)}
    assert named - every_test() == set()


def test_every_row_of_the_tables_of_formats_has_a_test_which_exists():
    rows = [line for line in FORMATS.splitlines() if line.startswith("| ")]
    body = [row for row in rows if not row.endswith("| test |")]
    assert len(body) >= 40
    assert [row for row in body if "`test_" not in row] == []
    assert set(re.findall(r"`(test_\w+)`", FORMATS)) - every_test() == set()


DOCUMENTS = sorted([*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")])


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(path: Path):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text()):
        if target.startswith("/"):
            assert is_public(target), f"{target} is no address of the service that all may read"
        elif "://" not in target:
            assert (path.parent / target).exists(), target


def test_every_decision_is_listed_once():
    folder = ROOT / "docs" / "decisions"
    listed = re.findall(r"\]\((\d{4}-[^)]+\.md)\)", (folder / "README.md").read_text())
    assert listed == sorted(path.name for path in folder.glob("[0-9]*.md"))


HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
ANCHOR = re.compile(r"\]\(([^)#\s:]*)#([^)\s]+)\)")
CITED = re.compile(r"docs/([\w/-]+\.md)(?:#([\w-]+))?")


def anchors(path: Path) -> set[str]:
    """Anchors of a page's headings: lower case, without punctuation, words joined by hyphens."""
    text = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in HEADING.findall(text))
    return {heading.replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_anchors_of_links_are_headings(path: Path):
    for target, anchor in ANCHOR.findall(path.read_text()):
        there = path.parent / target if target else path
        assert anchor in anchors(there), f"{target}#{anchor}"


def test_pages_that_the_code_cites_are_there_with_their_anchors():
    scripts = [(p.relative_to(ROOT).as_posix(), p) for p in (ROOT / "benchmarks").glob("*.py")]
    cited = [
        (name, *found)
        for name, path in [*sources(), *scripts]
        for found in CITED.findall(path.read_text("utf-8"))
    ]
    assert len({page for _, page, _ in cited}) >= 5
    for name, page, anchor in cited:
        there = ROOT / "docs" / page
        assert there.is_file(), f"{name}: {page}"
        assert not anchor or anchor in anchors(there), f"{name}: {page}#{anchor}"


def test_every_room_of_the_core_that_computes_cites_its_section_of_the_method():
    core = ROOT / "core" / "subtomo_core"
    rooms = {path.parent.name for path in core.glob("*/__init__.py")} - {"kernels", "spec"}
    assert {"fourier", "likelihood", "maximise"} <= rooms
    for room in rooms:
        assert f"docs/method.md#{room}" in (core / room / "__init__.py").read_text("utf-8")
        assert room in anchors(ROOT / "docs" / "method.md")


def test_pictures_of_results_are_drawn_from_the_tables_on_the_page():
    done = subprocess.run(
        [sys.executable, "benchmarks/plots.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stderr}\nrun: python benchmarks/plots.py"


def test_pictures_are_small_and_used():
    pages = "".join(path.read_text() for path in DOCUMENTS)
    for picture in (ROOT / "docs" / "images").iterdir():
        assert picture.stat().st_size < 100_000, picture.name
        assert f"images/{picture.name}" in pages, picture.name
