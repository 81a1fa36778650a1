"""Pictures of predictions: the skeleton over the depth that it was predicted from.

Depth and joints may be NumPy arrays or tensors.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from murauer.geometry.arrays import as_array
from murauer.geometry.camera import Camera, xyz_to_uvd
from murauer.geometry.patches import Cubes
from murauer.geometry.skeletons import Skeleton

Colour = tuple[int, int, int]

FINGER_COLOURS: dict[str, Colour] = {
    "thumb": (235, 87, 87),
    "index": (245, 166, 35),
    "middle": (74, 188, 106),
    "ring": (64, 156, 255),
    "pinky": (178, 111, 240),
    "palm": (240, 240, 240),
}
"""One colour a finger, told apart on grey as well as by people who see red and green alike."""

BACKGROUND_COLOUR: Colour = (24, 27, 34)
NEAR_COLOUR, FAR_COLOUR = np.array([236.0, 228.0, 214.0]), np.array([72.0, 86.0, 112.0])
"""Depth runs from warm and bright to cold and dark."""

OUTLINE_COLOUR: Colour = (16, 18, 22)
SMOOTHING = 3
"""Lines are drawn this many times larger and reduced, since Pillow draws them with jagged edges."""


def shade_depth(depth: Any, near_mm: float, far_mm: float) -> Image.Image:
    """Colour a depth image, with light from the upper left so that fingers stand out from each other.

    Args:
        depth: (H, W) in mm, 0 = no measurement.
        near_mm: Depth that gets the nearest colour.
        far_mm: Depth that gets the farthest colour.

    Returns:
        RGB picture of the same size.
    """
    z = as_array(depth).astype(np.float64)
    measured = z > 0
    share = np.clip((z - near_mm) / (far_mm - near_mm), 0, 1)[..., None]
    colour = NEAR_COLOUR + (FAR_COLOUR - NEAR_COLOUR) * share
    slope = sum(_slope(z, measured, axis) for axis in (0, 1)) / max(0.01 * (far_mm - near_mm), 1e-6)
    light = 1 + 0.28 * np.tanh(slope)[..., None]
    picture = np.where(measured[..., None], np.clip(colour * light, 0, 255), BACKGROUND_COLOUR)
    return Image.fromarray(picture.astype(np.uint8))


def draw_skeleton(picture: Image.Image, joints: Any, skeleton: Skeleton, width: float = 3.0) -> Image.Image:
    """Draw bones and joints over a picture, far ones first.

    Args:
        picture: RGB.
        joints: (J, 2) or (J, 3), column and row in pixels of the picture (centres at integers), and depth to
            order them by; NaN for joints that are not known.
        skeleton: Names, parents and fingers of the J joints.
        width: Width of the bones in pixels.

    Returns:
        A new picture.
    """
    size = (picture.width * SMOOTHING, picture.height * SMOOTHING)
    lines = Image.new("RGBA", size, (0, 0, 0, 0))
    draw = ImageDraw.Draw(lines)
    joints = as_array(joints).astype(np.float64)
    points = ((joints[:, :2] + 0.5) * SMOOTHING).tolist()
    depth = joints[:, 2] if joints.shape[1] > 2 else np.zeros(len(joints))
    known = np.isfinite(joints).all(-1)
    far_first = [joint for joint in np.argsort(-depth, kind="stable").tolist() if known[joint]]
    bone = width * SMOOTHING
    for joint in far_first:
        colour, parent = FINGER_COLOURS[skeleton.groups[joint]], skeleton.parents[joint]
        if parent >= 0 and known[parent]:
            ends = [tuple(points[parent]), tuple(points[joint])]
            draw.line(ends, fill=OUTLINE_COLOUR, width=round(1.7 * bone))
            draw.line(ends, fill=colour, width=round(bone))
    for joint in far_first:
        _dot(draw, points[joint], 1.25 * bone, OUTLINE_COLOUR)
        _dot(draw, points[joint], 0.9 * bone, FINGER_COLOURS[skeleton.groups[joint]])
    lines = lines.resize(picture.size, Image.Resampling.BOX)
    return Image.alpha_composite(picture.convert("RGBA"), lines).convert("RGB")


def draw_hand(
    depth: Any,
    camera: Camera,
    joints_xyz: Any,
    centre: Any,
    skeleton: Skeleton,
    *,
    cube_mm: float = 300.0,
    size: int = 384,
) -> Image.Image:
    """Draw the hand cube, filling the picture, with a skeleton.

    Args:
        depth: (H, W) in mm, 0 = no measurement.
        camera: The camera that took it.
        joints_xyz: (J, 3) camera coordinates in mm; None to draw the depth alone.
        centre: (3,) centre of the cube, camera coordinates in mm.
        skeleton: Of the joints.
        cube_mm: Side of the cube in mm.
        size: Side of the picture in pixels.
    """
    cubes = Cubes(as_array(centre)[None], camera.intrinsics_array(), cube_mm, size)
    middle = float(centre[2])
    near, far = middle - 0.4 * cube_mm, middle + 0.4 * cube_mm
    picture = shade_depth(cubes.depth_mm(cubes.cut(as_array(depth)[None]))[0], near, far)
    if joints_xyz is None:
        return picture
    xyz = as_array(joints_xyz)
    points = np.concatenate((cubes.patch_from_xyz(xyz[None])[0], xyz[:, 2:]), axis=-1)
    return draw_skeleton(picture, points, skeleton, width=size / 96)


def draw_frame(
    depth: Any,
    camera: Camera,
    joints_xyz: Any,
    centre: Any,
    skeleton: Skeleton,
    *,
    cube_mm: float = 300.0,
) -> Image.Image:
    """Draw a whole frame with a skeleton and the outline of the hand cube.

    Args:
        depth: As in `draw_hand`.
        camera: As in `draw_hand`.
        joints_xyz: As in `draw_hand`.
        centre: As in `draw_hand`; None for no outline, with all depths told apart in place of the hand's.
        skeleton: As in `draw_hand`.
        cube_mm: As in `draw_hand`.
    """
    intrinsics = camera.intrinsics_array()
    if centre is None:
        picture = shade_depth(depth, *_range_of(as_array(depth)))
    else:
        z = float(centre[2])
        picture = shade_depth(depth, z - 0.5 * cube_mm, z + 2 * cube_mm)
        u, v, _ = xyz_to_uvd(as_array(centre), intrinsics).tolist()
        half_width, half_height = camera.fx * cube_mm / 2 / z, camera.fy * cube_mm / 2 / z
        box = (u - half_width, v - half_height, u + half_width, v + half_height)
        ImageDraw.Draw(picture).rectangle(box, outline=(255, 255, 255), width=max(1, camera.width // 400))
    if joints_xyz is None:
        return picture
    joints = xyz_to_uvd(as_array(joints_xyz), intrinsics)
    return draw_skeleton(picture, joints, skeleton, width=camera.width / 320)


def side_by_side(pictures: Sequence[Image.Image]) -> Image.Image:
    """Place pictures in a row, all as high as the first."""
    height = pictures[0].height
    scaled = [picture.resize((picture.width * height // picture.height, height)) for picture in pictures]
    row = Image.new("RGB", (sum(picture.width for picture in scaled), height), BACKGROUND_COLOUR)
    left = 0
    for picture in scaled:
        row.paste(picture, (left, 0))
        left += picture.width
    return row


def contact_sheet(pictures: Sequence[Image.Image], captions: Sequence[str]) -> Image.Image:
    """Place pictures of equal size in a grid about as wide as high, each with a caption below."""
    width, height = pictures[0].size
    caption_height = 22
    columns = math.ceil(math.sqrt(len(pictures) * (height + caption_height) / width))
    rows = math.ceil(len(pictures) / columns)
    sheet = Image.new("RGB", (columns * width, rows * (height + caption_height)), BACKGROUND_COLOUR)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for index, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
        left, top = index % columns * width, index // columns * (height + caption_height)
        sheet.paste(picture, (left, top))
        while len(caption) > 4 and draw.textlength(caption, font) > width - 12:
            caption = "…" + caption[2:]
        draw.text((left + 6, top + height + 3), caption, font=font, fill=(220, 220, 220))
    return sheet


def _range_of(depth: np.ndarray) -> tuple[float, float]:
    """Nearest and farthest of what is measured, but for single pixels."""
    measured = depth[depth > 0]
    near, far = np.quantile(measured, (0.01, 0.99)).tolist() if measured.size else (0.0, 0.0)
    return near, max(far, near + 1.0)


def _slope(z: np.ndarray, measured: np.ndarray, axis: int) -> np.ndarray:
    """Change of depth from pixel to pixel in mm, none across the outline, which would shine."""
    z, measured = np.moveaxis(z, axis, 0), np.moveaxis(measured, axis, 0)
    step = np.where(measured[1:] & measured[:-1], np.diff(z, axis=0), 0.0)
    border = np.zeros_like(z[:1])
    return np.moveaxis((np.concatenate((border, step)) + np.concatenate((step, border))) / 2, 0, axis)


def _dot(draw: ImageDraw.ImageDraw, middle: list[float], radius: float, colour: Colour) -> None:
    x, y = middle
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
