"""Fourier transforms, shells, grids and missing regions."""
