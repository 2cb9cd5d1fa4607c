"""An FSC curve in the forms that other programs read."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

COLUMNS = (
    "_rlnSpectralIndex",
    "_rlnResolution",
    "_rlnAngstromResolution",
    "_rlnFourierShellCorrelationCorrected",
    "_rlnFourierShellCorrelationUnmaskedMaps",
    "_rlnFourierShellCorrelationMaskedMaps",
    "_rlnCorrectedFourierShellCorrelationPhaseRandomizedMaskedMaps",
)
PARTS = ("unmasked", "masked", "phase_randomised")


def fsc_star(curve: dict[str, Any]) -> str:
    """Write the curves as RELION's postprocess STAR does (``data_fsc``)."""
    shared = curve["shared_angstrom"]
    beyond = "" if shared is None else f", beyond {shared:.1f} A"
    head = ["# written by Subtomo", f"# {curve['kind']}{beyond}", "", "data_fsc", "", "loop_"]
    head += [f"{name} #{index}" for index, name in enumerate(COLUMNS, 1)]
    columns = [curve["frequency_per_angstrom"], curve["fsc"], *(curve["curves"][p] for p in PARTS)]
    rows = [
        f"{shell:12d} {frequency:12.6f} {_angstrom(frequency):12.6f} "
        + " ".join(f"{value:12.6f}" for value in values)
        for shell, (frequency, *values) in enumerate(zip(*columns, strict=True))
    ]
    return "\n".join([*head, *rows, "", ""])


def fsc_xml(curve: dict[str, Any], title: str) -> bytes:
    """Write the corrected curve as EMDB's FSC XML, as deposited with a map."""
    root = ElementTree.Element(
        "fsc", title=title, xaxis="Resolution (A-1)", yaxis="Correlation Coefficient"
    )
    for frequency, value in zip(curve["frequency_per_angstrom"], curve["fsc"], strict=True):
        coordinate = ElementTree.SubElement(root, "coordinate")
        ElementTree.SubElement(coordinate, "x").text = f"{frequency:.6f}"
        ElementTree.SubElement(coordinate, "y").text = f"{value:.6f}"
    ElementTree.indent(root)
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def _angstrom(frequency: float) -> float:
    return 1.0 / frequency if frequency > 0 else 999.0
