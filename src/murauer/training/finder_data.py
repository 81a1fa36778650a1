"""What the hand finder learns from: rooms seen at its own resolution, and cubes at places in them."""

from dataclasses import dataclass, fields

import torch
from torch import Generator, Tensor

from murauer.camera import uvd_to_xyz, xyz_to_uvd
from murauer.crop import BACKGROUND
from murauer.data.rendered import random_stream
from murauer.data.windows import window_intrinsics
from murauer.hand.room_sampler import RoomSampler
from murauer.hand.rooms import HANDS, RoomPrior, Rooms
from murauer.hand.sensors import SENSORS, Sensor
from murauer.inference.hand_finder import CUBE_MM, PATCH_SIZE, PIXELS_PER_RADIAN
from murauer.progress import Progress

HEIGHT, WIDTH = 128, 160
BATCH = 25
PLACES = 3
"""Cubes that are cut out of each room."""

SEEN, UNSEEN = 0.35, 0.1
"""Shares of a hand in sight from which it must be found, and below which it must not; between, either may."""

NEAR_MM, APART_MM = 90.0, 130.0
"""From a cube's centre to a hand's: nearer is that hand, farther is none."""


@dataclass(frozen=True, eq=False)
class FinderFrames:
    """N rooms, or a part of them.

    Attributes:
        depth: whole frames in mm, 0 = no measurement, int16 (N, H, W).
        hands: centres as column, row and mm in the frame, NaN where none is in sight, (N, HANDS, 3).
        doubtful: centres of hands of which too little is in sight to insist on, likewise.
        patch: cubes, in [-1, 1], float16 (N, PLACES, P, P).
        judged: 1 for a hand, 0 for none, NaN for what is neither, (N, PLACES).
        offset: to the hand's centre, in half cubes, (N, PLACES, 3).
        right: 1 for a right hand, 0 for a left one, NaN where there is none, (N, PLACES).
    """

    depth: Tensor
    hands: Tensor
    doubtful: Tensor
    patch: Tensor
    judged: Tensor
    offset: Tensor
    right: Tensor

    def part(self, rows: Tensor) -> "FinderFrames":
        """Some of them."""
        return FinderFrames(*(getattr(self, field.name)[rows] for field in fields(self)))


