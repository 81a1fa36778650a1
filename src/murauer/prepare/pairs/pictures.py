"""Pictures of pairs: the real frame with its labels, the synthetic one with its joints, the difference."""

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from murauer.geometry.camera import Camera
from murauer.geometry.crop import crop_hand
from murauer.geometry.overlay import BACKGROUND_COLOUR, contact_sheet, draw_hand, side_by_side
from murauer.prepare.pairs.pairs import SyntheticPairs
from murauer.store.manifest import PAIRS

FRAMES, SIDE = 12, 224
"""Number of frames shown, and side of a picture in pixels."""
DIFFERENCE_MM = 20.0
"""Differences of depth are coloured up to this."""

# Blue and orange are told apart by everybody; where only one of the two has a surface it is grey.
_REAL_NEARER = np.array([230.0, 120.0, 20.0])
_PAIR_NEARER = np.array([40.0, 110.0, 230.0])
_EQUAL = np.array([245.0, 245.0, 245.0])
_ONLY_REAL, _ONLY_PAIR = np.array([110.0, 110.0, 110.0]), np.array([60.0, 60.0, 60.0])


def pairs_sheet(pairs: SyntheticPairs) -> Image.Image:
    """Show some frames of those that were made, from the best explained to the worst.

    Each with three pictures: the real frame with its labels; its synthetic pair with the synthetic pair's
    joints; and the difference, white where the two surfaces meet, orange where the real one is nearer, blue
    where the synthetic pair is, by `DIFFERENCE_MM` and more at full colour; grey where only the real frame
    has a surface inside the hand cube, dark grey where only the synthetic pair has.
    """
    order = pairs.fit.error_mm.argsort(stable=True)
    shown = order[torch.linspace(0, len(order) - 1, min(FRAMES, len(order))).round().long()]
    tiles = [_tile(pairs, int(k)) for k in shown]
    captions = [
        f"frame {pairs.rows[int(k)]}: {float(pairs.fit.error_mm[k]):.1f} mm"
        + ("" if pairs.good[k] else ", no synthetic pair")
        for k in shown
    ]
    return contact_sheet(tiles, captions)


def _tile(pairs: SyntheticPairs, k: int) -> Image.Image:
    store, row = pairs.store, pairs.rows[k : k + 1]
    real, pair = store.require("real").windows(row), store.require(PAIRS).windows(row)
    side = real.depth.shape[-1]
    fx, fy, u0, v0 = real.intrinsics[0].tolist()
    camera = Camera(fx, fy, u0, v0, side, side, is_crop=True)
    pictures = [
        draw_hand(
            region.depth[0],
            camera,
            region.joints[0],
            real.centre[0],
            store.skeleton,
            cube_mm=store.cube_mm,
            size=SIDE,
        )
        for region in (real, pair)
    ]
    patches = [
        crop_hand(region.depth, real.intrinsics, real.centre, cube_mm=store.cube_mm, patch_size=SIDE)
        for region in (real, pair)
    ]
    depths = [geometry.depth_mm(patch)[0] for patch, geometry in patches]
    return side_by_side([*pictures, difference_picture(*depths)])


def difference_picture(real: Tensor, pair: Tensor) -> Image.Image:
    """Colour the difference of two depth images (H, W) in mm, 0 = nothing there; see `pairs_sheet`."""
    a, b = real.double().numpy(), pair.double().numpy()
    share = np.clip((a - b) / DIFFERENCE_MM, -1, 1)[..., None]
    nearer = np.where(share > 0, _PAIR_NEARER, _REAL_NEARER)
    colour = _EQUAL + np.abs(share) * (nearer - _EQUAL)
    one = np.where((a > 0)[..., None], _ONLY_REAL, _ONLY_PAIR)
    colour = np.where(((a > 0) & (b > 0))[..., None], colour, one)
    colour = np.where(((a > 0) | (b > 0))[..., None], colour, np.array(BACKGROUND_COLOUR, float))
    return Image.fromarray(colour.round().astype(np.uint8))
