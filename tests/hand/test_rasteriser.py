import os
import subprocess
import sys

import numpy as np
import pytest
import torch
import trimesh
from ray_caster import ray_cast_depth
from torch import Tensor

from murauer.hand.model import HandModel, place
from murauer.hand.pose_prior import PosePrior
from murauer.hand.rasteriser import rasterise_depth
from murauer.hand.shape import ShapePrior
from murauer.hand.viewpoint import sample_viewpoints

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
CAMERA = torch.tensor([[100.0, 110.0, 31.3, 23.8]])


def plane(height: int, width: int, camera: Tensor, normal: Tensor, distance: float, cells: int) -> tuple:
    """A tilted plane, n . x = distance, in cells x cells x 2 triangles that overfill the image."""
    v, u = torch.meshgrid(
        torch.linspace(-1.0, height, cells + 1), torch.linspace(-1.0, width, cells + 1), indexing="ij"
    )
    fx, fy, u0, v0 = camera
    rays = torch.stack([(u - u0) / fx, (v - v0) / fy, torch.ones_like(u)], dim=-1).reshape(-1, 3)
    vertices = rays * (distance / (rays @ normal))[:, None]
    corner = torch.arange((cells + 1) * cells).reshape(cells, cells + 1)[:, :-1].reshape(-1)
    right, below = corner + 1, corner + cells + 1
    faces = torch.cat([torch.stack([corner, right, below], 1), torch.stack([right, below + 1, below], 1)])
    return vertices[None], faces.to(torch.int32)


def intersect_every_ray(
    vertices: Tensor, faces: Tensor, camera: Tensor, height: int, width: int, near: float
) -> np.ndarray:
    """Slow reference in double precision: the nearest of all triangles for every pixel's ray."""
    fx, fy, u0, v0 = camera.double().numpy()
    corners = vertices.double().numpy()[faces.numpy()]
    depth = np.full((height, width), np.inf)
    for row in range(height):
        for column in range(width):
            ray = np.array([(column - u0) / fx, (row - v0) / fy, 1.0])
            for a, b, c in corners:
                # a + s (b - a) + t (c - a) = z ray
                s, t, z = np.linalg.solve(np.stack([b - a, c - a, -ray], axis=1), -a)
                if s >= 0 and t >= 0 and s + t <= 1 and z >= near:
                    depth[row, column] = min(depth[row, column], z)
    return np.where(np.isinf(depth), 0.0, depth)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("spread_mm", [30.0, 200.0, 600.0], ids=["small", "large", "through the near plane"])
def test_triangle_soup_agrees_with_brute_force(spread_mm: float, device: str) -> None:
    generator = torch.Generator().manual_seed(int(spread_mm))
    images, triangles, height, width, near = 12, 8, 9, 12, 60.0
    centres = torch.tensor([0.0, 0.0, 300.0]) + 80 * torch.randn(images, triangles, 1, 3, generator=generator)
    vertices = centres + spread_mm * torch.randn(images, triangles, 3, 3, generator=generator)
    vertices = vertices.reshape(images, -1, 3)
    faces = torch.arange(3 * triangles, dtype=torch.int32).reshape(-1, 3)
    cameras = torch.tensor([[14.0, 15.0, 5.6, 4.2]]).repeat(images, 1)
    if spread_mm == 600:
        crossing = (vertices[..., 2] < near).reshape(images, triangles, 3)
        assert (crossing.any(2) & ~crossing.all(2)).sum() > 20

    depth = rasterise_depth(
        vertices.to(device), faces.to(device), cameras.to(device), height, width, near_mm=near
    ).cpu()

    expected = np.stack(
        [intersect_every_ray(vertices[i], faces, cameras[i], height, width, near) for i in range(images)]
    )
    assert ((depth.numpy() > 0) != (expected > 0)).mean() <= 0.001
    both = (depth.numpy() > 0) & (expected > 0)
    assert both.sum() > 50
    close = np.isclose(depth.numpy()[both], expected[both], rtol=1e-4)
    assert close.mean() >= 0.999


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("cells", [1, 7, 150], ids=["one quad", "large triangles", "sub-pixel triangles"])
def test_tilted_plane_has_exact_perspective_depth_and_no_cracks(cells: int, device: str) -> None:
    normal = torch.tensor([0.5, -0.3, 0.8])
    vertices, faces = plane(48, 64, CAMERA[0], normal, 400.0, cells)
    depth = rasterise_depth(vertices.to(device), faces.to(device), CAMERA.to(device), 48, 64)[0].cpu()
    v, u = torch.meshgrid(torch.arange(48), torch.arange(64), indexing="ij")
    fx, fy, u0, v0 = CAMERA[0]
    expected = 400.0 / (normal[0] * (u - u0) / fx + normal[1] * (v - v0) / fy + normal[2])
    torch.testing.assert_close(depth, expected, rtol=2e-6, atol=0.02)


