"""Rotations, point groups, and maps turned onto each other (docs/method.md#orientation)."""
