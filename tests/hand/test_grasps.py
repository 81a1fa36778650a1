"""Grasps: fingers touch what they hold, nothing goes deep into it, joints stay within their limits."""

import pytest
import torch
import trimesh
from torch import Generator, Tensor

from murauer.hand.articulation import ANGLE_LIMITS
from murauer.hand.grasps import DEEPEST_MM, Grasps, GraspSampler
from murauer.hand.held_things import BALL, BOX, PARTS, ROD, Grips, hollow
from murauer.hand.model import HandModel
from murauer.hand.penetration import TOLERANCE_MM, penetration
from murauer.hand.shape import ANYBODY, SHAPE_NAMES, ShapePrior
from murauer.hand.solids import cylinder, unit_cube

HANDS = 120


@pytest.fixture(scope="module")
def model() -> HandModel:
    return HandModel()


def draw(model: HandModel, pinch_share: float, seed: int = 0) -> tuple[Grasps, Tensor]:
    generator = Generator().manual_seed(seed)
    shape = ShapePrior(ANYBODY).sample(HANDS, generator)
    return GraspSampler(model, pinch_share).sample(shape, generator), shape


@pytest.mark.parametrize("pinch_share", [0.0, 1.0], ids=["around things", "between fingertips"])
def test_fingers_touch_things_and_do_not_go_deep_into_them(model: HandModel, pinch_share: float) -> None:
    grasps, shape = draw(model, pinch_share)
    assert grasps.there.float().mean() > 0.95
    held = grasps.there
    assert grasps.touching[held].sum(1).min() >= 2
    with torch.no_grad():
        hands = model(grasps.angles, shape)
    # Of the skin itself, which the capsules inside the fingers stand for.
    depth = -grasps.grips.distance(hands.vertices).amin(1)[held]
    assert depth.median() < DEEPEST_MM and depth.quantile(0.9) < 6
    low, high = ANGLE_LIMITS.T
    assert ((grasps.angles >= low - 1e-5) & (grasps.angles <= high + 1e-5)).all()
    scale = shape[:, SHAPE_NAMES.index("size")].exp()[:, None, None]
    assert penetration(hands.joints("anny21") / scale)[held].max() <= TOLERANCE_MM + 1e-3


def test_grasps_follow_the_generator_and_differ(model: HandModel) -> None:
    (first, _), (again, _), (other, _) = (draw(model, 0.5, seed) for seed in (1, 1, 2))
    assert torch.equal(first.angles, again.angles) and torch.equal(first.vertices, again.vertices)
    assert not torch.equal(first.angles, other.angles)
    assert first.vertices.shape[:2] == (HANDS, PARTS) and first.vertices.isfinite().all()
    assert int(first.faces.max()) < first.vertices.shape[2]
    assert len(first.grips.form.unique()) == 3


def test_what_is_not_held_is_not_drawn(model: HandModel) -> None:
    grasps, _ = draw(model, 0.5)
    extent = (grasps.vertices[:, 0].amax(1) - grasps.vertices[:, 0].amin(1)).amax(1)
    assert torch.equal(extent > 1, grasps.there)


def grips(form: int, half: tuple[float, float, float]) -> Grips:
    return Grips(
        torch.tensor([form]), torch.tensor([half]), torch.zeros(1), torch.eye(3)[None], torch.zeros(1, 3)
    )


@pytest.mark.parametrize(
    ("form", "mesh"),
    [
        (BOX, trimesh.creation.box((20, 60, 30))),
        (BALL, trimesh.creation.icosphere(subdivisions=4, radius=25.0)),
    ],
)
def test_distances_are_those_to_the_meshes(form: int, mesh: trimesh.Trimesh) -> None:
    points = 25 * torch.randn(200, 3, generator=Generator().manual_seed(0))
    half = (10.0, 30.0, 15.0) if form == BOX else (25.0, 25.0, 25.0)
    surface = torch.tensor(mesh.sample(40_000, seed=0)).float()
    sign = 1 - 2 * torch.tensor(mesh.contains(points.numpy())).float()
    expected = sign * torch.cdist(points, surface).amin(1)
    torch.testing.assert_close(grips(form, half).distance(points[None])[0], expected, atol=0.7, rtol=0)


def test_distance_to_a_rod() -> None:
    rod = grips(ROD, (10.0, 30.0, 10.0))
    points = torch.tensor([[[15.0, 0, 0], [0, 34, 0], [13, 34, 0], [0, 0, 0], [0, 28, 4]]])
    assert rod.distance(points)[0].tolist() == pytest.approx([5, 4, 5, -10, -2])


def test_a_hollow_cylinder_is_a_cup() -> None:
    cube, faces = unit_cube(torch.device("cpu"))
    cup = hollow(cylinder(cube)[None], cube, torch.tensor([0.1]), torch.tensor([-0.8]))[0]
    mesh = trimesh.Trimesh(cup.numpy(), faces.numpy(), process=False)
    mesh.merge_vertices(digits_vertex=4)
    assert mesh.is_watertight and 0.1 * 6.28 < mesh.volume < 0.3 * 6.28
    assert not mesh.contains([[0.0, 0.0, 0.0]])[0] and mesh.contains([[0.0, -0.9, 0.0]])[0]
