"""Datasets and maps as they are made, checked and told."""
