"""From where the camera sees the hand."""

from __future__ import annotations

from math import pi, radians

import torch
from torch import Tensor

from murauer.hand.articulation import rotation_about
from murauer.hand.draws import Draws
from murauer.hand.solids import upright


def sample_viewpoints(
    n: int,
    generator: torch.Generator,
    *,
    palm_share: float = 0.75,
    tilt_deg: float = 38.0,
    roll_deg: float = 45.0,
    any_share: float = 0.2,
) -> Tensor:
    """Draws orientations of the hand in front of the camera.

    Most hands face the camera with the palm or the back, fingers roughly up in the image, tilted to all
    sides and rolled in the image plane; ``any_share`` of them are uniform over all rotations.

    The defaults cover the NYU test set, wider: there four fifths of the hands show the palm, the palm
    normal is between 20 and 155 degrees (5th and 95th percentile) and typically 35 degrees off the viewing
    direction.

    Args:
        n: How many.
        generator: Source of randomness.
        palm_share: Share of hands with the palm towards the camera; the others show the back.
        tilt_deg: Standard deviation of the tilt about both image axes.
        roll_deg: Standard deviation of the rotation in the image plane.
        any_share: Share of uniformly random rotations; 1 gives the full range alone.

    Returns:
        Rotations (n, 3, 3), camera from hand.
    """
    draw = Draws(n, generator)
    tilt = radians(tilt_deg) * draw.normal(2)
    roll = radians(roll_deg) * draw.normal()
    back = pi * ~draw.chance(palm_share)
    x, y, z = torch.eye(3)
    # Fingers up, palm to the camera: x stays, y (up) and z (towards the camera) turn over.
    upright = torch.diag(torch.tensor([1.0, -1.0, -1.0]))
    # Turn about the fingers' direction, lean towards or away from the camera, roll in the image.
    facing = (
        rotation_about(z.expand(n, 3), roll)
        @ rotation_about(x.expand(n, 3), tilt[:, 0])
        @ rotation_about(y.expand(n, 3), tilt[:, 1] + back)
        @ upright
    )
    anywhere = draw.rotations()
    return torch.where(draw.chance(any_share)[:, None, None], anywhere, facing)


def sample_own_views(n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw places and orientations of hands as a camera on their owner's head or chest sees them.

    Near, anywhere in the image and often at its border; the arm comes from below or from the side, fingers
    point away from the camera and up, palms face in any direction.

    Args:
        n: How many.
        generator: Source of randomness.

    Returns:
        Rotations (n, 3, 3), camera from hand, and palm centres in camera coordinates in mm, (n, 3).
    """
    draw = Draws(n, generator)
    between = draw.between
    fingers = torch.stack([0.5 * draw.normal(), -between(0.0, 1.0), between(0.1, 1.0)], -1)
    fingers = torch.nn.functional.normalize(fingers, dim=1)
    rotation = upright(fingers, between(-pi, pi))
    z = 220 * 3 ** between(0.0, 1.0)
    return rotation, torch.stack([between(-0.6, 0.6) * z, between(-0.35, 0.6) * z, z], -1)
