"""The dissimilarity matrix of a job that compares all pairs: for programs, and to look at."""

from __future__ import annotations

from typing import BinaryIO

import numpy as np

from subtomo_core.data.clusters import Clusters
from subtomo_store.formats.mrc import write_images
from subtomo_store.formats.pictures import block_matrix, png
from subtomo_worker.publication import IterationFolder


def write_matrix(folder: IterationFolder, clusters: Clusters) -> None:
    """Write the matrix as NPY and as MRC, particles in their order, and its picture."""
    matrix = clusters.dissimilarity.astype(np.float32)
    folder.write("dissimilarity.npy", lambda file: np.save(file, matrix, allow_pickle=False))
    folder.write("dissimilarity.mrc", lambda file: write_images(file, matrix[None]))
    folder.write("dissimilarity.png", lambda file: draw_matrix(file, clusters))


def draw_matrix(file: BinaryIO, clusters: Clusters) -> None:
    """Draw the matrix as PNG, particles in the order of the dendrogram, its clusters framed.

    Dark is alike.
    """
    ordered = clusters.dissimilarity[np.ix_(clusters.order, clusters.order)]
    edges = np.flatnonzero(np.diff(clusters.members[clusters.order])) + 1
    file.write(png(block_matrix(ordered, [0, *edges.tolist(), len(ordered)])))
