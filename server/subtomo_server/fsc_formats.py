"""An FSC curve in the forms which other programs read."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

COLUMNS = (
    "_rlnSpectralIndex",
    "_rlnResolution",
    "_rlnAngstromResolution",
    "_rlnFourierShellCorrelationCorrected",
)


def fsc_star(curve: dict[str, Any]) -> str:
    """Write the curve as RELION's postprocess STAR does (``data_fsc``)."""
    head = ["# written by Subtomo", "", "data_fsc", "", "loop_"]
    head += [f"{name} #{index}" for index, name in enumerate(COLUMNS, 1)]
    rows = [
        f"{shell:12d} {frequency:12.6f} {_angstrom(frequency):12.6f} {value:12.6f}"
        for shell, (frequency, value) in enumerate(
            zip(curve["frequency_per_angstrom"], curve["fsc"], strict=True)
        )
    ]
    return "\n".join([*head, *rows, "", ""])


def fsc_xml(curve: dict[str, Any], title: str) -> bytes:
    """Write the curve as EMDB's FSC XML, as deposited with a map."""
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
