"""Lens distortion: from the image of a real lens to that of the pinhole camera that all other code assumes.

The model is the polynomial one of Brown (1966) with the names and the order of OpenCV's calibration. A point
at x, y on the plane z = 1, with r² = x² + y², is shown by a lens of radial coefficients k1, k2, k3 and of
tangential coefficients p1, p2 at

    x' = x R + 2 p1 x y + p2 (r² + 2 x²)
    y' = y R + p1 (r² + 2 y²) + 2 p2 x y
    R = (1 + k1 r² + k2 r⁴ + k3 r⁶) / (1 + k4 r² + k5 r⁴ + k6 r⁶)

where k4, k5, k6, of OpenCV's rational model, are 0 for most lenses.
"""

import math
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from murauer.errors import UserError
from murauer.geometry.arrays import Points, concatenate
from murauer.geometry.camera import Camera

LARGEST = 1e6
"""Of coefficients; those of real lenses are far smaller, and beyond it their products lose the point."""

LEAST_UNDISTORTED = 0.3
"""Share of the image that a lens must show; less is left by coefficients of another one."""

OUTSIDE = -1
"""In an undistortion map: the lens did not show this pixel."""


@dataclass(frozen=True)
class Distortion:
    """Coefficients of a lens; all 0 is a pinhole.

    Attributes:
        k1, k2, k3: Radial, of r², r⁴ and r⁶.
        p1, p2: Tangential.
        k4, k5, k6: Radial, of r², r⁴ and r⁶ in the denominator of the rational model.

    Raises:
        ValueError: If one is not finite, or is beyond `LARGEST`.
    """

    k1: float = 0.0
    k2: float = 0.0
    p1: float = 0.0
    p2: float = 0.0
    k3: float = 0.0
    k4: float = 0.0
    k5: float = 0.0
    k6: float = 0.0

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not abs(value) <= LARGEST:
                raise ValueError(
                    f"{name} must be finite, at most {LARGEST:g} and at least -{LARGEST:g}, got {value}"
                )

    @property
    def is_pinhole(self) -> bool:
        """Whether it changes nothing."""
        return not any(asdict(self).values())

    def distort(self, xy: Points) -> Points:
        """Say where the lens shows points.

        Args:
            xy: x / z and y / z in camera coordinates; shape (..., 2).

        Returns:
            The same on the image side of the lens; shape (..., 2).
        """
        x, y = xy[..., :1], xy[..., 1:]
        r2 = x * x + y * y
        radial = 1 + r2 * (self.k1 + r2 * (self.k2 + r2 * self.k3))
        if self.k4 or self.k5 or self.k6:
            radial = radial / (1 + r2 * (self.k4 + r2 * (self.k5 + r2 * self.k6)))
        return concatenate(
            (
                x * radial + 2 * self.p1 * x * y + self.p2 * (r2 + 2 * x * x),
                y * radial + self.p1 * (r2 + 2 * y * y) + 2 * self.p2 * x * y,
            )
        )

    @property
    def largest_radius(self) -> float:
        """Radius r up to which r R rises and is finite; beyond, one point of the image is shown twice."""
        above, below = [self.k3, self.k2, self.k1, 1.0], [self.k6, self.k5, self.k4, 1.0]  # of R, in r²
        risen = np.polymul([7 * self.k3, 5 * self.k2, 3 * self.k1, 1.0], below)
        slope = np.polysub(risen, np.polymul(np.polymul(above, np.polyder(below)), [2.0, 0.0]))
        # Roots in 1 / r²: both polynomials are 1 at 0, so that no coefficient is divided by a tiny one.
        inverse = np.concatenate((np.roots(slope[::-1]), np.roots(below[::-1])))
        turns = inverse.real[(np.abs(inverse.imag) < 1e-9 * inverse.real)]
        return 1 / math.sqrt(turns.max()) if turns.size else math.inf


PINHOLE = Distortion()

COEFFICIENTS = tuple(field.name for field in fields(Distortion))
"""In OpenCV's order: k1, k2, p1, p2, k3, k4, k5, k6."""

POLYNOMIAL = COEFFICIENTS[:5]
"""Those without a denominator."""


