"""Arrays as the kernels take them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
# Runs of components that differ in z alone, by one: where each begins (Q + 1,), the row of its
# lowest z in a table over z (Q,), and where each x begins among the runs (X + 1,).
Runs = tuple[I64, I64, I64]
# Phases of a band at shifts, along z, y and x: see `likelihood.rings.ShiftGrid`.
Waves = tuple[F32, F32, F32]
# Wigner's functions, rows of these, and what the sums over m' and m take: see
# `orientation.harmonics.Sphere`.
RotationTables = tuple[F32, I64, F32, F32]
