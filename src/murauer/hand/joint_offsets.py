"""Where a dataset's joints lie in the hand, relative to the model's: learned by fitting, kept as a file.

Every annotator puts "the wrist" or "the knuckle" somewhere else, often not even into the middle of the
finger. The difference is constant in the frame of the bone that the joint is attached to, so one vector per
joint brings the joints of any posed hand into the convention of the dataset. On top comes what all labels are
beside the measured surface in camera coordinates, if they come from another instrument.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from murauer.errors import UserError
from murauer.files import written_whole
from murauer.geometry.skeletons import find_skeleton
from murauer.hand.articulation import BONE_NAMES
from murauer.hand.joints import JOINT_SETS
from murauer.hand.model import HandGeometry
from murauer.text_files import read_json

JOINT_OFFSETS_FILE = "joint_offsets.json"
"""Its name in the folder of a store."""


@dataclass(frozen=True)
class JointOffsets:
    """Constant offsets of a dataset's joints from the hand model's.

    Attributes:
        skeleton: Name of the joint set.
        offsets: (J, 3) in mm, each in the frame of the joint's bone: along the canonical hand frame's axes
            when the bone is in its rest pose, of a right hand.
        camera_mm: (3,) constant offset of all labels from the surface, in the coordinates of the first
            camera.
    """

    skeleton: str
    offsets: Tensor
    camera_mm: Tensor = field(default_factory=lambda: torch.zeros(3))

    def apply(self, hand: HandGeometry) -> Tensor:
        """Joints of posed hands where the dataset labels them.

        To render a synthetic set whose labels are comparable with a dataset's, place these instead of
        ``hand.joints(skeleton)``::

            joints = place(offsets.apply(hand), rotation, translation) + offsets.camera_mm

        Args:
            hand: B posed right hands in the canonical frame (mirror the result for left hands).

        Returns:
            (B, J, 3) in mm, canonical hand frame.
        """
        bones = [BONE_NAMES.index(joint.bone) for joint in JOINT_SETS[self.skeleton]]
        turned = hand.bone_rotations[:, bones] @ self.offsets.to(hand.vertices)[..., None]
        return hand.joints(self.skeleton) + turned[..., 0]

    def save(self, path: Path) -> None:
        """Write them as JSON: the skeleton, x, y, z in mm by the joint's name, and those of the camera.

        Raises:
            UserError: The file cannot be written.
        """
        names = find_skeleton(self.skeleton).joints
        rounded = [[round(x, 3) for x in offset] for offset in self.offsets.tolist()]
        offsets = dict(zip(names, rounded, strict=True))
        camera = [round(x, 3) for x in self.camera_mm.tolist()]
        values = {"skeleton": self.skeleton, "offsets_mm": offsets, "camera_mm": camera}
        with written_whole(path) as partial:
            partial.write_text(json.dumps(values, indent=1))

    @classmethod
    def load(cls, path: Path) -> JointOffsets:
        """Read what `save` wrote.

        Raises:
            UserError: The file is missing, damaged, or of joints that the hand model does not have.
        """
        values = read_json(path)
        try:
            skeleton = values["skeleton"]
            if skeleton not in JOINT_SETS:
                raise UserError(f"{path}: the hand model has no joints for the skeleton {skeleton!r}")
            offsets = torch.tensor([values["offsets_mm"][name] for name in find_skeleton(skeleton).joints])
            camera = torch.tensor(values["camera_mm"])
            if offsets.shape != (len(offsets), 3) or camera.shape != (3,):
                raise ValueError("every offset needs three numbers")
            if not (offsets.isfinite().all() and camera.isfinite().all()):
                raise ValueError("offsets must be finite")
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(
                f"{path} is damaged ({error!r}); make it again with 'murauer render pairs'"
            ) from error
        return cls(skeleton, offsets.float(), camera.float())
