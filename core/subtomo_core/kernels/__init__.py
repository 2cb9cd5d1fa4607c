"""Compiled inner loops. Each takes flat arrays and writes into arrays it is given.

Kernels are serial and release the GIL: callers run them from a pool of threads. (Numba's own
parallel layers abort or die under fork and threads.)
"""
