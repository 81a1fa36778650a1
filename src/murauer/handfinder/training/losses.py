"""What the two networks of the hand finder are trained to minimise."""

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy
from torch.nn.functional import smooth_l1_loss

from murauer.hand.rooms import PALM
from murauer.handfinder.finder import PIXELS_PER_RADIAN
from murauer.handfinder.network import JOINTS, STRIDE
from murauer.handfinder.training.cubes import LabelledCubes
from murauer.handfinder.training.frames import RoomFrames

SPREAD_MM = 25.0
"""Standard deviation of the peak that a hand makes in the heat map."""

SMALLEST_SPREAD = 0.5
"""The same in cells, at least."""


def heat_target(hands: Tensor, rows: int, columns: int) -> Tensor:
    """Draw the peaks of hands into cells.

    Args:
        hands: Column, row and mm in the frame, NaN for none, (B, K, 3).
        rows: Rows of cells.
        columns: Columns of cells.

    Returns:
        (B, rows, columns) in [0, 1]; exactly 1 in the cells that hold a hand's centre.
    """
    cell_u, cell_v = (part[..., None, None] for part in cells(hands, rows, columns).unbind(-1))
    z = hands[..., 2, None, None]
    spread = (SPREAD_MM * PIXELS_PER_RADIAN / z / STRIDE).clamp(min=SMALLEST_SPREAD)
    across = torch.arange(columns, device=hands.device) - cell_u
    down = torch.arange(rows, device=hands.device)[:, None] - cell_v
    heat = torch.exp(-(across.square() + down.square()) / (2 * spread.square()))
    return torch.nan_to_num(heat, 0.0).amax(1)


def cells(hands: Tensor, rows: int, columns: int) -> Tensor:
    """Column and row of the cells that hold hands, (..., 2): whole numbers, NaN for none.

    Those of centres beyond the image's last half pixel are at its border.
    """
    column, row = torch.floor((hands[..., :2] + 0.5) / STRIDE).unbind(-1)
    return torch.stack([column.clamp(0, columns - 1), row.clamp(0, rows - 1)], -1)


def proposal_loss(found: Tensor, frames: RoomFrames) -> Tensor:
    """Focal loss of the heat map, and distance of place and depth where hands are.

    Args:
        found: Output of the proposal network, (B, 4, h, w).
        frames: The frames that it saw.
    """
    rows, columns = found.shape[-2:]
    heat = heat_target(frames.hands, rows, columns)
    doubt = heat_target(frames.doubtful, rows, columns) > 0.1
    probability = found[:, 0].sigmoid().clamp(1e-4, 1 - 1e-4)
    hit = heat == 1
    gain = torch.where(
        hit,
        (1 - probability).square() * probability.log(),
        (1 - heat).pow(4) * probability.square() * (1 - probability).log(),
    )
    focal = -(gain * (hit | ~doubt)).sum()
    image, hand = torch.nonzero(frames.hands[..., 0].isfinite(), as_tuple=True)
    hands = frames.hands[image, hand]
    cell = cells(hands, rows, columns)
    within = (hands[:, :2] + 0.5) / STRIDE - cell - 0.5
    expected = torch.cat([within, hands[:, 2:] / 1000], -1)
    column, row = cell.long().unbind(-1)
    actual = found[image, 1:, row, column]
    return (focal + 2 * smooth_l1_loss(actual, expected, beta=0.1, reduction="sum")) / len(found)


def refinement_loss(refined: Tensor, cubes: LabelledCubes) -> Tensor:
    """Cross entropy of hand and of handedness, and distance of the joints, of the centre above all.

    Args:
        refined: Output of the refinement network, (B, 2 + 3 * JOINTS).
        cubes: That it saw, each surely with a hand or without one.
    """
    hand = cubes.is_hand == 1
    loss = cross_entropy(refined[:, 0], cubes.is_hand)
    if hand.any():
        actual, expected = refined[hand, 2:].unflatten(1, (JOINTS, 3)), cubes.joints[hand].float()
        loss = loss + cross_entropy(refined[hand, 1], cubes.right[hand])
        loss = loss + 20 * smooth_l1_loss(actual, expected, beta=0.05)
        loss = loss + 3 * smooth_l1_loss(actual[:, PALM], expected[:, PALM], beta=0.05)
    return loss
