"""The hand model: kinematics, skinning, shape, joints, mesh."""

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from safetensors.torch import load_file
from scipy.spatial.transform import Rotation
from torch import Tensor

from murauer.errors import UserError
from murauer.geometry.camera import CAMERAS, uvd_to_xyz
from murauer.geometry.skeletons import SKELETONS, convert
from murauer.hand.articulation import ANGLE_LIMITS, ANGLE_NAMES, BONE_NAMES, BONES, PIVOTS, articulate
from murauer.hand.joints import JOINT_SETS
from murauer.hand.model import ASSET_PATH, HandModel, mirror, place
from murauer.hand.shape import SHAPE_NAMES, ShapePrior


@pytest.fixture(scope="module")
def model() -> HandModel:
    return HandModel()


def flat_shape(n: int = 1) -> Tensor:
    return torch.zeros(n, len(SHAPE_NAMES))


def pose(**degrees: float) -> Tensor:
    angles = torch.zeros(1, len(ANGLE_NAMES))
    for name, value in degrees.items():
        angles[0, ANGLE_NAMES.index(name)] = math.radians(value)
    return angles


def random_angles(n: int, seed: int = 0) -> Tensor:
    low, high = ANGLE_LIMITS.T
    return low + (high - low) * torch.rand(n, len(ANGLE_NAMES), generator=torch.Generator().manual_seed(seed))


def random_shapes(n: int, seed: int = 1) -> Tensor:
    return ShapePrior().sample(n, torch.Generator().manual_seed(seed))


def joint(model: HandModel, name: str, angles: Tensor) -> Tensor:
    joints = model(angles, flat_shape()).joints("anny21")
    return joints[0, SKELETONS["anny21"].joints.index(name)]


