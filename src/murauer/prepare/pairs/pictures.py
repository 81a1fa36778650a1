"""Pictures of twins: the real frame with its labels, the twin with its joints, and how far apart they are."""

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from murauer.geometry.camera import Camera
from murauer.geometry.crop import crop_hand
from murauer.geometry.overlay import BACKGROUND_COLOUR, contact_sheet, draw_hand, side_by_side
from murauer.prepare.pairs.pairs import Twins

FRAMES = 12
DIFFERENCE_MM = 20.0
"""Differences of depth are coloured up to this."""

# Blue and orange are told apart by everybody; where only one of the two has a surface it is grey.
_REAL_NEARER = np.array([230.0, 120.0, 20.0])
_TWIN_NEARER = np.array([40.0, 110.0, 230.0])
_EQUAL = np.array([245.0, 245.0, 245.0])
_ONLY_REAL, _ONLY_TWIN = np.array([110.0, 110.0, 110.0]), np.array([60.0, 60.0, 60.0])


def twin_sheet(twins: Twins, frames: int = FRAMES, size: int = 224) -> Image.Image:
    """Show some frames, from the best explained to the worst.

    Each with three pictures: the real frame with its labels; its twin with the twin's joints; and the
    difference, white where the two surfaces meet, orange where the real one is nearer, blue where the twin
    is, by `DIFFERENCE_MM` and more at full colour; grey where only the real frame has a surface inside the
    hand cube, dark grey where only the twin has.

    Args:
        twins: what was made.
        frames: how many.
        size: side of one picture in pixels.
    """
    order = twins.fit.error_mm.argsort(stable=True)
    shown = order[torch.linspace(0, len(order) - 1, min(frames, len(order))).round().long()]
    tiles = [_tile(twins, int(k), size) for k in shown]
    captions = [
        f"frame {twins.rows[int(k)]}: {float(twins.fit.error_mm[k]):.1f} mm"
        + ("" if twins.good[k] else ", no twin")
        for k in shown
    ]
    return contact_sheet(tiles, captions)


def _tile(twins: Twins, k: int, size: int) -> Image.Image:
    store, row = twins.store, twins.rows[k : k + 1]
    real, twin = store.need("real").regions(row), store.need("twin").regions(row)
    side = real.depth.shape[-1]
    fx, fy, u0, v0 = real.intrinsics[0].tolist()
    camera = Camera(fx, fy, u0, v0, side, side)
    pictures = [
        draw_hand(
            region.depth[0],
            camera,
            region.joints[0],
            real.centre[0],
            store.skeleton,
            cube_mm=store.cube_mm,
            size=size,
        )
        for region in (real, twin)
    ]
    patches = [
        crop_hand(region.depth, real.intrinsics, real.centre, cube_mm=store.cube_mm, patch_size=size)
        for region in (real, twin)
    ]
    depths = [geometry.depth_mm(patch)[0] for patch, geometry in patches]
    return side_by_side([*pictures, difference_picture(*depths)])


def difference_picture(real: Tensor, twin: Tensor) -> Image.Image:
    """Colour the difference of two depth images (H, W) in mm, 0 = nothing there; see `twin_sheet`."""
    a, b = real.double().numpy(), twin.double().numpy()
    share = np.clip((a - b) / DIFFERENCE_MM, -1, 1)[..., None]
    nearer = np.where(share > 0, _TWIN_NEARER, _REAL_NEARER)
    colour = _EQUAL + np.abs(share) * (nearer - _EQUAL)
    one = np.where((a > 0)[..., None], _ONLY_REAL, _ONLY_TWIN)
    colour = np.where(((a > 0) & (b > 0))[..., None], colour, one)
    colour = np.where(((a > 0) | (b > 0))[..., None], colour, np.array(BACKGROUND_COLOUR, float))
    return Image.fromarray(colour.round().astype(np.uint8))
