"""Missing regions in words, for a dataset's owner."""

from __future__ import annotations

from subtomo_core.spec.missing_region import Cone, Each, Formula, Pyramid, Wedge

_BY = {"tomogram": ", by tomogram", "optics_group": ", by optics group", "row": ", by row"}


def in_words(region: Formula) -> str:
    """Say one region: ``tilts from -60 to 60 degrees about y``."""
    if isinstance(region, Cone):
        return f"a cone of {region.half_angle_deg:g} degrees missing"
    if not isinstance(region, Wedge | Pyramid):
        return "nothing missing"
    first = f"tilts from {region.tilt_min_deg:g} to {region.tilt_max_deg:g} degrees about "
    if isinstance(region, Wedge):
        return first + region.axis
    low, high = region.second_tilt_min_deg, region.second_tilt_max_deg
    return f"{first}y and from {low:g} to {high:g} about x"


def parts_in_words(each: Each) -> str:
    """Say how many regions there are: ``3 missing wedges, by tomogram``."""
    wedges = all(isinstance(part.region, Wedge) for part in each.parts)
    what, count = "wedge" if wedges else "region", len(each.parts)
    return f"{count} missing {what}{'s' if count > 1 else ''}{_BY.get(each.by or '', '')}"
