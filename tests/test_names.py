"""Names in documents and docstrings are those of things there are, and words are the glossary's."""

from __future__ import annotations

import importlib
import importlib.util
import re
from functools import cache
from pathlib import Path

import pytest

from support.services import ROOT
from support.sources import sources

NAME = re.compile(r"`(subtomo_[a-z]+(?:\.\w+)+)`")


def documents() -> list[Path]:
    return [*(ROOT / "docs").rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]


@cache
def is_there(name: str) -> bool:
    """Whether a dotted name is a module, or something in one."""
    module, rest = name, list[str]()
    while module:
        try:
            found = importlib.util.find_spec(module)
        except ModuleNotFoundError:
            found = None
        if found is not None:
            thing = importlib.import_module(module)
            for part in rest:
                if not hasattr(thing, part):
                    return part in getattr(thing, "__dataclass_fields__", ())
                thing = getattr(thing, part)
            return True
        module, _, last = module.rpartition(".")
        rest.insert(0, last)
    return False


def test_dotted_names_in_documents_and_docstrings_are_there():
    missing = [
        f"{path.relative_to(ROOT)}: {found[1]}"
        for path in [*documents(), *(path for _, path in sources())]
        for found in NAME.finditer(path.read_text(encoding="utf-8"))
        if not is_there(found[1])
    ]
    assert missing == []


def banned() -> list[str]:
    """The right column of the glossary's second table."""
    text = (ROOT / "docs" / "conventions.md").read_text(encoding="utf-8")
    rows = text[text.index("| word | meaning | not |") :].splitlines()[2:]
    return [w for row in rows if row.count("|") == 4 for w in re.findall(r"\w+", row.split("|")[3])]


@pytest.mark.parametrize("word", banned())
def test_the_glossary_leaves_no_second_word_for_a_thing(word):
    used = re.compile(rf"(?<![a-z]){word}s?(?![a-z])", re.IGNORECASE)
    found = [name for name, path in sources() if used.search(path.read_text("utf-8"))]
    assert found == []


def test_the_glossary_is_read():
    assert "desk" in banned()
