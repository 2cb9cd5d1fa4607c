"""Files and functions stay as short as CONTRIBUTING.md says."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from support.sources import sources

LONGEST_FILE, LONGEST_FUNCTION = 300, 40
# A kernel is one loop over flat arrays; a command's body hands each option on by its name.
FREE = ("core/subtomo_core/kernels/", "server/subtomo_server/simulating/command.py")
FREE += ("client/subtomo/cli/",)


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Names of functions, and lines of their bodies without the docstring."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            yield node.name, (node.end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_no_file_is_longer_than_it_may_be():
    lengths = {name: len(path.read_text("utf-8").splitlines()) for name, path in sources()}
    assert {name: n for name, n in lengths.items() if n > LONGEST_FILE} == {}


def test_no_function_is_longer_than_it_may_be():
    long = [
        (name, function, lines)
        for name, path in sources()
        if not name.startswith(FREE)
        for function, lines in functions(path)
        if lines > LONGEST_FUNCTION
    ]
    assert long == []
