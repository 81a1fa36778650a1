"""Fitting the hand model to labelled joints."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from torch import Generator, Tensor

from murauer.errors import UserError
from murauer.geometry.skeletons import SKELETONS
from murauer.hand.articulation import ANGLE_LIMITS
from murauer.hand.fitting import FittingWeights, HandFit, align, fit_hands
from murauer.hand.fitting.problem import FittingProblem, Unknowns
from murauer.hand.fitting.solver import fit_frames, fit_jointly
from murauer.hand.joint_offsets import JointOffsets
from murauer.hand.model import HandModel, mirror, place
from murauer.hand.pose_prior import PosePrior
from murauer.hand.rasteriser import rasterise_depth
from murauer.hand.shape import ShapePrior
from murauer.hand.viewpoint import sample_viewpoints


@dataclass(frozen=True)
class Scene:
    """Simulated hands: surface, the model's joints, labels, the hidden offsets."""

    vertices: Tensor
    joints: Tensor
    labels: Tensor
    offsets: Tensor


def simulated(n: int, skeleton: str, seed: int, offset_mm: float = 0.0, left: bool = False) -> Scene:
    generator = Generator().manual_seed(seed)
    shape = ShapePrior().sample(1, generator)
    hand = HandModel()(PosePrior().sample(n, generator), shape)
    offsets = torch.randn(len(SKELETONS[skeleton]), 3, generator=generator)
    offsets = (
        offset_mm
        * torch.rand(len(offsets), 1, generator=generator)
        * offsets
        / offsets.norm(dim=1, keepdim=True)
    )
    rotation = sample_viewpoints(n, generator)
    position = torch.tensor([0.0, 0.0, 800.0]) + 60 * torch.randn(n, 3, generator=generator)
    points = (hand.vertices, hand.joints(skeleton), JointOffsets(skeleton, offsets).apply(hand))
    vertices, joints, labels = (place(mirror(p) if left else p, rotation, position) for p in points)
    return Scene(vertices, joints, labels, offsets)


def problem_of(scene: Scene, skeleton: str) -> FittingProblem:
    labels = scene.labels.double()
    return FittingProblem(
        HandModel().double(), skeleton, labels, torch.zeros(len(labels)).long(), FittingWeights()
    )


def somewhere(scene: Scene, seed: int = 5) -> Unknowns:
    """Unknowns in the middle of nowhere special."""
    generator = Generator().manual_seed(seed)
    n, n_joints = scene.labels.shape[:2]
    return Unknowns(
        PosePrior().sample(n, generator).double(),
        sample_viewpoints(n, generator).double(),
        scene.labels.double().mean(1),
        ShapePrior().sample(1, generator).double(),
        4 * torch.randn(n_joints, 3, generator=generator).double(),
    )


def without_offsets(fit: HandFit) -> HandFit:
    zero = torch.zeros_like(fit.offsets.offsets)
    return replace(fit, offsets=JointOffsets(fit.offsets.skeleton, zero))


@pytest.fixture(scope="module")
def hidden() -> Scene:
    return simulated(60, "nyu14", seed=11, offset_mm=8.0)


@pytest.fixture(scope="module")
def fitted(hidden: Scene) -> HandFit:
    return fit_hands(hidden.labels, "nyu14", left=all_right(hidden.labels))


def all_right(labels: Tensor) -> Tensor:
    """No frame shows a left hand."""
    return torch.zeros(len(labels), dtype=torch.bool)


def test_finds_hidden_offsets_and_the_true_hand_of_an_unseen_person(hidden: Scene, fitted: HandFit) -> None:
    model, rows = HandModel(), torch.arange(len(hidden.labels))
    vertices, joints = fitted.pose(model, rows)
    _, own_joints = without_offsets(fitted).pose(model, rows)
    assert (joints - hidden.labels).norm(dim=-1).median() < 1.0
    # The labels are several mm off the model's joints; the fit must not follow them with the whole hand.
    assert (hidden.labels - hidden.joints).norm(dim=-1).median() > 3.0
    assert (own_joints - hidden.joints).norm(dim=-1).median() < 3.0
    intrinsics = torch.tensor([[200.0, 200.0, 47.5, 47.5]]).repeat(len(rows), 1)
    intrinsics[:, 2:] -= 200 * hidden.joints.mean(1)[:, :2] / hidden.joints.mean(1)[:, 2:]
    true, pair = (rasterise_depth(v, model.faces, intrinsics, 96, 96) for v in (hidden.vertices, vertices))
    hand = (true > 0) & (pair > 0)
    assert hand.sum() > 0.6 * (true > 0).sum()
    assert (true - pair)[hand].abs().median() < 5.0


