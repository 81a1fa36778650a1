"""Joints must land on the hand: right labels pass, wrong cameras, axes and orders do not."""

from dataclasses import dataclass, replace

import pytest
import torch

from fake_dataset import CAMERA, FakeDataset
from murauer.datasets.dataset import DatasetView
from murauer.errors import UserError
from murauer.geometry.camera import CAMERAS, Camera, uvd_to_xyz
from murauer.geometry.skeletons import NYU_EVALUATION_JOINTS
from murauer.prepare.importing.label_check import LANDING_SHARE, landing_share, probe_labels

DATASET = FakeDataset(frames={"real": 40, "test": 30})


@dataclass
class Relabelled(FakeDataset):
    """The same images with labels changed by `how`."""

    how: str = "not"

    def view(self, set_name: str, index: int, view: int) -> DatasetView:
        frame = super().view(set_name, index, view)
        assert frame.joints is not None
        if self.how == "of the next frame":
            return replace(frame, joints=super().view(set_name, (index + 1) % 30, view).joints)
        changes = {
            "y up": torch.tensor([1.0, -1.0, 1.0]),
            "in metres": torch.tensor(0.001),
            "not": torch.tensor(1.0),
        }
        return replace(frame, joints=frame.joints * changes[self.how])


def test_right_labels_pass_also_where_some_images_are_lost_or_unlabelled() -> None:
    assert probe_labels(DATASET) == {"real": True, "test": True}
    spoilt = replace(
        DATASET,
        corrupt={("real", index, 0) for index in range(0, 40, 2)},
        unlabelled={("test", index) for index in range(0, 30, 3)},
    )
    assert probe_labels(spoilt) == {"real": True, "test": False}


@pytest.mark.parametrize("how", ["y up", "in metres"])
def test_wrong_labels_are_refused(how: str) -> None:
    with pytest.raises(UserError, match=r"joints of the real frames of view 1 miss the hand in \d+ of \d+"):
        probe_labels(Relabelled(DATASET.frames, how=how))


@pytest.mark.parametrize(
    "camera",
    [
        replace(CAMERA, fx=120.0, fy=120.0),
        replace(CAMERA, u0=160.0, v0=120.0),
        Camera(fx=475.0, fy=475.0, u0=315.0, v0=245.0, width=640, height=480),
    ],
)
def test_wrong_intrinsics_are_refused(camera: Camera) -> None:
    with pytest.raises(UserError, match="correct the intrinsics"):
        probe_labels(replace(DATASET, label_camera=camera))


def test_joints_outside_the_image_or_without_depth_do_not_land() -> None:
    frame = DATASET.view("real", 0, 0)
    assert frame.joints is not None and landing_share(frame) == 1
    some = frame.joints.clone()
    some[:4, 0] += 5000.0
    assert landing_share(replace(frame, joints=some)) == pytest.approx(12 / 16)
    assert landing_share(replace(frame, depth=torch.zeros_like(frame.depth))) == 0
    behind = frame.joints + torch.tensor([0.0, 0.0, 300.0])
    assert landing_share(replace(frame, joints=behind)) == 0
    assert landing_share(replace(frame, joints=torch.full_like(some, torch.nan))) == 0


def test_a_genuine_label_passes_and_does_not_with_other_intrinsics(shared_dir) -> None:
    from murauer.capture.depth import read_depth

    camera = CAMERAS["nyu"]
    path = shared_dir / "data" / "real" / "nyu_test_depth_1_0000001.png"
    depth = torch.from_numpy(read_depth(path, camera))
    with open(shared_dir / "data" / "nyu" / "nyu_test_groundtruth_label.txt") as file:
        uvd = torch.tensor([float(word) for word in file.readline().split()]).view(-1, 3)
    frame = DatasetView("genuine", depth, camera, uvd_to_xyz(uvd, camera.intrinsics()), 0)
    assert len(uvd) == len(NYU_EVALUATION_JOINTS) and landing_share(frame) == 1
    for wrong in (CAMERAS["sr305"], replace(camera, u0=160.0, v0=120.0)):
        joints = uvd_to_xyz(uvd, wrong.intrinsics())
        assert landing_share(replace(frame, joints=joints)) < LANDING_SHARE
