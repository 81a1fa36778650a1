"""A dataset in memory: hands drawn as discs, with whatever defects a test asks for.

A module of its own, because import workers are processes that have to find it again.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from murauer.datasets.dataset import DatasetView, FrameSetInfo
from murauer.errors import UserError
from murauer.geometry.camera import Camera, uvd_to_xyz
from murauer.geometry.rig import CameraRig
from murauer.geometry.skeletons import SKELETONS

CAMERA = Camera(fx=240.0, fy=239.0, u0=80.0, v0=60.0, width=160, height=120)
HAND_MM, WALL_MM = 800.0, 1500.0


@dataclass
class FakeDataset:
    """Implements `Dataset`.

    Attributes:
        frames: moments of each set.
        corrupt: (set, index, view) of images that cannot be read.
        empty: likewise, of images without a hand.
        unlabelled: (set, index) of moments without a label.
        label_camera: camera by which labels are computed; another than `CAMERA` makes wrong intrinsics.
        breaks_at: (set, index) of a moment at which the reader has a bug.
        log: file to which every image read adds a line.
    """

    frames: dict[str, int]
    corrupt: set[tuple[str, int, int]] = field(default_factory=set)
    empty: set[tuple[str, int, int]] = field(default_factory=set)
    unlabelled: set[tuple[str, int]] = field(default_factory=set)
    label_camera: Camera = CAMERA
    breaks_at: tuple[str, int] | None = None
    log: Path | None = None
    name: str = "fake"
    aliases: dict[str, str] = field(default_factory=dict)
    unseen_persons: frozenset[int] = frozenset({7})
    left_out: tuple[str, ...] = ()
    view_pair: tuple[int, int] | None = (0, 1)
    rig: CameraRig | None = None

    @property
    def skeleton(self):
        return SKELETONS["icvl16"]

    @property
    def sets(self) -> dict[str, FrameSetInfo]:
        return {
            name: FrameSetInfo(
                count,
                views=1 if name in ("test", "validation") else 2,
                real=name in ("real", "test", "validation"),
                person=np.array([(3, 7)[index % 2] for index in range(count)], np.int16),
                handedness="right",
            )
            for name, count in self.frames.items()
        }

    def view(self, set_name: str, index: int, view: int) -> DatasetView:
        where = f"{set_name}/{view}/{index}.png"
        if self.log:
            with open(self.log, "a") as file:
                file.write(f"{where}\n")
        if self.breaks_at == (set_name, index):
            raise RuntimeError("a bug in the reader")
        if (set_name, index, view) in self.corrupt:
            raise UserError(f"{where} is damaged (truncated); copy or record it again")
        joints, depth = self.draw(set_name, index, view)
        label = None if (set_name, index) in self.unlabelled else joints
        return DatasetView(where, depth, CAMERA, label, int(self.sets[set_name].person[index]))

    def draw(self, set_name: str, index: int, view: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Joints (16, 3) in mm, and a depth image (120, 160): a disc of 110 mm before a wall, noise on it."""
        random = np.random.default_rng((len(set_name), index, view))
        u, v = random.uniform(55, 105), random.uniform(30, 45)
        columns, rows = np.meshgrid(np.arange(160), np.arange(120))
        distance = np.hypot(columns - u, rows - v) * HAND_MM / CAMERA.fx
        depth = np.full((120, 160), WALL_MM)
        if (set_name, index, view) not in self.empty:
            depth[distance < 55] = HAND_MM
        depth += random.normal(0, 1, depth.shape)
        depth[random.random(depth.shape) < 0.05] = 0
        angle, radius = random.uniform(0, 2 * np.pi, 16), random.uniform(0, 15, 16)
        radius[self.skeleton.centre] = 0
        uvd = np.stack(
            (u + radius * np.cos(angle), v + radius * np.sin(angle), np.full(16, HAND_MM + 10)), axis=-1
        )
        joints = uvd_to_xyz(torch.from_numpy(uvd).float(), self.label_camera.intrinsics())
        return joints, torch.from_numpy(depth.astype(np.float32))