def test_fit_stays_within_human_limits(fitted: HandFit) -> None:
    low, high = ANGLE_LIMITS.T
    assert ((fitted.angles >= low - 1e-6) & (fitted.angles <= high + 1e-6)).all()
    assert fitted.shape.abs().max() <= 1.0
    identity = torch.eye(3).expand_as(fitted.rotation)
    torch.testing.assert_close(fitted.rotation @ fitted.rotation.mT, identity, atol=1e-5, rtol=0)
    assert (torch.linalg.det(fitted.rotation) > 0).all()


def test_reported_error_is_the_distance_to_the_labels(hidden: Scene, fitted: HandFit) -> None:
    _, joints = fitted.pose(HandModel(), torch.arange(len(hidden.labels)))
    expected = (joints - hidden.labels).norm(dim=-1).mean(1)
    torch.testing.assert_close(fitted.error_mm, expected, atol=0.01, rtol=0)


def test_tells_left_hands_of_one_person_from_right_hands_of_another() -> None:
    right, left = simulated(12, "anny21", seed=1), simulated(12, "anny21", seed=2, left=True)
    labels = torch.cat([right.labels, left.labels])
    person = torch.tensor([7] * 12 + [3] * 12)
    fit = fit_hands(labels, "anny21", person=person)
    assert fit.left.tolist() == [False] * 12 + [True] * 12
    vertices, joints = fit.pose(HandModel(), torch.arange(24))
    assert (joints - labels).norm(dim=-1).median() < 1.5
    true = torch.cat([right.vertices, left.vertices])
    # The forearm, which no joint shows, is the lower half of the mesh's y axis; the hand is compared.
    near = (true - labels.mean(1, keepdim=True)).norm(dim=-1) < 90
    assert (vertices - true).norm(dim=-1)[near].median() < 6.0


def test_few_labels_and_missing_joints() -> None:
    scene = simulated(10, "msra21", seed=4)
    labels = scene.labels.clone()
    labels[0, 5:] = torch.nan  # too few
    labels[1] = torch.nan
    labels[2:, 4] = torch.nan  # a fingertip that is never seen
    labels[5, 10:14] = torch.nan  # a finger that once is not
    fit = fit_hands(labels, "msra21", left=all_right(labels))
    assert fit.error_mm.isnan().tolist() == [True, True] + [False] * 8
    assert fit.angles[:2].isnan().all()
    _, joints = fit.pose(HandModel(), torch.arange(2, 10))
    known = labels[2:].isfinite().all(-1)
    assert (joints - scene.labels[2:]).norm(dim=-1)[known].median() < 2.0
    # What is not labelled is guessed: naturally, so not far.
    assert (joints - scene.labels[2:]).norm(dim=-1)[~known].median() < 30.0


def test_same_labels_give_the_same_fit() -> None:
    labels = simulated(4, "icvl16", seed=6).labels
    first, second = (fit_hands(labels, "icvl16", left=all_right(labels)) for _ in range(2))
    assert torch.equal(first.angles, second.angles)
    assert torch.equal(first.offsets.offsets, second.offsets.offsets)


def test_outliers_do_not_drag_the_hand_along() -> None:
    scene = simulated(8, "nyu14", seed=8)
    labels = scene.labels.clone()
    labels[:, 0] += torch.tensor([0.0, 60.0, 0.0]) * (torch.arange(8) == 3)[:, None]
    fit = fit_hands(labels, "nyu14", left=all_right(labels), learn_offsets=False)
    _, joints = fit.pose(HandModel(), torch.arange(8))
    others = (joints[3, 2:] - scene.labels[3, 2:]).norm(dim=-1)
    assert others.median() < 4.0
    assert not fit.offsets.offsets.any()


def test_nothing_is_learned_from_labels_of_no_hand() -> None:
    scene = simulated(10, "nyu14", seed=8)
    labels = scene.labels.clone()
    labels[4] = labels[4].flip(0) * torch.tensor([1.0, 1.2, 1.0])
    fit = fit_hands(labels, "nyu14", left=all_right(labels))
    assert fit.error_mm[4] > 10
    assert fit.error_mm[torch.arange(10) != 4].max() < 3
    assert fit.offsets.offsets.norm(dim=1).max() < 5


