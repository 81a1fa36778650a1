"""Simulated rooms at the resolution of the search, from which the hand finder's proposals are learned."""

from dataclasses import dataclass
from typing import Self

import torch
from torch import Generator, Tensor

from murauer.geometry.camera import xyz_to_uvd
from murauer.hand.room_sampler import RoomSampler
from murauer.hand.rooms import RoomPrior, Rooms
from murauer.hand.sensors import SENSORS, Sensor
from murauer.handfinder.finder import PIXELS_PER_RADIAN
from murauer.progress import Progress
from murauer.random_streams import random_stream

HEIGHT, WIDTH = 128, 160
BATCH = 25

SEEN, UNSEEN = 0.35, 0.1
"""Shares of a hand in sight from which it must be found, and below which it must not; between, either may."""


class Rows:
    """Tensors whose first dimension counts the same things; for dataclasses."""

    def __len__(self) -> int:
        return len(next(iter(vars(self).values())))

    def part(self, rows: Tensor | slice) -> Self:
        """Some of them."""
        return type(self)(**{name: value[rows] for name, value in vars(self).items()})

    def to(self, device: torch.device) -> Self:
        """All of them on a device."""
        return type(self)(**{name: value.to(device) for name, value in vars(self).items()})

    @classmethod
    def joined(cls, parts: list[Self]) -> Self:
        """All of several."""
        return cls(**{name: torch.cat([getattr(part, name) for part in parts]) for name in vars(parts[0])})


@dataclass(frozen=True, eq=False)
class RoomFrames(Rows):
    """N frames.

    Attributes:
        depth: In mm, 0 = no measurement, int16 (N, HEIGHT, WIDTH).
        hands: Centres as column, row and mm, NaN where none is in sight, (N, HANDS, 3).
        doubtful: Centres of hands of which too little is in sight to insist on, likewise.
    """

    depth: Tensor
    hands: Tensor
    doubtful: Tensor


@dataclass(frozen=True, eq=False)
class Furnished:
    """B rooms, and what looks at them.

    Attributes:
        rooms: Themselves.
        intrinsics: fx, fy, u0, v0 at the resolution of the search, (B, 4).
        sensor: That measures.
        reach: Depth in mm beyond which it measures nothing; some devices see no farther than a metre or so.
        stream: Source of randomness for all that follows.
    """

    rooms: Rooms
    intrinsics: Tensor
    sensor: Sensor
    reach: float
    stream: Generator

    def measured(self, exact: Tensor, intrinsics: Tensor) -> Tensor:
        """What the sensor makes of exact depth, in whole mm."""
        depth = self.sensor(exact, intrinsics, self.stream)
        return torch.where(depth < self.reach, depth, 0.0).round().clamp(max=32767)


def furnish(sampler: RoomSampler, seed: int, number: int, series: str = "hand finder") -> Furnished:
    """Draw the same `BATCH` rooms for the same numbers; other seeds and series have other people."""
    stream = random_stream(seed, series, number)
    rooms = sampler.sample(BATCH, stream)
    focal = PIXELS_PER_RADIAN * torch.ones(BATCH, 2)
    middle = torch.tensor([(WIDTH - 1) / 2, (HEIGHT - 1) / 2])
    principal = middle + 6 * torch.randn(BATCH, 2, generator=stream)
    short, near = torch.rand(2, generator=stream).tolist()
    sensor = list(SENSORS.values())[number % len(SENSORS)]()
    reach = 800 + 1500 * near if short < 0.3 else 8000.0
    return Furnished(rooms, torch.cat([focal, principal], 1), sensor, reach, stream)


def simulate_frames(count: int, seed: int, prior: RoomPrior | None = None) -> RoomFrames:
    """Render rooms.

    Args:
        count: Number of rooms, rounded up to whole batches.
        seed: Seed of everything random.
        prior: What there is in the rooms.
    """
    sampler, batches = RoomSampler(prior), []
    with Progress("rendering", count, unit="room") as progress:
        for number in range(-(-count // BATCH)):
            batches.append(_look(furnish(sampler, seed, number)))
            progress.advance(BATCH)
    return RoomFrames.joined(batches)


def in_sight(room: Furnished, share: Tensor) -> tuple[Tensor, Tensor]:
    """Which hands must be found, and which may be.

    Args:
        room: The rooms.
        share: Share of each hand that is not hidden, (B, HANDS).

    Returns:
        Two masks, (B, HANDS).
    """
    uvd = xyz_to_uvd(room.rooms.palms, room.intrinsics)
    inside = ((uvd[..., :2] >= 0) & (uvd[..., :2] < torch.tensor([WIDTH, HEIGHT]))).all(-1)
    seen = inside & (uvd[..., 2] < room.reach) & (share > SEEN)
    return seen, room.rooms.there & (share > UNSEEN) & ~seen


def _look(room: Furnished) -> RoomFrames:
    exact, share = room.rooms.depth(room.intrinsics, HEIGHT, WIDTH)
    depth = room.measured(exact, room.intrinsics)
    uvd, nothing = xyz_to_uvd(room.rooms.palms, room.intrinsics), torch.tensor(torch.nan)
    hands, doubtful = (torch.where(mask[..., None], uvd, nothing) for mask in in_sight(room, share))
    return RoomFrames(depth.short(), hands, doubtful)
