import math

import pytest
import torch

from murauer.errors import UserError
from murauer.geometry.camera import CAMERAS
from murauer.geometry.rig import CameraRig


def rigid(angle: float, translation: tuple[float, float, float]) -> torch.Tensor:
    """Turn about y, then shift."""
    pose = torch.eye(4)
    pose[0, 0] = pose[2, 2] = math.cos(angle)
    pose[0, 2], pose[2, 0] = math.sin(angle), -math.sin(angle)
    pose[:3, 3] = torch.tensor(translation)
    return pose


@pytest.fixture
def rig() -> CameraRig:
    poses = torch.stack((torch.eye(4), rigid(0.5, (-300, 10, 60)), rigid(-0.7, (400, -20, 90))))
    return CameraRig((CAMERAS["nyu"],) * 3, poses)


def test_transform_from_the_world_camera_applies_the_pose(rig):
    xyz = torch.tensor([[10.0, 20.0, 700.0]])
    expected = torch.tensor(
        [
            [
                10 * math.cos(0.5) + 700 * math.sin(0.5) - 300,
                30.0,
                -10 * math.sin(0.5) + 700 * math.cos(0.5) + 60,
            ]
        ]
    )
    torch.testing.assert_close(rig.transform(xyz, 0, 1), expected)


def test_transforms_compose_and_keep_distances(rig):
    generator = torch.Generator().manual_seed(3)
    xyz = torch.rand(4, 6, 3, generator=generator) * 300 + torch.tensor([0.0, 0.0, 600.0])
    seen = rig.transform(xyz, 1, 2)
    torch.testing.assert_close(seen, rig.transform(rig.transform(xyz, 1, 0), 0, 2), rtol=0, atol=1e-3)
    torch.testing.assert_close(rig.transform(seen, 2, 1), xyz, rtol=0, atol=1e-3)
    torch.testing.assert_close(torch.cdist(seen, seen), torch.cdist(xyz, xyz), rtol=0, atol=0.1)


def test_dictionary_round_trip(rig):
    again = CameraRig.from_dict(rig.to_dict())
    assert again.cameras == rig.cameras
    assert torch.equal(again.camera_from_world, rig.camera_from_world)


@pytest.mark.parametrize(
    "pose", [torch.eye(4) * 2, torch.diag(torch.tensor([-1.0, 1, 1, 1])), torch.full((4, 4), float("nan"))]
)
def test_only_rigid_transforms_are_accepted(pose):
    with pytest.raises(ValueError, match="rigid"):
        CameraRig((CAMERAS["nyu"],), pose[None])


def test_malformed_rig_is_told_to_the_user(rig):
    values = rig.to_dict()
    with pytest.raises(UserError, match=r"rig\.json"):
        CameraRig.from_dict({"cameras": []}, where="rig.json")
    with pytest.raises(UserError, match="camera 1 lacks fx"):
        CameraRig.from_dict({**values, "cameras": [values["cameras"][0], {**values["cameras"][1]} and {}]})
    with pytest.raises(UserError, match="list of cameras"):
        CameraRig.from_dict({**values, "cameras": 3})
    with pytest.raises(UserError, match="too large"):
        CameraRig.from_dict({**values, "camera_from_world": [[[10**400] * 4] * 4] * 3})
    with pytest.raises(UserError, match="shape"):
        CameraRig.from_dict({**values, "camera_from_world": values["camera_from_world"][:2]})
    with pytest.raises(UserError):
        CameraRig.from_dict({**values, "camera_from_world": "identity"})


def test_poses_may_be_as_inexact_as_files_write_them() -> None:
    pose = torch.eye(4)[None].repeat(1, 1, 1)
    for stretched, accepted in ((4e-5, True), (6e-5, False), (-4e-5, True), (-6e-5, False)):
        pose[0, 1, 1] = 1 + stretched  # of which the square counts
        if accepted:
            CameraRig((CAMERAS["nyu"],), pose)
        else:
            with pytest.raises(ValueError, match="rigid"):
                CameraRig((CAMERAS["nyu"],), pose)
    for row, column, value in ((3, 0, 1.0), (3, 3, 2.0), (0, 3, math.inf), (0, 1, 2e-4)):
        pose = torch.eye(4)[None].repeat(1, 1, 1)
        pose[0, row, column] = value
        with pytest.raises(ValueError, match="rigid"):
            CameraRig((CAMERAS["nyu"],), pose)


@pytest.mark.parametrize(("number", "accepted"), [(0, False), (1, True), (64, True), (65, False)])
def test_how_many_cameras_a_rig_has(number: int, accepted: bool) -> None:
    camera, pose = CAMERAS["nyu"].to_dict(), torch.eye(4).tolist()
    values = {"cameras": [camera] * number, "camera_from_world": [pose] * number}
    if accepted:
        assert len(CameraRig.from_dict(values).cameras) == number
    else:
        with pytest.raises(UserError, match="cameras"):
            CameraRig.from_dict(values)
