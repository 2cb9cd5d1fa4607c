"""Datasets and maps: from uploaded files to particles that jobs read."""
