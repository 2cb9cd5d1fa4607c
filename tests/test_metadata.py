"""What the package says about itself, and the versions with which it is built again."""

from __future__ import annotations

import re
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from support.services import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text())
EXTRAS = PROJECT["optional-dependencies"]
REQUIRED = [*PROJECT["dependencies"], *(one for extra in EXTRAS.values() for one in extra)]


def test_the_citation_is_of_this_version():
    assert CITATION["version"] == PROJECT["version"]
    assert CITATION["license"] == PROJECT["license"]
    assert CITATION["authors"] == PROJECT["authors"]
    assert CITATION["abstract"].rstrip(".") == PROJECT["description"]
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    assert compose["x-subtomo"]["image"] == f"subtomo:{PROJECT['version']}"


def test_papers_that_are_cited_are_sources_of_the_method():
    method = (ROOT / "docs" / "method.md").read_text()
    dois = [reference["doi"] for reference in CITATION["references"]]
    assert len(dois) == len(set(dois)) >= 4
    assert [doi for doi in dois if f"(https://doi.org/{doi})" not in method] == []


def pinned() -> dict[str, str]:
    """Version of each package in the constraints; of several for some platforms, the last."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    requirements = [
        Requirement(line) for line in lines if line and not line.lstrip().startswith("#")
    ]
    assert all(re.fullmatch(r"==[\w.+]+", str(one.specifier)) for one in requirements)
    assert not any(one.extras for one in requirements)  # pip takes no constraint with an extra
    return {canonicalize_name(one.name): str(one.specifier)[2:] for one in requirements}


@pytest.mark.parametrize("text", sorted(set(REQUIRED)))
def test_constraints_pin_every_requirement_to_a_version_that_it_allows(text: str):
    wanted = Requirement(text)
    if canonicalize_name(wanted.name) == PROJECT["name"]:
        return
    version = pinned()[canonicalize_name(wanted.name)]
    assert wanted.specifier.contains(version), f"{version}: compile constraints.txt again"


def test_the_image_is_built_with_the_constraints():
    installed = re.findall(
        r"^RUN pip install (.+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE
    )
    assert installed == ["--constraint constraints.txt '.[service]'"]