def simulate_frames(count: int, seed: int, prior: RoomPrior | None = None) -> FinderFrames:
    """Render rooms; other seeds have other people.

    Args:
        count: number of rooms, rounded up to whole batches.
        seed: of everything random.
        prior: what there is in the rooms.
    """
    sampler, batches = RoomSampler(prior), []
    with Progress("rendering", count, unit="room") as progress:
        for number in range(-(-count // BATCH)):
            batches.append(_render(sampler, random_stream(seed, "hand finder", number), number))
            progress.advance(BATCH)
    return FinderFrames(
        *(torch.cat([getattr(batch, field.name) for batch in batches]) for field in fields(FinderFrames))
    )


def _render(sampler: RoomSampler, stream: Generator, number: int) -> FinderFrames:
    rooms = sampler.sample(BATCH, stream)
    sensor = list(SENSORS.values())[number % len(SENSORS)]()
    focal = PIXELS_PER_RADIAN * torch.ones(BATCH, 2)
    principal = torch.tensor([(WIDTH - 1) / 2, (HEIGHT - 1) / 2]) + 6 * torch.randn(
        BATCH, 2, generator=stream
    )
    intrinsics = torch.cat([focal, principal], 1)
    exact, share = rooms.depth(intrinsics, HEIGHT, WIDTH)
    reach = _reach(stream)
    depth = sensor(exact, intrinsics, stream)
    depth = torch.where(depth < reach, depth, 0.0).round().clamp(max=32767)

    uvd = xyz_to_uvd(rooms.palms, intrinsics)
    inside = ((uvd[..., :2] >= 0) & (uvd[..., :2] < torch.tensor([WIDTH, HEIGHT]))).all(-1)
    inside &= uvd[..., 2] < reach
    seen, doubtful = inside & (share > SEEN), rooms.there & (share > UNSEEN) & ~(inside & (share > SEEN))
    cubes = [_cube(rooms, depth, intrinsics, seen, doubtful, k, sensor, reach, stream) for k in range(PLACES)]
    patch, judged, offset, right = (torch.stack(parts, 1) for parts in zip(*cubes, strict=True))
    nothing = torch.tensor(torch.nan)
    return FinderFrames(
        depth=depth.short(),
        hands=torch.where(seen[..., None], uvd, nothing),
        doubtful=torch.where(doubtful[..., None], uvd, nothing),
        patch=patch.half(),
        judged=judged,
        offset=offset,
        right=right,
    )


def _reach(stream: Generator) -> Tensor:
    """Some devices see nothing beyond a metre or so: the farthest depth of a batch in mm, (1,)."""
    short = torch.rand(1, generator=stream) < 0.3
    near = 800 + 1500 * torch.rand(1, generator=stream)
    return torch.where(short, near, torch.tensor(8000.0))


def _cube(
    rooms: Rooms,
    depth: Tensor,
    intrinsics: Tensor,
    seen: Tensor,
    doubtful: Tensor,
    k: int,
    sensor: Sensor,
    reach: Tensor,
    stream: Generator,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Cut cubes around the hands, and for the last of the places around anything."""
    rows = torch.arange(len(depth))
    hand = torch.full((len(depth),), k % HANDS)
    hand = torch.where(seen[rows, hand], hand, 1 - hand)
    spread = torch.tensor([8.0, 45.0])[torch.randint(2, (len(depth), 1), generator=stream)]
    near_hand = rooms.palms[rows, hand] + spread * torch.randn(len(depth), 3, generator=stream)
    anything = _surface_points(depth, intrinsics, stream)
    at_hand = seen[rows, hand] if k < HANDS else torch.zeros(len(depth), dtype=torch.bool)
    centre = torch.where(at_hand[:, None], near_hand, anything)
    centre[:, 2].clamp_(min=180.0)

    window = window_intrinsics(centre, intrinsics, PATCH_SIZE, CUBE_MM)
    exact, share = rooms.depth(window, PATCH_SIZE, PATCH_SIZE)
    measured = sensor(exact, window, stream)
    patch = to_patch(measured, centre, reach)

    away = (rooms.palms - centre[:, None]).norm(dim=-1)
    away = torch.where(rooms.there, away, torch.inf)
    distance, nearest = away.min(1)
    clear = (share[rows, nearest] > SEEN) & seen[rows, nearest]
    judged = torch.where(distance < NEAR_MM, 1.0, 0.0)
    doubt = (distance < APART_MM) & ((distance > NEAR_MM) | ~clear)
    hidden = (distance < APART_MM) & ~seen[rows, nearest] & ~doubtful[rows, nearest]
    judged = torch.where(hidden, 0.0, torch.where(doubt, torch.nan, judged))
    offset = (rooms.palms[rows, nearest] - centre) / (CUBE_MM / 2)
    right = torch.where(judged == 1, (~rooms.left[rows, nearest]).float(), torch.nan)
    return patch, judged, offset, right


def to_patch(depth: Tensor, centre: Tensor, reach: Tensor | float) -> Tensor:
    """Scale windows of cubes to patches, as `murauer.inference.patches.Cubes.cut` does for whole frames.

    Args:
        depth: windows of `CUBE_MM` around the centres, in mm, (B, P, P).
        centre: (B, 3) in mm.
        reach: depth in mm beyond which nothing is measured.

    Returns:
        (B, P, P) in [-1, 1], background 1.
    """
    patch = (depth - centre[:, 2, None, None]) / (CUBE_MM / 2)
    return torch.where((depth > 0) & (depth < reach) & (patch.abs() <= 1), patch, BACKGROUND)


def _surface_points(depth: Tensor, intrinsics: Tensor, stream: Generator) -> Tensor:
    """Points (B, 3) a little behind random measured pixels of depth images, near ones more often than far."""
    flat = depth.flatten(1)
    weight = torch.where(flat > 0, 1e6 / flat.clamp(min=1).square(), 0.0) + 1e-9
    pixel = torch.multinomial(weight, 1, generator=stream)[:, 0]
    z = flat.gather(1, pixel[:, None])[:, 0]
    z = torch.where(z > 0, z, torch.tensor(700.0)) + 15
    uvd = torch.stack([pixel % WIDTH, pixel // WIDTH, z], -1).float()
    return uvd_to_xyz(uvd, intrinsics)
