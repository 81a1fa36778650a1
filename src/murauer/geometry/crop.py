"""The hand cube: from a depth frame to the normalised patch that the network sees, and back to mm.

This is the one place where frames become patches and joints become numbers in [-1, 1]. The steps are

    image --rotate about the pivot--> rotated image --cut and resize the cube's box--> patch,

all folded into one lookup per patch pixel (nearest neighbour, so that no depth is invented between a hand
and what is behind it). The rotated image is treated as if the same camera had taken it: joints are projected,
rotated in the image, and back-projected with the unchanged intrinsics and depth. Normalised joints therefore
describe exactly what the rotated patch shows.

Two rules for the cube's box, chosen by `box`:

* "exact": the perspective outline of the cube at its centre's depth. The centre falls on the middle of the
  patch and +-1 on its borders, whatever the position, image or window of an image that it is cut from.
* "published": the outline floored to whole pixels, its longer side resized to the patch by keeping the
  first source pixel of each interval, as in the authors' implementation (rotation likewise rounded to whole
  pixels first). It moves the hand within the patch by up to a source pixel (1.3 mm on NYU frames, 5 mm in
  the 96-pixel windows of a store) that the labels know nothing of, and by a constant half patch pixel.
  Only for models trained with it.
"""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from murauer.geometry.camera import uvd_to_xyz, xyz_to_uvd
from murauer.geometry.patches import BoxRule

BACKGROUND = 1.0
"""Value of patch pixels where nothing was measured inside the cube."""

FARTHEST_PX = 1e9
"""Patches that would show anything farther from an image are refused; beyond it, float32 loses the pixels."""

_BELOW_NEAR_SIDE = -1.0 - torch.finfo(torch.float32).eps
"""The next value below -1, that of the cube's near side."""


@dataclass(frozen=True, eq=False)
class CropGeometry:
    """Where the patches of a batch come from: all that is needed between patch, image and camera.

    Attributes:
        centre: (B, 3) centre of the cube in mm, in camera coordinates (of the rotated image, if rotated about
            another point than the centre).
        intrinsics: (B, 4) fx, fy, u0, v0 of the source image in pixels.
        image_from_patch: (B, 3, 3) affine map from patch pixels to image pixels, rotation included.
        rotation: (B,) in-plane rotation in radians; positive turns the hand counter-clockwise as displayed.
        pivot: (B, 2) image point in pixels that the rotation leaves in place.
        cube_mm: Side of the cube in mm; (B,) where each has its own.
        patch_size: Side P of the patches in pixels.
    """

    centre: Tensor
    intrinsics: Tensor
    image_from_patch: Tensor
    rotation: Tensor
    pivot: Tensor
    cube_mm: float | Tensor
    patch_size: int

    def normalise_joints(self, xyz: Tensor) -> Tensor:
        """Express joints in units of half the cube around its centre, as the rotated patch shows them.

        Args:
            xyz: Camera coordinates in mm; shape (B, J, 3).

        Returns:
            Shape (B, J, 3). Within [-1, 1] inside the cube; not clipped, so that it can be inverted.
        """
        uvd = self._rotate(xyz_to_uvd(xyz, self.intrinsics), self.rotation)
        return (uvd_to_xyz(uvd, self.intrinsics) - self.centre[:, None]) / self._half_cube

    def denormalise_joints(self, joints: Tensor) -> Tensor:
        """Invert `normalise_joints`: (B, J, 3) in half cubes to camera coordinates in mm."""
        xyz = joints * self._half_cube + self.centre[:, None]
        uvd = self._rotate(xyz_to_uvd(xyz, self.intrinsics), -self.rotation)
        return uvd_to_xyz(uvd, self.intrinsics)

    def patch_from_xyz(self, xyz: Tensor) -> Tensor:
        """Return the patch pixels, shape (B, J, 2) as column and row, where joints (B, J, 3) in mm appear."""
        uvd = xyz_to_uvd(xyz, self.intrinsics)
        patch_from_image = torch.linalg.inv(self.image_from_patch.double()).to(uvd)
        return uvd[..., :2] @ patch_from_image[:, :2, :2].mT + patch_from_image[:, None, :2, 2]

    def depth_mm(self, patch: Tensor) -> Tensor:
        """Return the depth in mm of patches (B, P, P), with 0 for background."""
        depth = patch * self._half_cube + self.centre[:, 2, None, None]
        return torch.where(patch < BACKGROUND, depth, torch.zeros_like(depth))

    def to_patch(self, xyz: Tensor) -> Tensor:
        """Express joints as the patch shows them: image plane from border to border, depth in half cubes.

        Args:
            xyz: Camera coordinates in mm; shape (B, J, 3).

        Returns:
            Column, row and depth, each in [-1, 1] inside the patch and the cube; shape (B, J, 3).
        """
        pixels = self.patch_from_xyz(xyz)
        depth = (xyz[..., 2:] - self.centre[:, None, 2:]) / self._half_cube
        return torch.cat(((pixels + 0.5) * (2 / self.patch_size) - 1, depth), dim=-1)

    def from_patch(self, joints: Tensor) -> Tensor:
        """Invert `to_patch`: joints (B, J, 3) as the patch shows them to camera coordinates in mm."""
        pixels = (joints[..., :2] + 1) * (self.patch_size / 2) - 0.5
        uv = pixels @ self.image_from_patch[:, :2, :2].mT + self.image_from_patch[:, None, :2, 2]
        depth = joints[..., 2:] * self._half_cube + self.centre[:, None, 2:]
        return uvd_to_xyz(torch.cat((uv, depth), dim=-1), self.intrinsics)

    def part(self, rows: slice | Tensor) -> "CropGeometry":
        """Return the geometry of some of the patches."""
        one_by_one: dict[str, Any] = {
            name: value[rows] for name, value in vars(self).items() if isinstance(value, Tensor)
        }
        return replace(self, **one_by_one)

    @property
    def _half_cube(self) -> Tensor:
        """Half the side of the cubes in mm, (B, 1, 1) or (1, 1, 1)."""
        return _column(self.cube_mm, self.centre)[..., None] / 2

    def _rotate(self, uvd: Tensor, angle: Tensor) -> Tensor:
        """Turn image points (B, J, 3) about the pivot, keeping their depth."""
        pivot = self.pivot[:, None]
        uv = (uvd[..., :2] - pivot) @ _rotation_matrix(angle).mT + pivot
        return torch.cat((uv, uvd[..., 2:]), dim=-1)


