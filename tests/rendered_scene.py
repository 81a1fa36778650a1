"""A rendered scene: a hand with its forearm before a person."""

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from murauer.geometry.camera import CAMERAS, Camera
from murauer.geometry.skeletons import SKELETONS
from murauer.hand.model import HandModel, place
from murauer.hand.pose_prior import PosePrior
from murauer.hand.rasteriser import rasterise_depth
from murauer.hand.shape import ShapePrior
from murauer.hand.viewpoint import sample_viewpoints


@dataclass(frozen=True)
class Scene:
    depth: Tensor  # (B, H, W)
    camera: Camera
    joints: Tensor  # (B, 14, 3)

    @property
    def centre(self) -> Tensor:
        return self.joints[:, SKELETONS["nyu14"].centre]


def ellipsoid_depth(
    camera: Camera, centre: tuple[float, float, float], radii: tuple[float, float, float]
) -> Tensor:
    """Depth where rays meet an ellipsoid, infinity elsewhere."""
    v, u = torch.meshgrid(torch.arange(camera.height), torch.arange(camera.width), indexing="ij")
    rays = torch.stack(((u - camera.u0) / camera.fx, (v - camera.v0) / camera.fy, torch.ones_like(u)), dim=-1)
    radius, middle = torch.tensor(radii), torch.tensor(centre)
    ray, offset = rays / radius, middle / radius
    a, b, c = ray.square().sum(-1), (ray * offset).sum(-1), offset.square().sum() - 1
    root = b.square() - a * c
    return torch.where(root > 0, (b - root.clamp(min=0).sqrt()) / a, torch.inf)


@pytest.fixture(scope="session")
def scene() -> Scene:
    """Twelve hands with fingers up, 250 mm before head and chest."""
    generator = torch.Generator().manual_seed(3)
    camera, n = CAMERAS["nyu"], 12
    model = HandModel()
    rotation = sample_viewpoints(n, generator, tilt_deg=10, roll_deg=20, any_share=0, palm_share=1)
    position = torch.tensor([-80.0, 40.0, 650.0]) + 60 * torch.rand(n, 3, generator=generator)
    geometry = model(PosePrior().sample(n, generator), ShapePrior().sample(n, generator))
    vertices = place(geometry.vertices, rotation, position)
    depth = rasterise_depth(
        vertices, model.faces, camera.intrinsics().expand(n, 4), camera.height, camera.width
    )
    depth[depth == 0] = torch.inf
    chest = ellipsoid_depth(camera, (150.0, 350.0, 1050.0), (220.0, 350.0, 120.0))
    head = ellipsoid_depth(camera, (150.0, -120.0, 1050.0), (80.0, 110.0, 95.0))
    depth = torch.minimum(depth, torch.minimum(chest, head))
    depth[depth.isinf()] = 0
    return Scene(depth, camera, place(geometry.joints("nyu14"), rotation, position))