def slow_reference(angles: np.ndarray, shape: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One hand: vertices and anny21 joints, bone by bone and vertex by vertex in double precision."""
    asset = {k: v.double().numpy() for k, v in load_file(ASSET_PATH).items()}
    tips = asset["fingertips"].astype(int)
    tables = articulate(torch.tensor(asset["heads"]), torch.tensor(asset["vertices"][tips]))
    vertices, heads = asset["vertices"].copy(), asset["heads"].copy()
    for s, value in enumerate(shape):
        side = 0 if value > 0 else 1
        vertices += value * asset["vertex_basis"][side, s]
        heads += value * asset["head_basis"][side, s]
    size = math.exp(shape[SHAPE_NAMES.index("size")])
    vertices, heads = size * vertices, size * heads

    to_pose: dict[str, np.ndarray] = {}
    for b, (name, parent) in enumerate(BONES):
        rotation = np.eye(3)
        for slot in tables.slots[b].tolist():
            angle = float(angles @ tables.gains[:, slot].double().numpy())
            rotation = rotation @ Rotation.from_rotvec(angle * tables.axes[slot].double().numpy()).as_matrix()
        rotation = rotation @ tables.offset[b].double().numpy()
        about_pivot = np.eye(4)
        about_pivot[:3, :3] = rotation
        about_pivot[:3, 3] = heads[PIVOTS[b]] - rotation @ heads[PIVOTS[b]]
        to_pose[name] = about_pivot if parent is None else to_pose[parent] @ about_pivot

    def moved(bone: str, point: np.ndarray) -> np.ndarray:
        return (to_pose[bone] @ np.append(point, 1.0))[:3]

    skinned = [
        sum(w * moved(BONE_NAMES[b], v) for b, w in enumerate(weights) if w > 0)
        for v, weights in zip(vertices, asset["weights"], strict=True)
    ]
    joints = [moved("wrist", heads[0])]
    for finger in range(1, 6):
        bones = [f"finger{finger}-{k}" for k in (1, 2, 3)]
        joints += [moved(bone, heads[BONE_NAMES.index(bone)]) for bone in bones]
        tip = 0.78 * vertices[tips[finger - 1]] + 0.22 * heads[BONE_NAMES.index(bones[2])]
        joints.append(moved(bones[2], tip))
    return np.array(skinned), np.array(joints)


def test_forward_equals_slow_reference(model: HandModel) -> None:
    angles, shapes = random_angles(2), random_shapes(2)
    out = model(angles, shapes)
    for k in range(2):
        vertices, joints = slow_reference(angles[k].double().numpy(), shapes[k].double().numpy())
        np.testing.assert_allclose(out.vertices[k].numpy(), vertices, atol=5e-3)
        np.testing.assert_allclose(out.joints("anny21")[k].numpy(), joints, atol=5e-3)


def test_shared_shape_and_joints_alone_give_the_same(model: HandModel) -> None:
    angles, shape = random_angles(3), random_shapes(1)
    out = model(angles, shape)
    torch.testing.assert_close(out.vertices, model(angles, shape.expand(3, -1)).vertices, atol=1e-3, rtol=0)
    for name in JOINT_SETS:
        torch.testing.assert_close(
            model.pose_joints(angles, shape, name), out.joints(name), atol=1e-3, rtol=0
        )


def test_bone_lengths_do_not_depend_on_the_pose(model: HandModel) -> None:
    skeleton = SKELETONS["anny21"]
    shape = random_shapes(1)
    joints = model.pose_joints(random_angles(20), shape, "anny21")
    lengths = torch.stack([(joints[:, a] - joints[:, b]).norm(dim=-1) for a, b in skeleton.bones], 1)
    # The ring's and the little finger's metacarpals move with the palm's arch, about their bases.
    rigid = [
        i for i, (a, b) in enumerate(skeleton.bones) if skeleton.joints[a] not in ("ring_mcp", "pinky_mcp")
    ]
    assert lengths[:, rigid].std(0).max() < 1e-3


def test_rest_pose_reproduces_the_mesh(model: HandModel) -> None:
    """At the mesh's own joint angles, skinning must not move it: found by fitting the angles to it."""
    asset = load_file(ASSET_PATH)
    rest = model.rest_state(flat_shape())[0][0]
    torch.testing.assert_close(rest, asset["vertices"])
    angles = torch.full((1, len(ANGLE_NAMES)), 0.1, requires_grad=True)
    optimiser = torch.optim.LBFGS([angles], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        rotations = model(angles, flat_shape()).bone_rotations
        value = (rotations - torch.eye(3)).square().sum()
        value.backward()
        return value

    optimiser.step(loss)
    moved = (model(angles.detach(), flat_shape()).vertices[0] - rest).norm(dim=-1)
    assert moved.mean() < 1.0
    assert moved.max() < 5.0


def test_angles_mean_what_their_names_say(model: HandModel) -> None:
    x, y, z = 0, 1, 2
    zero = torch.zeros(1, len(ANGLE_NAMES))
    for finger in ("index", "middle", "ring", "pinky"):
        straight = [joint(model, f"{finger}_{j}", zero) for j in ("mcp", "pip", "dip", "tip")]
        directions = [torch.nn.functional.normalize(b - a, dim=0) for a, b in pairwise(straight)]
        assert min(float(d[y]) for d in directions) > 0.97, f"{finger} is not straight and parallel at 0"
        mcp, tip = straight[0], straight[3]
        flexed = joint(model, f"{finger}_tip", pose(**{f"{finger}_mcp_flexion": 90}))
        assert (flexed - mcp)[z] > 0.9 * (tip - mcp).norm(), "90 degrees at the knuckle point out of the palm"
        away = joint(model, f"{finger}_tip", pose(**{f"{finger}_mcp_abduction": 10}))
        sign = 1 if finger in ("index", "middle") else -1
        assert sign * (away - tip)[x] > 5
        for level in ("pip", "dip"):
            assert (joint(model, f"{finger}_tip", pose(**{f"{finger}_{level}_flexion": 60})) - tip)[z] > 5
    tip = joint(model, "thumb_tip", zero)
    assert (joint(model, "thumb_tip", pose(thumb_cmc_abduction=40)) - tip)[z] > 20
    flexed = joint(model, "thumb_tip", pose(thumb_cmc_flexion=40))
    assert (flexed - tip)[x] < -10 and (flexed - tip)[y] > 10
    # The forearm hangs below the palm; flexing the wrist brings it towards the palm's side.
    low = model(zero, flat_shape()).vertices[0, :, y].argmin()
    assert model(pose(wrist_flexion=60), flat_shape()).vertices[0, low, z] > 100
    assert model(pose(wrist_deviation=20), flat_shape()).vertices[0, low, x] > 40


def test_fist_brings_fingertips_to_the_palm(model: HandModel) -> None:
    fist = {f"{f}_mcp_flexion": 85.0 for f in ("index", "middle", "ring", "pinky")}
    fist |= {f"{f}_pip_flexion": 100.0 for f in ("index", "middle", "ring", "pinky")}
    fist |= {f"{f}_dip_flexion": 65.0 for f in ("index", "middle", "ring", "pinky")}
    joints = model(pose(**fist), flat_shape()).joints("anny21")[0]
    tips = joints[[8, 12, 16, 20]]
    assert (tips[:, 2].abs() < 35).all(), "fingertips lie on the palm"
    assert (tips[:, 1] < joints[[5, 9, 13, 17], 1]).all(), "below the knuckles"
    assert (tips[:, 0].diff() < 0).all(), "in order"


def test_default_hand_has_adult_size(model: HandModel) -> None:
    rest = model.rest_state(flat_shape())
    length = (rest[0][0, int(load_file(ASSET_PATH)["fingertips"][2])] - rest[1][0, 0]).norm()
    assert 170 < float(length) < 200
    bigger = flat_shape()
    bigger[0, SHAPE_NAMES.index("size")] = 0.1
    torch.testing.assert_close(
        model(random_angles(1), bigger).vertices,
        math.exp(0.1) * model(random_angles(1), flat_shape()).vertices,
    )


@pytest.mark.parametrize("name", [name for name in SHAPE_NAMES if name not in ("size", "finger_length")])
def test_only_size_and_finger_length_change_the_length(model: HandModel, name: str) -> None:
    shape = flat_shape(2)
    shape[:, SHAPE_NAMES.index(name)] = torch.tensor([1.0, -1.0])
    vertices, heads, _ = model.rest_state(shape)
    tip = int(load_file(ASSET_PATH)["fingertips"][2])
    length = (vertices[:, tip] - heads[:, 0]).norm(dim=-1)
    assert (length - 187.0).abs().max() < 0.5
    change = (vertices - model.rest_state(flat_shape())[0]).norm(dim=-1).amax(1)
    assert change.min() > 0.3, "the parameter does something in both directions"


def test_mesh_is_closed_and_faces_outwards(model: HandModel) -> None:
    shapes = torch.cat([flat_shape(), random_shapes(4)])
    zero = torch.zeros(len(shapes), len(ANGLE_NAMES))
    for vertices in model(zero, shapes).vertices:
        mesh = trimesh.Trimesh(vertices.numpy(), model.faces.numpy(), process=False)
        assert mesh.is_watertight and mesh.is_winding_consistent
        assert mesh.body_count == 1
        assert 2.5e5 < mesh.volume < 2.5e6, "positive: faces look outwards; a hand and forearm in mm^3"


def test_forearm_reaches_beyond_the_hand_cube(model: HandModel) -> None:
    vertices = model(torch.zeros(1, len(ANGLE_NAMES)), flat_shape()).vertices[0]
    assert vertices[:, 1].min() < -200


def test_origin_is_the_palm_centre_and_nyu_joints_lie_inside(model: HandModel) -> None:
    out = model(torch.zeros(1, len(ANGLE_NAMES)), flat_shape())
    mesh = trimesh.Trimesh(out.vertices[0].numpy(), model.faces.numpy(), process=False)
    assert mesh.contains([[0.0, 0.0, 0.0]]).all()
    assert mesh.contains(out.joints("nyu14")[0].numpy()).all()
    # The thumb's first joint is close to the skin.
    assert mesh.contains(out.joints("anny21")[0].numpy()).sum() >= 20


def test_joint_sets_match_their_skeletons(model: HandModel) -> None:
    out = model(random_angles(1), flat_shape())
    for name in JOINT_SETS:
        assert out.joints(name).shape == (1, len(SKELETONS[name]), 3)
    with pytest.raises(UserError, match="nyu14"):
        out.joints("msra99")


def test_gradients_flow_to_angles_and_shape(model: HandModel) -> None:
    angles, shape = random_angles(2).requires_grad_(), random_shapes(2).requires_grad_()
    out = model(angles, shape)
    out.vertices.square().mean().backward()
    assert angles.grad is not None and shape.grad is not None
    moving = [i for i, name in enumerate(ANGLE_NAMES) if name != "thumb_cmc_pronation"]
    assert (angles.grad[:, moving] != 0).all()
    assert (shape.grad.abs() > 0).any(0).all()


def test_fits_joints_by_gradient_descent(model: HandModel) -> None:
    target = model.pose_joints(random_angles(1, seed=3) * 0.6, flat_shape(), "anny21")
    angles = torch.zeros(1, len(ANGLE_NAMES), requires_grad=True)
    optimiser = torch.optim.Adam([angles], lr=0.05)
    for _ in range(200):
        optimiser.zero_grad()
        loss = (model.pose_joints(angles, flat_shape(), "anny21") - target).square().sum(-1).mean()
        loss.backward()
        optimiser.step()
    assert loss.sqrt() < 2.0


def test_wrong_widths_are_refused(model: HandModel) -> None:
    with pytest.raises(ValueError, match="angles"):
        model(torch.zeros(1, 3), flat_shape())
    with pytest.raises(ValueError, match="shape"):
        model(torch.zeros(1, len(ANGLE_NAMES)), torch.zeros(1, 2))


def test_place_and_mirror() -> None:
    generator = torch.Generator().manual_seed(0)
    points = torch.randn(2, 5, 3, generator=generator)
    rotation = torch.tensor(Rotation.random(2, random_state=0).as_matrix()).float()
    translation = torch.randn(2, 3, generator=generator)
    placed = place(points, rotation, translation)
    expected = np.array(
        [[rotation[b].numpy() @ p + translation[b].numpy() for p in points[b].numpy()] for b in range(2)]
    )
    np.testing.assert_allclose(placed.numpy(), expected, atol=1e-5)
    left = mirror(points)
    assert torch.equal(mirror(left), points)
    torch.testing.assert_close(torch.cdist(left, left), torch.cdist(points, points))
    # A mirror image is no rotation: the handedness of any frame flips.
    assert torch.linalg.det(left[:, :3]).sign().tolist() == (-torch.linalg.det(points[:, :3]).sign()).tolist()


def test_segment_lengths_match_the_nyu_labels(model: HandModel, shared_dir: Path) -> None:
    """Distances that are rigid, or nearly, in NYU's labels, as shares of the palm's length."""
    file = shared_dir / "data" / "nyu" / "nyu_test_joints36_uvd.npz"
    real = convert(
        uvd_to_xyz(torch.from_numpy(np.load(file)["joints_uvd"]).float(), CAMERAS["nyu"].intrinsics()),
        "nyu36",
        "nyu14",
    )
    ours = model(torch.zeros(1, len(ANGLE_NAMES)), flat_shape()).joints("nyu14")
    # last phalanx of the thumb, width of the wrist, palm to both sides of it, thumb's MCP to the wrist
    for a, b in ((8, 9), (11, 12), (11, 13), (12, 13), (10, 11), (7, 13), (5, 13)):

        def share(joints: Tensor, a: int = a, b: int = b) -> float:
            palm = (joints[:, 13] - joints[:, 11:13].mean(1)).norm(dim=-1)
            return float(((joints[:, a] - joints[:, b]).norm(dim=-1) / palm).median())

        assert share(ours) == pytest.approx(share(real), abs=0.13), (a, b)
