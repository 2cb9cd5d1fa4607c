"""Rotations: matrices inside, Euler angles only at the edges.

A pose is a rotation ``R`` and a shift ``t``: the particle is ``X(x) = A(R^-1 (x - t))``, vectors
in the order x, y, z. Euler angles are ZYZ, ``R = Rz(a) Ry(b) Rz(g)``, in degrees. RELION's
``rlnAngleRot``, ``rlnAngleTilt`` and ``rlnAnglePsi`` are the ZYZ angles of the inverse, and its
``rlnOriginXAngst`` (Y, Z) shift the particle back to its centre. Its tilt angles turn a tomogram
about the fixed axes x, y and z into the frame of an image. Dynamo's angles are ZXZ of the
rotation itself, clockwise, and its dx, dy, dz the shift; those of the TOM toolbox (AV3, PyTom,
STOPGAP) are ZXZ, right-handed. All are converted here and nowhere else.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

Array = NDArray[np.float64]


def random_rotations(rng: np.random.Generator, count: int) -> Array:
    """Draw ``count`` rotations uniformly on SO(3), shape (count, 3, 3)."""
    return from_quaternions(rng.normal(size=(count, 4)))


def from_quaternions(quaternions: ArrayLike) -> Array:
    """Matrices (..., 3, 3) of quaternions (..., 4) in the order w, x, y, z, of any length."""
    q = np.asarray(quaternions, np.float64)
    w, x, y, z = np.moveaxis(q / np.linalg.norm(q, axis=-1, keepdims=True), -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, -1) for row in rows], -2)


def rotation_about(axis: ArrayLike, degrees: ArrayLike) -> Array:
    """Right-handed rotations (..., 3, 3) by ``degrees`` (...) about one ``axis`` (3,)."""
    unit = np.asarray(axis, np.float64) / np.linalg.norm(axis)
    angle = np.radians(np.asarray(degrees, np.float64))
    vectors = angle[..., None] * unit
    return from_rotation_vectors(vectors)


def from_rotation_vectors(vectors: ArrayLike) -> Array:
    """Matrices (..., 3, 3) of rotation vectors (..., 3) in radians."""
    v = np.asarray(vectors, np.float64)
    matrices: Array = Rotation.from_rotvec(v.reshape(-1, 3)).as_matrix()
    return matrices.reshape((*v.shape[:-1], 3, 3))


def to_rotation_vectors(rotations: ArrayLike) -> Array:
    """Axis times angle in radians, (..., 3), of rotations (..., 3, 3)."""
    matrices = np.asarray(rotations, np.float64)
    vectors: Array = Rotation.from_matrix(matrices.reshape(-1, 3, 3)).as_rotvec()
    return vectors.reshape(matrices.shape[:-1])


def from_euler(angles: ArrayLike) -> Array:
    """Matrices ``Rz(a) Ry(b) Rz(g)``, shape (..., 3, 3), of ZYZ angles (..., 3) in degrees."""
    a, b, g = np.moveaxis(np.radians(np.asarray(angles, np.float64)), -1, 0)
    ca, sa, cb, sb, cg, sg = np.cos(a), np.sin(a), np.cos(b), np.sin(b), np.cos(g), np.sin(g)
    rows = [
        [ca * cb * cg - sa * sg, -ca * cb * sg - sa * cg, ca * sb],
        [sa * cb * cg + ca * sg, -sa * cb * sg + ca * cg, sa * sb],
        [-sb * cg, sb * sg, cb],
    ]
    return np.stack([np.stack(row, -1) for row in rows], -2)


def to_euler(rotations: ArrayLike) -> Array:
    """ZYZ angles (..., 3) in degrees of matrices (..., 3, 3).

    The first and third angle lie in [-180, 180], the second in [0, 180]. Where the second is 0
    or 180 degrees only the sum (difference) of the others is defined: the third is then 0.
    """
    R = np.asarray(rotations, np.float64)
    sine = np.hypot(R[..., 0, 2], R[..., 1, 2])
    b = np.arctan2(sine, R[..., 2, 2])
    pole = sine < 1e-9
    a = np.where(
        pole,
        np.arctan2(-R[..., 0, 1], R[..., 1, 1]),
        np.arctan2(R[..., 1, 2], R[..., 0, 2]),
    )
    g = np.where(pole, 0.0, np.arctan2(R[..., 2, 1], -R[..., 2, 0]))
    angles: Array = np.degrees(np.stack([a, b, g], -1))
    return angles


def relion_angles(rotations: ArrayLike) -> Array:
    """RELION's (rot, tilt, psi) in degrees, shape (..., 3), of poses' rotations (..., 3, 3)."""
    return to_euler(np.swapaxes(np.asarray(rotations, np.float64), -1, -2))


def from_relion_angles(angles: ArrayLike) -> Array:
    """Poses' rotations (..., 3, 3) of RELION's (rot, tilt, psi) in degrees, shape (..., 3)."""
    inverse: Array = np.swapaxes(from_euler(angles), -1, -2)
    return inverse


def relion_origins(shifts: ArrayLike, voxel_size_angstrom: float) -> Array:
    """RELION's ``rlnOriginX/Y/ZAngst`` (..., 3) of poses' shifts (..., 3) in voxels, x, y, z."""
    origins: Array = -np.asarray(shifts, np.float64) * voxel_size_angstrom
    return origins


def from_relion_origins(origins_angstrom: ArrayLike, voxel_size_angstrom: float) -> Array:
    """Poses' shifts in voxels (..., 3) of RELION's ``rlnOriginX/Y/ZAngst`` (..., 3)."""
    shifts: Array = -np.asarray(origins_angstrom, np.float64) / voxel_size_angstrom
    return shifts


def relion_tilts(rotations: ArrayLike) -> Array:
    """RELION's (rlnTomoXTilt, rlnTomoYTilt, rlnTomoZRot) in degrees, shape (..., 3).

    Of rotations (..., 3, 3) from a tomogram to an image, which sums it up along z:
    ``Rz(ZRot) Ry(YTilt) Rx(XTilt)``. YTilt lies in [-90, 90]; where it is either of these, only
    the sum (difference) of the others is defined: XTilt is then 0.
    """
    R = np.asarray(rotations, np.float64)
    cosine = np.hypot(R[..., 2, 1], R[..., 2, 2])
    pole = cosine < 1e-9
    x = np.where(pole, 0.0, np.arctan2(R[..., 2, 1], R[..., 2, 2]))
    y = np.arctan2(-R[..., 2, 0], cosine)
    z = np.where(
        pole,
        np.arctan2(-R[..., 0, 1], R[..., 1, 1]),
        np.arctan2(R[..., 1, 0], R[..., 0, 0]),
    )
    angles: Array = np.degrees(np.stack([x, y, z], -1))
    return angles


def from_relion_tilts(tilts: ArrayLike) -> Array:
    """Rotations (..., 3, 3) from a tomogram to images of (XTilt, YTilt, ZRot), (..., 3), degrees.

    ``Rz(ZRot) Ry(YTilt) Rx(XTilt)``; the other way from `relion_tilts`.
    """
    x, y, z = np.moveaxis(np.asarray(tilts, np.float64), -1, 0)
    about_x, about_y, about_z = np.eye(3)
    turned: Array = rotation_about(about_z, z) @ rotation_about(about_y, y)
    return turned @ rotation_about(about_x, x)


def from_dynamo_angles(angles: ArrayLike) -> Array:
    """Poses' rotations (..., 3, 3) of Dynamo's (tdrot, tilt, narot) in degrees, shape (..., 3).

    The reference turns clockwise about its z axis (tdrot), its new x axis (tilt) and its new
    z axis (narot): ``Rz(-tdrot) Rx(-tilt) Rz(-narot)``.
    """
    return _from_zxz(-np.asarray(angles, np.float64))


def dynamo_angles(rotations: ArrayLike) -> Array:
    """Dynamo's (tdrot, tilt, narot) in degrees, (..., 3), of poses' rotations (..., 3, 3).

    The inverse of `from_dynamo_angles`; tilt lies in [0, 180], the others in [-180, 180].
    """
    outer, tilt, inner = np.moveaxis(_to_zxz(rotations), -1, 0)
    # Rz(a) Rx(b) Rz(c) = Rz(a + 180) Rx(-b) Rz(c + 180), so that tilt is positive.
    angles: Array = np.stack([_wrapped(180.0 - outer), tilt, _wrapped(180.0 - inner)], -1)
    return angles


def from_tom_angles(angles: ArrayLike) -> Array:
    """Poses' rotations (..., 3, 3) of the TOM toolbox's (phi, psi, theta) in degrees, (..., 3).

    The reference turns right-handed about z (phi), x (theta) and z (psi), axes which stand still:
    ``Rz(psi) Rx(theta) Rz(phi)``. AV3, PyTom (Z1, Z2, X) and STOPGAP share it.

    References
    ----------
    Nickell et al. (2005), TOM software toolbox. J. Struct. Biol. 149, 227: ``tom_pointrotate``
    tells where a point goes in a volume which ``tom_rotate`` turned. STOPGAP:
    ``sg_euler2matrix``.
    """
    phi, psi, theta = np.moveaxis(np.asarray(angles, np.float64), -1, 0)
    return _from_zxz(np.stack([psi, theta, phi], -1))


def tom_angles(rotations: ArrayLike) -> Array:
    """The TOM toolbox's (phi, psi, theta) in degrees, (..., 3), of rotations (..., 3, 3).

    The inverse of `from_tom_angles`; theta lies in [0, 180], the others in [-180, 180].
    """
    psi, theta, phi = np.moveaxis(_to_zxz(rotations), -1, 0)
    angles: Array = np.stack([phi, psi, theta], -1)
    return angles


def _from_zxz(degrees: Array) -> Array:
    """``Rz(a) Rx(b) Rz(c)``, (..., 3, 3), of (a, b, c) in degrees, (..., 3)."""
    matrices: Array = Rotation.from_euler("ZXZ", degrees.reshape(-1, 3), degrees=True).as_matrix()
    return matrices.reshape((*degrees.shape[:-1], 3, 3))


def _to_zxz(rotations: ArrayLike) -> Array:
    """(a, b, c) in degrees of ``Rz(a) Rx(b) Rz(c)``, by ``Rx(b) = Rz(-90) Ry(b) Rz(90)``."""
    a, b, c = np.moveaxis(to_euler(rotations), -1, 0)
    angles: Array = np.stack([_wrapped(a + 90.0), b, _wrapped(c - 90.0)], -1)
    return angles


def _wrapped(degrees: Array) -> Array:
    """The same angle in [-180, 180)."""
    return (degrees + 180.0) % 360.0 - 180.0


def angular_distance(first: ArrayLike, second: ArrayLike) -> Array:
    """Angle in degrees of the rotation between matrices (..., 3, 3); leading axes broadcast."""
    difference = np.asarray(first, np.float64) - np.asarray(second, np.float64)
    chord = np.sqrt((difference**2).sum((-2, -1)))
    # ||R1 - R2||_F = 2 sqrt(2) sin(angle / 2): exact for small angles, where arccos is not.
    angle: Array = np.degrees(2.0 * np.arcsin(np.minimum(chord / math.sqrt(8.0), 1.0)))
    return angle


def mean_rotation(rotations: ArrayLike) -> Array:
    """Rotation (3, 3) nearest in the least-squares sense to all of ``rotations`` (m, 3, 3)."""
    u, _, vt = np.linalg.svd(np.asarray(rotations, np.float64).sum(0))
    sign = np.sign(np.linalg.det(u @ vt))
    mean: Array = (u * np.array([1.0, 1.0, sign])) @ vt
    return mean


def even_rotations(step_deg: float) -> Array:
    """Evenly spread rotations (m, 3, 3) which stand about ``step_deg`` degrees apart.

    A super-Fibonacci spiral of ``m = 8 pi^2 / step^3`` points (15 degrees: 4398).

    References
    ----------
    Alexa (2022), Super-Fibonacci Spirals: Fast, Low-Discrepancy Sampling of SO(3). CVPR.
    """
    if not 0.5 <= step_deg <= 360.0:
        raise ValueError(f"the step must lie between 0.5 and 360 degrees, got {step_deg:g}")
    count = max(1, math.ceil(8.0 * math.pi**2 / math.radians(step_deg) ** 3))
    s = np.arange(count) + 0.5
    inner, outer = np.sqrt(s / count), np.sqrt(1.0 - s / count)
    alpha = 2.0 * np.pi * s / math.sqrt(2.0)
    beta = 2.0 * np.pi * s / 1.533751168755204288118041
    quaternions = [
        inner * np.sin(alpha),
        inner * np.cos(alpha),
        outer * np.sin(beta),
        outer * np.cos(beta),
    ]
    return from_quaternions(np.stack(quaternions, -1))


def inverse_pose(rotation: ArrayLike, shift: ArrayLike) -> tuple[Array, Array]:
    """Rotation (..., 3, 3) and shift (..., 3) of the motion which undoes a pose."""
    back: Array = np.swapaxes(np.asarray(rotation, np.float64), -1, -2)
    moved: Array = -np.einsum("...ij,...j->...i", back, np.asarray(shift, np.float64))
    return back, moved
