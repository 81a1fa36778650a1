"""Cubes cut out of simulated rooms, from which the hand finder's refinement network is learned.

Many are where the trained proposal network believes hands to be: what it takes for hands, heads and elbows
among them, is what the refinement network has to tell from them. The others show hands that are well in
sight, as which hand it is can be learned from these alone.
"""

from dataclasses import dataclass, replace

import torch
from torch import Generator, Tensor

from murauer.geometry.camera import uvd_to_xyz
from murauer.geometry.crop import BACKGROUND
from murauer.geometry.windows import window_intrinsics
from murauer.hand.room_sampler import RoomSampler
from murauer.hand.rooms import EVERYDAY, HANDS, RoomPrior
from murauer.handfinder.finder import CUBE_MM, PATCH_SIZE, at_surface, peaks
from murauer.handfinder.network import ProposalNetwork
from murauer.handfinder.training.frames import (
    BATCH,
    HEIGHT,
    SEEN,
    WIDTH,
    Furnished,
    RoomFrames,
    Rows,
    furnish,
)
from murauer.progress import Progress
from murauer.random_streams import random_stream

PLACES = 4
"""Cubes of each room, all but one of them at proposals, as far as there are any."""

SPREADS_MM = torch.tensor([8.0, 30.0])
"""Standard deviations of cubes about hands: as the refinement network leaves them, and as proposals are."""

CLEAR = replace(
    EVERYDAY, first=1.0, second=0.2, trunk=0.5, arm=0.3, other=0.0, support=0.3, body=0.1, wall=0.3,
    thing=0.12, household=0.1, distance_mm=(300.0, 1000.0), half_field=(0.25, 0.2),
)  # fmt: skip
"""Rooms with a hand well in sight."""

NEAR_MM, APART_MM = 90.0, 130.0
"""From a cube's centre to a hand's: nearer is that hand, farther is none."""


@dataclass(frozen=True, eq=False)
class LabelledCubes(Rows):
    """N cubes.

    Attributes:
        patch: In [-1, 1], float16 (N, PATCH_SIZE, PATCH_SIZE).
        is_hand: 1 for a hand, 0 for none, NaN for what is neither, (N,).
        joints: of the hand relative to the cube's centre, in half cubes, float16 (N, 14, 3); of no meaning
            where there is none.
        right: 1 for a right hand, 0 for a left one, NaN where there is none, (N,).
    """

    patch: Tensor
    is_hand: Tensor
    joints: Tensor
    right: Tensor