def test_edges_that_pass_through_pixel_centres_leave_no_cracks() -> None:
    # Corners of the grid are exactly at pixel centres: each pixel lies on the border of six triangles.
    camera = torch.tensor([64.0, 64.0, 16.0, 16.0])
    vertices, faces = plane(32, 32, camera, torch.tensor([0.0, 0.0, 1.0]), 512.0, 33)
    assert (rasterise_depth(vertices, faces, camera[None], 32, 32) == 512).all()


def test_pixel_centres_are_at_integer_coordinates() -> None:
    point = torch.tensor([[[30.0, -20.0, 500.0]]])
    u, v = 100 * 30 / 500 + 31.3, 110 * -20 / 500 + 23.8  # 37.3, 19.4
    half_pixel = 0.5 * 500 / 100
    corners = torch.tensor([[-1.0, -1.0, 0.0], [1.0, -1.0, 0.0], [1.0, 1.0, 0.0], [-1.0, 1.0, 0.0]])
    square = point + half_pixel * corners
    faces = torch.tensor([[0, 1, 2], [0, 2, 3]])
    depth = rasterise_depth(square, faces, CAMERA, 48, 64)[0]
    assert depth.nonzero().tolist() == [[round(v), round(u)]]


def test_the_nearest_surface_wins_whatever_the_order_and_the_orientation_of_the_faces() -> None:
    sphere = trimesh.creation.icosphere(subdivisions=3, radius=60.0)
    vertices = torch.tensor(sphere.vertices, dtype=torch.float32)[None] + torch.tensor([10.0, 5.0, 400.0])
    faces = torch.tensor(sphere.faces, dtype=torch.int32)
    depth = rasterise_depth(vertices, faces, CAMERA, 48, 64)
    assert depth[depth > 0].max() < 400  # never the far side
    shuffled = faces[torch.randperm(len(faces), generator=torch.Generator().manual_seed(0))]
    assert torch.equal(rasterise_depth(vertices, shuffled, CAMERA, 48, 64), depth)
    torch.testing.assert_close(rasterise_depth(vertices, faces.flip(1), CAMERA, 48, 64), depth)


def test_each_image_has_its_own_mesh_and_camera() -> None:
    sphere = trimesh.creation.icosphere(subdivisions=2, radius=60.0)
    faces = torch.tensor(sphere.faces, dtype=torch.int64)
    vertices = torch.tensor(sphere.vertices, dtype=torch.float32) + torch.tensor(
        [[[0.0, 0.0, 400.0]], [[20.0, 0.0, 600.0]], [[0.0, 0.0, -300.0]]]
    )
    cameras = torch.tensor(
        [[100.0, 110.0, 31.3, 23.8], [150.0, 150.0, 20.0, 20.0], [100.0, 100.0, 30.0, 20.0]]
    )
    together = rasterise_depth(vertices, faces, cameras, 48, 64)
    alone = [rasterise_depth(vertices[i : i + 1], faces, cameras[i : i + 1], 48, 64) for i in range(3)]
    assert torch.equal(together, torch.cat(alone))
    assert not torch.equal(together[0], together[1])
    assert (together[2] == 0).all()  # behind the camera


