import json
from pathlib import Path

import pytest
import torch

import fit_blends
from murauer.geometry import skeletons
from murauer.geometry.hand_size import hand_scale
from murauer.geometry.skeletons import SKELETONS
from murauer.hand.joints import JOINT_SETS
from murauer.hand.model import HandModel


def test_the_packaged_blends_are_those_that_are_fitted(tmp_path, monkeypatch):
    out = tmp_path / "blends.json"
    monkeypatch.setattr("sys.argv", ["fit_blends", str(out), "--hands", "800"])
    fit_blends.main()
    fitted = json.loads(out.read_text())
    asset = Path(skeletons.__file__).parent / "skeleton_blends.json"
    packaged = json.loads(asset.read_text())
    assert fitted.keys() == packaged.keys()
    for pair, blend in packaged.items():
        assert fitted[pair]["residual_mm"] == pytest.approx(blend["residual_mm"], abs=0.25)
        for joint, weights in blend["weights"].items():
            largest = max(weights, key=weights.__getitem__)
            assert fitted[pair]["weights"][joint][largest] == pytest.approx(weights[largest], abs=0.1)
            assert sum(weights.values()) == pytest.approx(1, abs=0.002)


def test_a_blend_that_exists_is_found():
    source = torch.randn(300, 5, 3, dtype=torch.float64) * 60
    weights = torch.tensor([[0.5, 0.5, 0, 0, 0], [0, 0.2, 0.9, -0.1, 0]], dtype=torch.float64)
    assert (fit_blends.fit(source, weights @ source) - weights).abs().max() < 0.01


def test_tips_of_hand21_lie_nearer_to_the_end_than_those_of_anny21():
    model = HandModel()
    hand = model(torch.zeros(1, len(model.angle_names)), torch.zeros(1, len(model.shape_names)))
    ours, theirs = hand.joints("hand21")[0], hand.joints("anny21")[0]
    tips = [index for index, joint in enumerate(SKELETONS["hand21"].joints) if joint.endswith("TIP")]
    others = [index for index in range(21) if index not in tips]
    assert torch.equal(ours[others], theirs[others])
    reach = ours[tips].norm(dim=-1) - theirs[tips].norm(dim=-1)
    assert (reach > 1).all() and (reach < 5).all()
    end = hand.vertices[0, :, 1].max()
    assert 0 < end - ours[tips, 1].max() < 4
    assert len(JOINT_SETS["hand21"]) == 21


def test_scale_of_a_hand():
    model = HandModel()
    flat = torch.zeros(2, len(model.angle_names))
    flat[1] = model.angle_limits[:, 1] / 2  # bent as well: bones keep their lengths
    shape = torch.zeros(2, len(model.shape_names))
    joints = model(flat, shape).joints("hand21")
    torch.testing.assert_close(hand_scale(joints), torch.ones(2), atol=0.01, rtol=0)
    torch.testing.assert_close(hand_scale(1.2 * joints + 500), 1.2 * hand_scale(joints))
    assert hand_scale(joints.numpy()).shape == (2,)
