"""The known hand, rendered here, against its kept image."""

import torch
from torch import Tensor

from murauer.hand.model import HandModel, place
from murauer.hand.rasteriser import rasterise_depth
from murauer.selftest.known_hand import CAMERA, DISTANCE_MM, known_hand
from murauer.selftest.outcome import Outcome

BENT = 0.25
"""Share of the way from the middle of its range to nought at which each angle stands."""

ALIKE_MM = 0.2
MOST_PIXELS = 20
"""That may differ by more: at outlines a pixel is the hand's or not, depending on how its edge is rounded."""


def rendered_hand(model: HandModel | None = None) -> Tensor:
    """Depth image of the known hand, (H, W) in mm: palm to the camera, fingers up and a little bent.

    Args:
        model: Another hand model, for tests.
    """
    model = HandModel() if model is None else model
    angles = BENT * model.angle_limits.mean(dim=1)[None]
    hand = model(angles, torch.zeros(1, len(model.shape_names)))
    facing = torch.diag(torch.tensor([1.0, -1.0, -1.0]))[None]
    vertices = place(hand.vertices, facing, torch.tensor([[0.0, 0.0, DISTANCE_MM]]))
    intrinsics = CAMERA.intrinsics()[None]
    return rasterise_depth(vertices, model.faces, intrinsics, CAMERA.height, CAMERA.width)[0]


def check_rendering(model: HandModel | None = None) -> Outcome:
    """Compare the hand as it is rendered here with the kept image.

    Args:
        model: Another hand model, for tests.
    """
    kept = torch.from_numpy(known_hand().depth)
    apart = (rendered_hand(model) - kept).abs()
    differing = int((~(apart <= ALIKE_MM)).sum())  # NaN is not alike
    what = f"of a rendered hand's {kept.numel():,} pixels some differ from the kept ones,"
    return Outcome(what, differing, MOST_PIXELS, "pixels")
