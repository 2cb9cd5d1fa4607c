"""What was uploaded: which volume is which particle, before any voxel is read."""

from __future__ import annotations

from collections.abc import Iterable

from subtomo_core.errors import InputError, Problem
from subtomo_core.spec.missing_region import MissingRegion
from subtomo_store.datasets.finding import Finder
from subtomo_store.datasets.foreign_files import told_of
from subtomo_store.datasets.intake_dynamo import from_dynamo
from subtomo_store.datasets.intake_lists import from_list, is_list, lists_in
from subtomo_store.datasets.intake_parts import NO_PARTICLES, Intake, Place, Source, left_out
from subtomo_store.datasets.intake_stacks import Given, from_stacks
from subtomo_store.datasets.material import STAR, TABLES, TBL, Material
from subtomo_store.formats.problems import Problems
from subtomo_store.formats.star import CTF, IMAGE, has_particles, read_particles
from subtomo_store.formats.star_text import read_star
from subtomo_store.formats.tomograms import PARTICLES_FILE, optimisation_set
from subtomo_store.formats.volumes import is_volume_name, read_header


def take_in(material: Material, missing: MissingRegion, problems: Problems) -> Intake:
    """Find the particles among the uploaded files.

    Parameters
    ----------
    material : Material
        The uploaded and registered files.
    missing : MissingRegion
        With ``weights`` each particle must come with weights (``rlnCtfImage``).
    problems : Problems
        Gets one problem for each name that cannot be used.

    Raises
    ------
    InputError
        If there is no particle, or no table can be chosen or read.
    """
    names = material.names()
    table = _choose_table(material, names)
    weighted = missing.kind == "weights"
    if table.lower().endswith(TBL):
        return from_dynamo(material, table, missing, problems)
    if table and is_list(material, table):
        return from_list(material, table, missing, problems)
    if table:
        return _from_star(material, names, table, missing, problems)
    if weighted:
        detail = (
            "the missing region is 'weights', but no STAR file was uploaded: weights are named in "
            "its column _rlnCtfImage"
        )
        raise InputError(Problem(detail, pointer="/missing"))
    return _from_volumes(material, names, problems)


def _choose_table(material: Material, uploaded: list[str]) -> str:
    """The table of particles: the only one, or the one that was registered or is led to."""
    names = [name for name in uploaded if name.lower().endswith(TABLES)]
    names = names or lists_in(material, uploaded)
    if material.chosen:
        return _led_to(material, names, material.chosen) or material.chosen
    if len(names) <= 1:
        return "".join(names)
    tables = [
        name
        for name in names
        if not name.lower().endswith(STAR)
        or is_list(material, name)
        or has_particles(material.file(name), name)
    ]
    if len(tables) > 1:
        led = {found for name in names if (found := _led_to(material, names, name))}
        tables = [name for name in tables if name in led] or tables
    if len(tables) == 1:
        return tables[0]
    shown = ", ".join((tables or names)[:10])
    detail = (
        f"{len(tables)} particle tables were uploaded ({shown}): upload exactly one, or register "
        "that one instead of its folder"
    )
    raise InputError(Problem(detail, file=(tables or names)[0]))


def _led_to(material: Material, names: list[str], name: str) -> str | None:
    """The table of particles that an optimisation set leads to; None for other tables."""
    if not name.lower().endswith(STAR):
        return None
    try:
        found = optimisation_set(read_star(material.file(name), name))
    except InputError:
        return None
    if found is None:
        return None
    problems = Problems()
    particles = Finder(name, names, problems).file(found[0], 1, PARTICLES_FILE)
    problems.raise_all()
    return particles


def _from_star(
    material: Material, names: list[str], star: str, missing: MissingRegion, problems: Problems
) -> Intake:
    table, weighted = read_particles(material.file(star), star), missing.kind == "weights"
    if table.stacks is not None:
        return from_stacks(Given(material, names, star, table, table.stacks), missing, problems)
    if weighted and table.ctf_images is None:
        detail = f"{star}: _{CTF} is missing, and the missing region is 'weights': add the column"
        raise InputError(Problem(detail, file=star, column=CTF))
    finder = Finder(star, names, problems)
    weights = table.ctf_images if weighted else None
    sources = []
    for row, image in enumerate(table.images, start=1):
        volume = finder.find(image, row, IMAGE)
        weight = finder.find(weights[row - 1], row, CTF) if weights else None
        if volume is not None and (weight is not None or not weights):
            sources.append(Source(image.text, volume, weight, row))
    remarks = [*table.remarks, *finder.remarks()]
    told = {place.file for s in sources for place in (s.volume, s.weight) if place} | {star}
    if table.ctf_images is not None and not weighted:
        unused = {name for image in table.ctf_images if (name := finder.name(image.path))} - told
        files = "file" if len(unused) == 1 else f"{len(unused)} files"
        remarks.append(
            f"the column _{CTF} of {star} and the {files} of weights that it names were not used, "
            f"since the missing region is '{missing.kind}': to use them, make the dataset with the "
            'missing region {"kind": "weights"} (--missing-from-weights)'
        )
        told |= unused
    remarks += left_out((name for name in names if name not in told), f"not named in {star}")
    return Intake(sources, table, star, remarks, carried=True)


def _from_volumes(material: Material, names: Iterable[str], problems: Problems) -> Intake:
    sources: list[Source] = []
    others = list[str]()
    for name in names:
        if not is_volume_name(name):
            others.append(name)
            continue
        try:
            count = read_header(material.file(name), name).volumes
        except InputError as error:
            problems.add(*error.problems)
            continue
        if count == 1:
            sources.append(Source(name, Place(name, None), None, None))
        else:
            sources += [
                Source(f"{i + 1:06d}@{name}", Place(name, i), None, None) for i in range(count)
            ]
    remarks = [*left_out(others, NO_PARTICLES), *told_of(material, others)]
    if not sources and not problems.count:
        detail = (
            "no particles were uploaded: upload MRC or EM volumes, alone or with a STAR file, a "
            "Dynamo table or a motive list"
        )
        raise InputError(Problem("; ".join([detail, *remarks])))
    return Intake(sources, None, "", remarks)