def crop_hand(
    depth: Tensor,
    intrinsics: Tensor,
    centre: Tensor,
    *,
    cube_mm: float | Tensor = 300.0,
    patch_size: int = 128,
    rotation: Tensor | None = None,
    pivot: Tensor | None = None,
    box: BoxRule = "exact",
) -> tuple[Tensor, CropGeometry]:
    """Cut the cube around the hand out of depth images and normalise it.

    Args:
        depth: (B, H, W) in mm, 0 = no measurement. Full frames or windows of them.
        intrinsics: (B, 4) or (4,), fx, fy, u0, v0 in pixels of these images (a window that starts at column a
            and row b has u0 - a and v0 - b).
        centre: (B, 3) centre of the cube in camera coordinates, mm. May lie near or outside the border.
        cube_mm: Side of the cube in mm; (B,) for cubes of different sizes.
        patch_size: Side P of the patch in pixels.
        rotation: (B,) in-plane rotation in radians, counter-clockwise as displayed; none by default.
        pivot: (B, 3) point in camera coordinates, mm, about whose image the rotation turns; by default the
            centre. With another pivot `centre` is understood in the rotated image, which is the order of
            the authors' augmentation (rotate about the annotated centre, then offset the crop).
        box: How the cube's outline becomes source pixels; see the module's description.

    Returns:
        The patches, (B, P, P) in [-1, 1], where -1 and +1 are the cube's near and far side and +1 is also
        the background: no measurement, outside the image, nearer or farther than the cube. And the geometry
        to take joints there and back.

    Raises:
        ValueError: If shapes disagree, a value is not finite, a centre is not in front of the camera, or the
            outline of a cube is too large or, with the published box, too small for pixels.
    """
    if depth.ndim != 3 or centre.ndim != 2 or depth.shape[0] != centre.shape[0]:
        raise ValueError(
            f"expected depth (B, H, W) and centre (B, 3), got {tuple(depth.shape)} and {tuple(centre.shape)}"
        )
    outline = _outline(intrinsics, centre, cube_mm, patch_size, box)
    geometry = _geometry(outline, intrinsics, centre, cube_mm, patch_size, rotation, pivot)
    height, width = depth.shape[1:]
    # A border of missing depth stands for all that is outside the image; its pixels count from 1.
    columns, rows = _source_pixels(outline, geometry, (width, height))
    index = rows.mul_(width + 2).add_(columns).long()
    bordered = functional.pad(depth, (1, 1, 1, 1))
    measured = bordered.flatten(1).gather(1, index.flatten(1)).view_as(index)
    _require(
        torch.isfinite(measured.sum()),
        "depth holds NaN or infinite values; write missing measurements as 0",
    )
    # In place: what was not measured is infinitely far, what is nearer than the cube is background as well,
    # and the background ends where the cube does.
    patch = torch.threshold_(measured, 0.0, torch.inf)
    patch = patch.sub_(geometry.centre[:, 2, None, None]).div_(geometry._half_cube)
    torch.threshold_(patch, _BELOW_NEAR_SIDE, BACKGROUND)
    return patch.clamp_(max=BACKGROUND), geometry


