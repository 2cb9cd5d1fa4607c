"""Fourier transforms, shells, grids and missing regions (docs/method.md#fourier)."""