def fit_distortion(rays: NDArray[np.float64], shown: NDArray[np.float64]) -> Distortion:
    """Find the lens that comes nearest to another one, of which it is known where it shows some rays.

    What `Distortion.distort` adds to a ray is linear in the `POLYNOMIAL` coefficients, which alone are
    fitted: this is linear least squares.

    Args:
        rays: x / z and y / z in camera coordinates; shape (N, 2).
        shown: The same on the image side of the lens; shape (N, 2).
    """
    of_each = [(Distortion(**{name: 1.0}).distort(rays) - rays).ravel() for name in POLYNOMIAL]
    coefficients = np.linalg.lstsq(np.stack(of_each, axis=-1), (shown - rays).ravel(), rcond=None)[0]
    return Distortion(*coefficients.tolist())


def project(xyz: Points, camera: Camera, distortion: Distortion) -> Points:
    """Project points into the image as the lens shows it, before any undistortion.

    Args:
        xyz: Camera coordinates in mm, shape (..., 3).
        camera: Its pinhole part.
        distortion: Its lens.

    Returns:
        Pixel, pixel, mm; shape (..., 3).
    """
    xy = distortion.distort(xyz[..., :2] / xyz[..., 2:])
    u, v = xy[..., :1] * camera.fx + camera.u0, xy[..., 1:] * camera.fy + camera.v0
    return concatenate((u, v, xyz[..., 2:]))


def undistort(depth: NDArray[Any], camera: Camera, distortion: Distortion) -> NDArray[Any]:
    """Undo the lens of an image (H, W), see `undistort_depth`.

    Raises:
        UserError: If the lens is that of another camera.
    """
    return depth if distortion.is_pinhole else undistort_depth(depth, _undistortion(camera, distortion))


@lru_cache(maxsize=32)
def _undistortion(camera: Camera, distortion: Distortion) -> NDArray[np.int64]:
    pixels = undistortion_pixels(camera, distortion)
    share = float((pixels != OUTSIDE).mean())
    if share < LEAST_UNDISTORTED:
        raise UserError(
            f"undoing the lens would leave {100 * share:.0f} % of the image; give the coefficients of this "
            "camera, in OpenCV's order k1 k2 p1 p2 k3"
        )
    return pixels


def undistortion_pixels(camera: Camera, distortion: Distortion) -> NDArray[np.int64]:
    """For every pixel of the pinhole image, find the pixel of the lens's image that shows the same ray.

    The pinhole image has the intrinsics and the size of the lens's image.

    Args:
        camera: Intrinsics and size.
        distortion: The lens.

    Returns:
        Index of the nearest pixel in the flattened image, `OUTSIDE` where there is none; shape (H, W).
    """
    v, u = np.mgrid[: camera.height, : camera.width].astype(np.float64)
    rays = np.stack(((u - camera.u0) / camera.fx, (v - camera.v0) / camera.fy), axis=-1)
    shown = distortion.distort(rays)
    column = (shown[..., 0] * camera.fx + camera.u0).round()
    row = (shown[..., 1] * camera.fy + camera.v0).round()
    inside = (column >= 0) & (column < camera.width) & (row >= 0) & (row < camera.height)
    inside &= np.linalg.norm(rays, axis=-1) < distortion.largest_radius
    return np.where(inside, row * camera.width + column, OUTSIDE).astype(np.int64)


def undistort_depth(depth: Points, pixels: Points) -> Points:
    """Make the pinhole camera's depth image.

    Depth is z along the optical axis, which a lens does not change: values move to other pixels and stay what
    they are. The nearest pixel is taken, since an average over an edge would be a surface that is not there.

    Args:
        depth: As the lens shows it, mm, 0 = no measurement; shape (..., H, W).
        pixels: What `undistortion_pixels` found, as an array or a tensor like the depth; shape (H, W).

    Returns:
        Mm, 0 = no measurement; shape (..., H, W).
    """
    # Where the lens shows nothing, the index -1 takes the last pixel, which is then erased.
    taken = depth.reshape((*depth.shape[:-2], -1))[..., pixels]
    return taken * (pixels != OUTSIDE)