def test_derivatives_are_those_of_the_cost() -> None:
    """Gradient of the normal equations against central differences of the cost, one unknown after another."""
    scene = simulated(2, "nyu14", seed=3)
    problem, at = problem_of(scene, "nyu14"), somewhere(scene)
    equations, step = problem.linearise(at), 1e-5

    def slope(move: Tensor) -> Tensor:
        """Slope of each frame's cost along a direction of all n + m unknowns."""
        angles, turn, shift, shape, offsets = move.split([at.angles.shape[1], 3, 3, at.shape.shape[1], 42])
        costs = []
        for sign in (1, -1):
            h = sign * step
            rotation = torch.tensor(Rotation.from_rotvec((h * turn).numpy()).as_matrix())
            there = Unknowns(
                at.angles + h * angles,
                rotation @ at.rotation,
                at.translation + h * shift,
                at.shape + h * shape,
                at.offsets + h * offsets.view(-1, 3),
            )
            costs.append(problem.frame_cost(there))
        return (costs[0] - costs[1]) / (2 * step)

    # A turn moves the hand about its own origin.
    gradient = torch.cat([equations.frame_gradient, equations.shared_gradient], 1)
    numeric = torch.stack([slope(e) for e in torch.eye(gradient.shape[1], dtype=torch.float64)], 1)
    torch.testing.assert_close(gradient, numeric, rtol=1e-4, atol=1e-4)


def test_steps_never_raise_the_cost() -> None:
    scene = simulated(3, "nyu14", seed=9, offset_mm=5.0)
    problem, at = problem_of(scene, "nyu14"), somewhere(scene)
    cost = problem.frame_cost(at)
    for _ in range(4):
        at = fit_frames(problem, at, 1)
        assert (problem.frame_cost(at) <= cost).all()
        cost = problem.frame_cost(at)
    before = cost.sum() + problem.shared_cost(at)
    after = fit_jointly(problem, at, 5, offsets=True)
    assert problem.frame_cost(after).sum() + problem.shared_cost(after) < before
    assert torch.equal(fit_jointly(problem, at, 2, offsets=False).offsets, at.offsets)


def test_alignment_is_the_best_rotation() -> None:
    generator = Generator().manual_seed(0)
    source, target = torch.randn(2, 5, 6, 3, generator=generator).double()
    weight = torch.rand(5, 6, generator=generator).double()
    rotation, translation = align(source, target, weight)
    for k in range(5):
        w = weight[k].numpy()
        means = [np.average(points[k].numpy(), axis=0, weights=w) for points in (source, target)]
        expected, _ = Rotation.align_vectors(
            target[k].numpy() - means[1], source[k].numpy() - means[0], weights=w
        )
        np.testing.assert_allclose(rotation[k].numpy(), expected.as_matrix(), atol=1e-6)
        np.testing.assert_allclose(
            translation[k].numpy(), means[1] - expected.as_matrix() @ means[0], atol=1e-6
        )


def test_refuses_what_cannot_be_fitted() -> None:
    with pytest.raises(UserError, match="bare9"):
        fit_hands(torch.zeros(1, 9, 3), "bare9")
    with pytest.raises(UserError, match="6 labelled joints"):
        fit_hands(torch.full((3, 14, 3), torch.nan), "nyu14")
    with pytest.raises(UserError, match=r"0\.00\d+ times as large.*in mm"):
        fit_hands(simulated(2, "nyu14", seed=0).labels / 1000, "nyu14")
    with pytest.raises(ValueError, match="14, 3"):
        fit_hands(torch.zeros(3, 21, 3), "nyu14")
    with pytest.raises(ValueError, match="person"):
        fit_hands(torch.zeros(3, 14, 3), "nyu14", person=torch.zeros(2))


def test_offsets_turn_with_their_bones_and_survive_a_file(tmp_path: Path) -> None:
    model = HandModel()
    hand = model(PosePrior().sample(3, Generator().manual_seed(0)), torch.zeros(1, len(model.shape_names)))
    offsets = torch.zeros(14, 3)
    offsets[0] = torch.tensor([3.0, 4.0, 0.0])  # the little fingertip
    offsets[13] = torch.tensor([0.0, 0.0, -7.0])  # the palm
    kept = JointOffsets("nyu14", offsets, torch.tensor([1.0, -2.0, 3.5]))
    kept.save(tmp_path / "offsets.json")
    loaded = JointOffsets.load(tmp_path / "offsets.json")
    assert torch.equal(loaded.camera_mm, kept.camera_mm)
    moved = loaded.apply(hand) - hand.joints("nyu14")
    torch.testing.assert_close(moved.norm(dim=-1), offsets.norm(dim=1).expand(3, 14), atol=1e-3, rtol=0)
    # The palm never moves in the hand's frame, the fingertip does.
    torch.testing.assert_close(moved[:, 13], offsets[13].expand(3, 3), atol=1e-3, rtol=0)
    assert (moved[0, 0] - moved[1, 0]).norm() > 0.5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "damaged"),
        ('{"skeleton": "bare9", "offsets_mm": {}}', "bare9"),
        ('{"skeleton": "nyu14", "offsets_mm": {}}', "damaged"),
    ],
)
def test_damaged_offsets_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "joint_offsets.json"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        JointOffsets.load(path)
    with pytest.raises(UserError, match="cannot read"):
        JointOffsets.load(tmp_path / "none.json")
