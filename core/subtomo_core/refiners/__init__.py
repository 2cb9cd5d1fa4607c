"""Refinement of the pose which brings one volume onto another."""
