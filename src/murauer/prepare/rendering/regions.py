"""Frame sets filled with renderings, chunk by chunk."""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import torch
from torch import Generator, Tensor

from murauer.capture.depth import DEPTH_UNIT_MM
from murauer.errors import UserError
from murauer.geometry.rig import CameraRig
from murauer.geometry.windows import window_intrinsics
from murauer.hand.joints import JOINT_SETS
from murauer.hand.scenes import Scenes
from murauer.hand.sensors import Sensor
from murauer.store.frame_set import array_specs
from murauer.store.store import Store

RENDER_CHUNK = 250
"""Frames rendered at a time: the unit of work, of randomness and of progress."""


def check_joints_are_modelled(store: Store) -> None:
    """Refuse a store whose joints the hand model cannot give.

    Raises:
        UserError: The hand model has no such joints.
    """
    skeleton = store.skeleton.name
    if skeleton not in JOINT_SETS:
        raise UserError(
            f"the hand model has no joints for the skeleton {skeleton} of {store.folder}; import "
            f"with one of {', '.join(JOINT_SETS)}"
        )


class ChunkRenderer(Protocol):
    """Makes the frames of sets; one per worker process."""

    def chunk(self, set_name: str, start: int, stop: int) -> dict[str, Tensor]:
        """Render some frames.

        Args:
            set_name: Which frame set.
            start: First frame, a multiple of `RENDER_CHUNK`, as each chunk has random streams of its own.
            stop: The frame after the last.

        Returns:
            The arrays of a frame set by name, see `FrameSet`; depth in its units.
        """
        ...


def render_regions(
    scenes: Scenes,
    rig: CameraRig,
    views: int,
    *,
    centre: Tensor,
    skeleton: str,
    region_size: int,
    region_mm: float,
    sensor: Sensor | None = None,
    generator: Generator | None = None,
) -> dict[str, Tensor]:
    """Render the windows around the hands as the cameras of a rig see them.

    Args:
        scenes: B scenes.
        rig: The cameras.
        views: How many of them, from the first.
        centre: Centre of the windows and of the hand cubes, in the first camera's coordinates, mm, (B, 3).
        skeleton: Joints that are wanted.
        region_size: Side of the windows in pixels.
        region_mm: Side of the windows at the centre's depth in mm.
        sensor: What measures; by default the exact depth is stored.
        generator: Generator of the sensor's randomness.

    Returns:
        All arrays of a frame set but `person`, by name, see `FrameSet`; depth in its units.
    """
    joints = scenes.joints(skeleton)
    images = []
    for view in range(views):
        seen_centre = rig.transform(centre, source=0, target=view)
        intrinsics = window_intrinsics(seen_centre, rig.cameras[view].intrinsics(), region_size, region_mm)
        depth = scenes.depth(rig, view, intrinsics, region_size, region_size)
        if sensor is not None and generator is not None:
            depth = sensor(depth, intrinsics, generator)
        images.append((depth, intrinsics, seen_centre, rig.transform(joints, 0, view)))
    depth, intrinsics, seen_centre, seen_joints = (
        torch.stack(parts, 1) for parts in zip(*images, strict=True)
    )
    return {
        "depth": (depth / DEPTH_UNIT_MM).round().clamp(0, 65535),
        "intrinsics": intrinsics,
        "centre": seen_centre,
        "joints": seen_joints,
        "left": torch.zeros(len(centre), dtype=torch.bool) if scenes.left is None else scenes.left,
        "valid": torch.ones(len(centre), views, dtype=torch.bool),
        "labelled": torch.ones(len(centre), dtype=torch.bool),
        "confidence": torch.ones(len(centre), views),
    }


class RenderedChunks:
    """Chunks as they go to disk, see `ChunkMaker`.

    Args:
        make: Makes the renderer.
    """

    def __init__(self, make: Callable[[], ChunkRenderer]) -> None:
        self.renderer = make()

    def chunk(self, set_name: str, start: int, stop: int) -> tuple[dict[str, np.ndarray], list[Any]]:
        """Render some frames; there is nothing to tell of them."""
        arrays, specs = self.renderer.chunk(set_name, start, stop), array_specs(0, 0, 0, 0)
        return {name: values.numpy().astype(specs[name][1]) for name, values in arrays.items()}, []