@dataclass(frozen=True, eq=False)
class _Outline:
    """The cube's box in the (rotated) image, and which of its pixels each patch pixel shows.

    `columns` and `rows`, (B, P) float64, are the image coordinates sampled by patch columns and rows;
    `image_from_patch` (B, 3, 3) is the affine map behind them; `filled` (B, P, P) says which patch pixels
    belong to the box at all, None that all do.
    """

    columns: Tensor
    rows: Tensor
    image_from_patch: Tensor
    filled: Tensor | None


def _outline(
    intrinsics: Tensor, centre: Tensor, cube_mm: float | Tensor, patch_size: int, box: BoxRule
) -> _Outline:
    """Place the cube's box by one of the two rules, in float64 because the published one floors."""
    _check_placement(intrinsics, centre, cube_mm, patch_size)
    uvd = xyz_to_uvd(centre.double(), intrinsics.double())
    half = intrinsics.double()[..., :2] * (_column(cube_mm, uvd) / 2) / uvd[:, 2:]
    low, high = uvd[:, :2] - half, uvd[:, :2] + half
    pixel = torch.arange(patch_size, device=centre.device)
    filled: Tensor | None = None
    if box == "exact":
        scale = (high - low) / patch_size
        origin = low + scale / 2
        sampled = origin[..., None] + scale[..., None] * pixel
    elif box == "published":
        low = low.floor().long()
        sides = high.floor().long() - low
        patch_sides = sides * patch_size // sides.amax(dim=1, keepdim=True).clamp(min=1)
        _require(
            (patch_sides > 0).all(),
            "the outline of a cube is less than a pixel of image or patch, as published",
        )
        sampled = (low[..., None] + pixel * sides[..., None] // patch_sides[..., None]).double()
        scale = sides / patch_sides.double()
        origin = low - 0.5
        inside = pixel < patch_sides[..., None]
        filled = inside[:, 0, None, :] & inside[:, 1, :, None]
    else:
        raise ValueError(f"box must be 'exact' or 'published', got {box!r}")
    image_from_patch = torch.diag_embed(torch.cat((scale, torch.ones_like(scale[:, :1])), dim=1))
    image_from_patch[:, :2, 2] = origin
    return _Outline(sampled[:, 0], sampled[:, 1], image_from_patch, filled)


def _geometry(
    outline: _Outline,
    intrinsics: Tensor,
    centre: Tensor,
    cube_mm: float | Tensor,
    patch_size: int,
    rotation: Tensor | None,
    pivot: Tensor | None,
) -> CropGeometry:
    """Add the rotation to an outline."""
    rotation = centre.new_zeros(len(centre)) if rotation is None else rotation.to(centre)
    pivot_uv = xyz_to_uvd((centre if pivot is None else pivot).double(), intrinsics.double())[:, :2]
    if rotation.shape != centre.shape[:1] or pivot_uv.shape != (len(centre), 2):
        raise ValueError("rotation must have shape (B,) and pivot (B, 3), one each per centre")
    _require(
        torch.isfinite(rotation).all() & torch.isfinite(pivot_uv).all(),
        "rotation and pivot must be finite, the pivot in front of the camera",
    )
    image_from_rotated = torch.zeros_like(outline.image_from_patch)
    image_from_rotated[:, :2, :2] = _rotation_matrix(-rotation.double())
    image_from_rotated[:, :2, 2] = pivot_uv - (image_from_rotated[:, :2, :2] @ pivot_uv[..., None])[..., 0]
    image_from_rotated[:, 2, 2] = 1
    image_from_patch = image_from_rotated @ outline.image_from_patch
    _require(
        (image_from_patch.abs() < FARTHEST_PX).all(),
        "the outline of a cube is too far outside the image; give centre and cube in mm and intrinsics in px",
    )
    return CropGeometry(
        centre=centre,
        intrinsics=intrinsics.to(centre).expand(len(centre), 4),
        image_from_patch=image_from_patch.to(centre),
        rotation=rotation,
        pivot=pivot_uv.to(centre),
        cube_mm=cube_mm,
        patch_size=patch_size,
    )


def _source_pixels(outline: _Outline, geometry: CropGeometry, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Return the column and row, each (B, P, P) int32, of the image pixel that every patch pixel shows.

    They count from 1; 0 and width + 1 or height + 1 are what is outside an image of that size.
    """
    cosine, sine = geometry.rotation.double().cos()[:, None], geometry.rotation.double().sin()[:, None]
    u0, v0 = geometry.pivot.double().split(1, dim=1)
    column, row = outline.columns - u0, outline.rows - v0
    u = _rounded_sums(cosine * column + u0 + 1, -sine * row, size[0] + 1)
    v = _rounded_sums(sine * column + v0 + 1, cosine * row, size[1] + 1)
    return (u, v) if outline.filled is None else (u * outline.filled, v * outline.filled)


def _rounded_sums(along_columns: Tensor, along_rows: Tensor, last: int) -> Tensor:
    """Add (B, P) along columns and (B, P) along rows to (B, P, P), rounded to int32 from 0 to `last`.

    An affine map of the pixel grid is such a sum; float32 and in-place operations keep the largest tensors
    of a training step's loading small.
    """
    sums = along_columns.float()[:, None, :] + (along_rows + 0.5).float()[:, :, None]
    return sums.clamp_(0, last).int()  # of numbers that are not negative, the integer part is the floor


def _rotation_matrix(angle: Tensor) -> Tensor:
    """Return (B, 2, 2) matrices that turn (u, v) counter-clockwise as displayed (v points down)."""
    cosine, sine = angle.cos(), angle.sin()
    return torch.stack((cosine, sine, -sine, cosine), dim=-1).unflatten(-1, (2, 2))


def _column(cube_mm: float | Tensor, like: Tensor) -> Tensor:
    """Sides of cubes as a column, (B, 1), or (1, 1) for one side of all."""
    if isinstance(cube_mm, Tensor):
        return cube_mm.to(like).reshape(-1, 1)
    return like.new_full((1, 1), cube_mm)  # made where it is used: a GPU is not waited for


def _check_placement(intrinsics: Tensor, centre: Tensor, cube_mm: float | Tensor, patch_size: int) -> None:
    """Refuse what would otherwise become a silent all-background patch."""
    if centre.ndim != 2 or centre.shape[1] != 3 or intrinsics.shape not in ((4,), (1, 4), (len(centre), 4)):
        raise ValueError(
            f"expected centre (B, 3) and intrinsics (B, 4) or (4,), got {tuple(centre.shape)} and "
            f"{tuple(intrinsics.shape)}"
        )
    positive = "cube_mm and patch_size must be positive"
    if isinstance(cube_mm, Tensor):
        if cube_mm.shape != centre.shape[:1]:
            raise ValueError(f"expected a number or a cube_mm for each centre, got {tuple(cube_mm.shape)}")
        _require((cube_mm > 0).all(), positive)
    elif not cube_mm > 0 or patch_size < 1:
        raise ValueError(f"{positive}, got {cube_mm} and {patch_size}")
    _require(
        torch.isfinite(intrinsics).all()
        & (intrinsics[..., :2] > 0).all()
        & torch.isfinite(centre).all()
        & (centre[:, 2] > 0).all(),
        "centres and intrinsics must be finite, focal lengths positive and every centre in front of the "
        "camera (z > 0)",
    )


def _require(condition: Tensor, message: str) -> None:
    """Raise a ValueError unless a condition holds; a GPU is not waited for and stops by itself, later."""
    if condition.device.type != "cpu":
        torch._assert_async(condition, message)
    elif not bool(condition):
        raise ValueError(message)
