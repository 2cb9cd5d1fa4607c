"""A process that compiles the kernels has the same bits as one that loads them."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from subtomo_core import kernels

_JOB = """
import hashlib

from subtomo_core.run import run
from subtomo_core.simulate import asymmetric_blob, simulate
from subtomo_core.spec.job import job_spec_adapter
from subtomo_core.spec.missing_region import Wedge

region = Wedge(tilt_min_deg=-60, tilt_max_deg=60)
made = simulate([asymmetric_blob(100.0)], [6], 24, 8.0, snr=0.2, missing=region, shift_range=2.0)
for algorithm, parameters in (("faml", {"bandwidth": 8}), ("ml", {"step_deg": 40.0})):
    job = {"dataset": "d", "algorithm": algorithm, "iterations": 1, "parameters": parameters}
    result = run(made.particles, job_spec_adapter.validate_python(job))
    poses = result.poses
    parts = (poses.rotations, poses.shifts, poses.probability, poses.score, result.model.maps)
    print(hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest())
"""


@pytest.mark.slow
def test_a_compiling_process_has_the_bits_of_a_loading_one(tmp_path: Path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    compiled, loaded = (
        subprocess.run(
            [sys.executable, "-c", _JOB], env=environment, check=True, capture_output=True
        ).stdout
        for _ in range(2)
    )
    assert loaded == compiled


def test_kernels_call_no_machine_code_of_each_other():
    modules = {path.stem: ast.parse(path.read_text()) for path in _files()}
    alone = {(name, f.name) for name, tree in modules.items() for f in _decorated(tree, "jit")}
    inside = {(name, f.name) for name, tree in modules.items() for f in _decorated(tree, "inlined")}
    called = {target for name, tree in modules.items() for target in _called(name, tree)}
    assert len(alone) > 10
    assert not called & alone
    assert inside <= called


def _files() -> list[Path]:
    return list(Path(next(iter(kernels.__path__))).glob("*.py"))


def _decorated(tree: ast.Module, decorator: str) -> Iterator[ast.FunctionDef]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and decorator in map(ast.unparse, node.decorator_list):
            yield node


def _called(module: str, tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Module and name of every kernel which kernels of a module call."""
    names = {
        alias.asname or alias.name: (node.module.rpartition(".")[2], alias.name)
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
    for decorator in ("jit", "inlined"):
        for function in _decorated(tree, decorator):
            for call in ast.walk(function):
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
                    yield names.get(call.func.id, (module, call.func.id))
