"""Simulated patches of hands, as a model sees them in use: to calibrate and measure its int8 copy with."""

from dataclasses import dataclass

import torch
from torch import Tensor

from murauer.capture.depth import DEPTH_UNIT_MM
from murauer.geometry.crop import CropGeometry, crop_hand
from murauer.nets.model_facts import ModelFacts
from murauer.prepare.rendering.regions import RENDER_CHUNK
from murauer.prepare.rendering.simulated import Simulator
from murauer.random_streams import random_stream
from murauer.store.makers import SimulationConfig

CENTRE_ERROR_MM = 10.0
"""Standard deviation of the centre along each axis."""


@dataclass(frozen=True, eq=False)
class CalibrationFrames:
    """N patches.

    Attributes:
        patches: (N, P, P).
        joints: True joints in units of half the cube, (N, J, 3).
        geometry: Geometry of the patches.
    """

    patches: Tensor
    joints: Tensor
    geometry: CropGeometry


def simulate_patches(facts: ModelFacts, frames: int, seed: int) -> CalibrationFrames:
    """Render hands of many people, seen through the noise of a depth sensor.

    Args:
        facts: What the model needs to see.
        frames: Number of patches.
        seed: Of everything random.

    Raises:
        UserError: The hand model does not have the joints of the model's skeleton.
    """
    config = SimulationConfig(
        seed=seed,
        real_frames=frames,
        training_persons=50,
        person_spread=1.0,
        any_share=0.2,
        free_share=0.3,
        pose_variation=1.0,
        distance_mm=(400.0, 1100.0),
        cube_mm=facts.cube_mm,
        region_mm=1.5 * facts.cube_mm,
        skeleton=facts.skeleton.name,
    )
    simulator = Simulator(config)
    starts = range(0, frames, RENDER_CHUNK)
    chunks = [simulator.chunk("real", start, min(start + RENDER_CHUNK, frames)) for start in starts]
    depth, intrinsics, centre, joints = (
        torch.cat([chunk[name][:, 0] for chunk in chunks])
        for name in ("depth", "intrinsics", "centre", "joints")
    )
    stream = random_stream(seed, "centres")
    centre = centre + CENTRE_ERROR_MM * torch.randn(centre.shape, generator=stream)
    patches, geometry = crop_hand(
        depth * DEPTH_UNIT_MM,
        intrinsics,
        centre,
        cube_mm=facts.cube_mm,
        patch_size=facts.patch_size,
        box=facts.box,
    )
    return CalibrationFrames(patches, geometry.normalise_joints(joints), geometry)
