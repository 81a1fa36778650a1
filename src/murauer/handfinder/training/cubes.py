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
from murauer.geometry.hand_size import hand_scale
from murauer.geometry.skeletons import convert
from murauer.geometry.windows import window_intrinsics
from murauer.hand.room_sampler import RoomSampler
from murauer.hand.rooms import EVERYDAY, HANDS, RoomPrior
from murauer.handfinder.finder import CUBE_MM, PATCH_SIZE, at_surface, peaks
from murauer.handfinder.network import JOINTS, ProposalNetwork
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

SCALED = (0.85, 1.2)
"""By how much hands well in sight are made smaller or larger than those of the rooms."""

MISSIZED = (1.9, 8.0)
"""By how much what is no hand seems larger or smaller than the mean adult's hand to a camera whose depth has
a wrong unit, or whose focal lengths are those of another image."""

ERRORS = torch.tensor([[1, 1, 1], [1, 1, 0], [1, 0, 0], [0, 1, 0]])
"""Axes along which things seem larger: the unit of the depth, both focal lengths, or one is wrong."""

UNCHANGED = torch.ones(BATCH, 3)

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
            there, scale = room.rooms.there, _between(*SCALED, room.stream)
            batches.append(_cube(room, there, ~there, centre, scale[:, None].expand(BATCH, 3)))
            progress.advance(BATCH)
    return LabelledCubes.joined(batches)


def missized_cubes(count: int, seed: int) -> LabelledCubes:
    """Cut one cube out of each of `count` `CLEAR` rooms as a wrong unit or focal length shows it: no hand.

    A camera that takes depth for `s` times what it is sees in its cube what is in one of a 1/s of the side;
    one that takes its focal length for `s` times what it is errs so to the sides alone, or to one of them.
    """
    sampler, batches = RoomSampler(CLEAR), []
    with Progress("cutting out hands of a wrong size", count, unit="room") as progress:
        for number in range(-(-count // BATCH)):
            room = furnish(sampler, seed, number, "missized hands")
            wrong = ERRORS[torch.randint(len(ERRORS), (BATCH,), generator=room.stream)]
            factor = _between(*MISSIZED, room.stream)
            factor = torch.where(torch.rand(BATCH, generator=room.stream) < 0.5, factor, 1 / factor)
            size = hand_scale(convert(room.rooms.joints[:, 0], "nyu14", "hand21"))
            stretch = (factor / size)[:, None] ** wrong
            patch, _ = look_at_cubes(room, _about(room.rooms.palms[:, 0], room.stream), stretch)
            nowhere = torch.zeros(BATCH, JOINTS, 3).half()
            no_hand, no_side = torch.zeros(BATCH), torch.full((BATCH,), torch.nan)
            batches.append(LabelledCubes(patch.half(), no_hand, nowhere, no_side))
            progress.advance(BATCH)
    return LabelledCubes.joined(batches)


def _between(low: float, high: float, stream: Generator) -> Tensor:
    """Factors (BATCH,); as often near to a factor as to twice that."""
    return low * (high / low) ** torch.rand(BATCH, generator=stream)


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


def _cube(
    room: Furnished, must: Tensor, may: Tensor, centre: Tensor, stretch: Tensor = UNCHANGED
) -> LabelledCubes:
    """Look at cubes around (B, 3), and say what is in them; masks (B, HANDS) as from `in_sight`.

    `stretch` as in `look_at_cubes`.
    """
    centre = torch.cat([centre[:, :2], centre[:, 2:].clamp(min=180.0)], 1)
    patch, share = look_at_cubes(room, centre, stretch)
    away = (room.rooms.palms - centre[:, None]).norm(dim=-1)
    distance, nearest = torch.where(room.rooms.there, away, torch.inf).min(1)
    rows = torch.arange(BATCH)
    sure = must[rows, nearest] & (share[rows, nearest] > SEEN)
    hidden = ~must[rows, nearest] & ~may[rows, nearest]
    is_hand = torch.full((BATCH,), torch.nan)
    is_hand[(distance < NEAR_MM) & sure] = 1.0
    is_hand[(distance > APART_MM) | hidden] = 0.0
    joints = (room.rooms.joints[rows, nearest] - centre[:, None]) * stretch[:, None] / (CUBE_MM / 2)
    right = torch.where(is_hand == 1, (~room.rooms.left[rows, nearest]).float(), torch.nan)
    return LabelledCubes(patch.half(), is_hand, joints.half(), right)


def look_at_cubes(room: Furnished, centre: Tensor, stretch: Tensor) -> tuple[Tensor, Tensor]:
    """Give patches of cubes around (B, 3), and the share of each hand that is in sight (B, HANDS).

    Args:
        room: The rooms.
        centre: In mm.
        stretch: How many times as large things seem along each axis, (B, 3).
    """
    sides = CUBE_MM / stretch
    across, down = (window_intrinsics(centre, room.intrinsics, PATCH_SIZE, sides[:, k]) for k in (0, 1))
    window = torch.stack([across[:, 0], down[:, 1], across[:, 2], down[:, 3]], 1)
    exact, share = room.rooms.depth(window, PATCH_SIZE, PATCH_SIZE)
    exact = torch.where(_in_frame(window, room.intrinsics), exact, 0.0)
    return to_patch(room.measured(exact, window), centre, sides[:, 2, None, None]), share


def _in_frame(window: Tensor, intrinsics: Tensor) -> Tensor:
    """Mark the pixels of windows (B, 4) that frames of intrinsics (B, 4) show, too: (B, P, P)."""
    inside = []
    for axis, size in ((0, WIDTH), (1, HEIGHT)):
        slope = (torch.arange(PATCH_SIZE) - window[:, axis + 2, None]) / window[:, axis, None]
        pixel = slope * intrinsics[:, axis, None] + intrinsics[:, axis + 2, None]
        inside.append((pixel > -0.5) & (pixel < size - 0.5))
    columns, lines = inside
    return lines[:, :, None] & columns[:, None]


def to_patch(depth: Tensor, centre: Tensor, side: float | Tensor = CUBE_MM) -> Tensor:
    """Scale windows of cubes to patches, as `murauer.geometry.patches.Cubes.cut` does for whole frames.

    Args:
        depth: Windows of `CUBE_MM` around the centres, in mm, (B, P, P).
        centre: (B, 3) in mm.
        side: Of the cubes in depth, in mm; (B, 1, 1) where each has its own.

    Returns:
        (B, P, P) in [-1, 1], background 1.
    """
    patch = (depth - centre[:, 2, None, None]) / (side / 2)
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