def cut_cubes(
    frames: RoomFrames, proposal: ProposalNetwork, seed: int, prior: RoomPrior | None = None
) -> LabelledCubes:
    """Cut cubes out of the rooms of frames.

    Args:
        frames: As `simulate_frames` gave them.
        proposal: Trained.
        seed: Seed of the frames.
        prior: Prior of the frames.
    """
    sampler, batches = RoomSampler(prior), []
    with Progress("cutting out", len(frames.depth), unit="room") as progress:
        for number in range(len(frames.depth) // BATCH):
            seen = frames.part(slice(number * BATCH, (number + 1) * BATCH))
            room = furnish(sampler, seed, number)
            stream = random_stream(seed, "cubes", number)
            batches += _cubes(room, seen, _places(room, seen, proposal, stream))
            progress.advance(BATCH)
    return LabelledCubes.joined(batches)


def clear_cubes(count: int, seed: int) -> LabelledCubes:
    """Cut one cube about a hand out of each of `count` `CLEAR` rooms, rounded up to whole batches."""
    sampler, batches = RoomSampler(CLEAR), []
    with Progress("cutting out hands in sight", count, unit="room") as progress:
        for number in range(-(-count // BATCH)):
            room = furnish(sampler, seed, number, "clear hands")
            centre = _about(room.rooms.palms[:, 0], room.stream)
            batches.append(_cube(room, room.rooms.there, ~room.rooms.there, centre))
            progress.advance(BATCH)
    return LabelledCubes.joined(batches)


def _places(room: Furnished, seen: RoomFrames, proposal: ProposalNetwork, stream: Generator) -> list[Tensor]:
    """Centres of cubes, PLACES of (B, 3): proposals first, then whatever is worth a look."""
    with torch.no_grad():
        found = proposal(seen.depth.float()).numpy()
    places = torch.stack([_elsewhere(room, seen, stream) for _ in range(PLACES)], 1)
    for row in range(BATCH):
        intrinsics = room.intrinsics[row].numpy()
        proposed = peaks(found[row], intrinsics)[: PLACES - 1]
        proposed = at_surface(proposed, seen.depth[row].float().numpy(), intrinsics)
        places[row, : len(proposed)] = torch.from_numpy(proposed)
    return list(places.unbind(1))


def _elsewhere(room: Furnished, seen: RoomFrames, stream: Generator) -> Tensor:
    """A place near one of the hands in sight, or at any surface if there is none, (B, 3)."""
    rows, hand = torch.arange(BATCH), torch.randint(HANDS, (BATCH,), generator=stream)
    there = seen.hands[..., 0].isfinite()
    hand = torch.where(there[rows, hand], hand, 1 - hand)
    near_hand = _about(room.rooms.palms[rows, hand], stream)
    surface = _surface_points(seen.depth, room.intrinsics, stream)
    return torch.where(there[rows, hand, None], near_hand, surface)


def _about(palms: Tensor, stream: Generator) -> Tensor:
    """Places about hands (B, 3), as far away as `SPREADS_MM` says."""
    spread = SPREADS_MM[torch.randint(2, (BATCH, 1), generator=stream)]
    return palms + spread * torch.randn(BATCH, 3, generator=stream)


def _cubes(room: Furnished, seen: RoomFrames, places: list[Tensor]) -> list[LabelledCubes]:
    must, may = seen.hands[..., 0].isfinite(), seen.doubtful[..., 0].isfinite()
    return [_cube(room, must, may, centre) for centre in places]


def _cube(room: Furnished, must: Tensor, may: Tensor, centre: Tensor) -> LabelledCubes:
    """Look at cubes around (B, 3), and say what is in them; masks (B, HANDS) as from `in_sight`."""
    centre = torch.cat([centre[:, :2], centre[:, 2:].clamp(min=180.0)], 1)
    window = window_intrinsics(centre, room.intrinsics, PATCH_SIZE, CUBE_MM)
    exact, share = room.rooms.depth(window, PATCH_SIZE, PATCH_SIZE)
    exact = torch.where(_in_frame(window, room.intrinsics), exact, 0.0)
    patch = to_patch(room.measured(exact, window), centre)

    away = (room.rooms.palms - centre[:, None]).norm(dim=-1)
    distance, nearest = torch.where(room.rooms.there, away, torch.inf).min(1)
    rows = torch.arange(BATCH)
    sure = must[rows, nearest] & (share[rows, nearest] > SEEN)
    hidden = ~must[rows, nearest] & ~may[rows, nearest]
    is_hand = torch.full((BATCH,), torch.nan)
    is_hand[(distance < NEAR_MM) & sure] = 1.0
    is_hand[(distance > APART_MM) | hidden] = 0.0
    joints = (room.rooms.joints[rows, nearest] - centre[:, None]) / (CUBE_MM / 2)
    right = torch.where(is_hand == 1, (~room.rooms.left[rows, nearest]).float(), torch.nan)
    return LabelledCubes(patch.half(), is_hand, joints.half(), right)


def _in_frame(window: Tensor, intrinsics: Tensor) -> Tensor:
    """Mark the pixels of windows (B, 4) that frames of intrinsics (B, 4) show, too: (B, P, P)."""
    inside = []
    for axis, size in ((0, WIDTH), (1, HEIGHT)):
        slope = (torch.arange(PATCH_SIZE) - window[:, axis + 2, None]) / window[:, axis, None]
        pixel = slope * intrinsics[:, axis, None] + intrinsics[:, axis + 2, None]
        inside.append((pixel > -0.5) & (pixel < size - 0.5))
    columns, lines = inside
    return lines[:, :, None] & columns[:, None]


def to_patch(depth: Tensor, centre: Tensor) -> Tensor:
    """Scale windows of cubes to patches, as `murauer.geometry.patches.Cubes.cut` does for whole frames.

    Args:
        depth: Windows of `CUBE_MM` around the centres, in mm, (B, P, P).
        centre: (B, 3) in mm.

    Returns:
        (B, P, P) in [-1, 1], background 1.
    """
    patch = (depth - centre[:, 2, None, None]) / (CUBE_MM / 2)
    return torch.where((depth > 0) & (patch.abs() <= 1), patch, BACKGROUND)


def _surface_points(depth: Tensor, intrinsics: Tensor, stream: Generator) -> Tensor:
    """Points (B, 3) a little behind random measured pixels of depth images, near ones more often than far."""
    flat = depth.flatten(1).float()
    weight = torch.where(flat > 0, 1e6 / flat.clamp(min=1).square(), 0.0) + 1e-9
    pixel = torch.multinomial(weight, 1, generator=stream)[:, 0]
    z = flat.gather(1, pixel[:, None])[:, 0]
    z = torch.where(z > 0, z, torch.tensor(700.0)) + 15
    uvd = torch.stack([pixel % WIDTH, pixel // WIDTH, z], -1).float()
    return uvd_to_xyz(uvd, intrinsics)