def test_hands_agree_with_the_ray_caster() -> None:
    generator = torch.Generator().manual_seed(0)
    hands, size = 100, 128
    model = HandModel()
    angles = PosePrior().sample(hands, generator)
    shape = ShapePrior().sample(hands, generator)
    centre = torch.tensor([0.0, 0.0, 700.0]) + 60 * torch.randn(hands, 3, generator=generator)
    vertices = place(model(angles, shape).vertices, sample_viewpoints(hands, generator), centre)
    # A window of 300 mm around each hand: forearms leave the image.
    focal = size * centre[:, 2:] / 300
    cameras = torch.cat([focal, focal, (size - 1) / 2 - focal * centre[:, :2] / centre[:, 2:]], dim=1)

    depth = rasterise_depth(vertices, model.faces, cameras, size, size).numpy()

    errors = []
    for hand in range(hands):
        expected = ray_cast_depth(
            vertices[hand].numpy(), model.faces.numpy(), cameras[hand].numpy(), size, size
        )
        assert ((depth[hand] > 0) != (expected > 0)).sum() <= 0.01 * (expected > 0).sum()
        both = (depth[hand] > 0) & (expected > 0)
        errors.append(np.abs(depth[hand] - expected)[both])
    assert min(len(error) for error in errors) > 300
    assert (np.concatenate(errors) <= 0.05).mean() >= 0.995


def test_nothing_to_draw() -> None:
    no_mesh = rasterise_depth(
        torch.zeros(0, 5, 3), torch.zeros(4, 3, dtype=torch.int32), torch.zeros(0, 4), 3, 2
    )
    assert no_mesh.shape == (0, 3, 2)
    no_face = rasterise_depth(torch.ones(1, 5, 3), torch.zeros(0, 3, dtype=torch.int32), CAMERA, 3, 2)
    assert torch.equal(no_face, torch.zeros(1, 3, 2))
    # A triangle without area, on a pixel centre.
    point = rasterise_depth(
        torch.tensor([[[0.0, 0.0, 100.0]]]), torch.zeros(1, 3, dtype=torch.int32), CAMERA.round(), 48, 64
    )
    assert (point == 0).all()


VERTICES = torch.tensor([[[0.0, 0.0, 100.0], [10.0, 0.0, 100.0], [0.0, 10.0, 100.0]]])
FACES = torch.tensor([[0, 1, 2]], dtype=torch.int32)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vertices": VERTICES[0]}, r"shape \(B, V, 3\)"),
        ({"vertices": VERTICES.double()}, "float64"),
        ({"vertices": VERTICES * torch.nan}, "NaN"),
        ({"vertices": VERTICES / 0}, "infinite"),
        ({"faces": FACES[0]}, r"shape \(F, 3\)"),
        ({"faces": FACES.float()}, "integers"),
        ({"faces": FACES + 1}, "vertices 1 to 3, but the mesh has 3"),
        ({"faces": FACES - 1}, "vertices -1 to 1"),
        ({"intrinsics": CAMERA[0]}, r"shape \(1, 4\)"),
        ({"intrinsics": CAMERA.repeat(2, 1)}, r"got \(2, 4\)"),
        ({"intrinsics": -CAMERA}, "positive focal"),
        ({"height": 0}, "height 0"),
        ({"near_mm": 0.0}, "near_mm"),
        ({"near_mm": float("nan")}, "near_mm"),
    ],
)
def test_bad_input_is_refused(change: dict, message: str) -> None:
    arguments = {"vertices": VERTICES, "faces": FACES, "intrinsics": CAMERA, "height": 4, "width": 5}
    with pytest.raises(ValueError, match=message):
        rasterise_depth(**(arguments | change))


def test_warp_prints_nothing_and_keeps_its_setting() -> None:
    program = """
import torch, warp
from murauer.hand.model import HandModel, place
from murauer.hand.pose_prior import PosePrior
from murauer.hand.rasteriser import rasterise_depth
from murauer.hand.shape import ShapePrior
from murauer.hand.viewpoint import sample_viewpoints
before = warp.config.log_level
depth = rasterise_depth(torch.rand(1, 3, 3) + 100, torch.tensor([[0, 1, 2]]), torch.ones(1, 4), 4, 4)
assert warp.config.log_level == before
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_a_cache_folder_that_cannot_be_written_is_named() -> None:
    program = """
import torch
from murauer.errors import UserError
from murauer.hand.rasteriser import rasterise_depth
try:
    rasterise_depth(torch.rand(1, 3, 3) + 100, torch.tensor([[0, 1, 2]]), torch.ones(1, 4), 4, 4)
except UserError as error:
    print(error)
"""
    # A file is in the way of the folder: that stops the superuser too.
    environment = os.environ | {"WARP_CACHE_PATH": f"{__file__}/cache"}
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    assert "WARP_CACHE_PATH" in run.stdout and __file__ in run.stdout, run
