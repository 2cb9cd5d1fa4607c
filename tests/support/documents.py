"""Blocks of shell and Python that the documentation shows."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

from support.services import ROOT

PAGES = [
    *(
        path
        for name in ("tutorial", "how-to", "reference")
        for path in (ROOT / "docs" / name).glob("*.md")
    ),
    *(ROOT / "docs").glob("*.md"),
    ROOT / "README.md",
]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a page in one language."""
    return [text for kind, text in FENCE.findall(page.read_text("utf-8")) if kind == language]


def shell_lines(page: Path) -> list[str]:
    """Lines of commands of a page, of fenced and of indented blocks; continued lines are joined."""
    text = page.read_text("utf-8")
    indented = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    shown = [
        *blocks(page, "bash"),
        textwrap.dedent("\n".join(re.findall(r"^ {4}.*", indented, re.MULTILINE))),
    ]
    joined = re.sub(r"\\\n\s*", "", "\n".join(shown))
    return [line.strip() for line in joined.splitlines() if line.strip()]


def subtomo_commands() -> list[tuple[str, str]]:
    """Every command of ``subtomo`` in the documentation: name of the page, and the line."""
    return sorted(
        {
            (page.relative_to(ROOT).as_posix(), found[1])
            for page in PAGES
            for line in shell_lines(page)
            if (found := re.match(r"(?:\.venv/bin/)?subtomo (.+)", line))
        }
    )
