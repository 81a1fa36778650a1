"""A batch of scenes: a posed hand with its forearm, and what stands around it, seen by any camera."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from murauer.geometry.rig import CameraRig
from murauer.hand.clutter import ClutterPiece, merge_depth
from murauer.hand.joint_offsets import JointOffsets
from murauer.hand.model import HandGeometry, mirror, place
from murauer.hand.rasteriser import rasterise_depth


@dataclass(frozen=True, eq=False)
class Scenes:
    """B scenes in the coordinates of a rig's first camera.

    Attributes:
        hands: Posed in the canonical hand frame.
        faces: Of their mesh, int32 (F, 3).
        rotation: Camera from hand, (B, 3, 3).
        position: Where the hand's origin is, mm, (B, 3).
        clutter: Other things.
        offsets: Where a dataset's joints lie relative to the hand model's; None for the model's own.
        left: Which are left hands, mirrored before they are placed, bool (B,); None for right hands.
    """

    hands: HandGeometry
    faces: Tensor
    rotation: Tensor
    position: Tensor
    clutter: Sequence[ClutterPiece] = ()
    offsets: JointOffsets | None = None
    left: Tensor | None = None

    def joints(self, skeleton: str) -> Tensor:
        """Joints in mm, (B, J, 3).

        Raises:
            UserError: The hand model has no such joints.
        """
        if self.offsets is None or self.offsets.skeleton != skeleton:
            return self._placed(self.hands.joints(skeleton))
        return self._placed(self.offsets.apply(self.hands)) + self.offsets.camera_mm

    def depth(self, rig: CameraRig, view: int, intrinsics: Tensor, height: int, width: int) -> Tensor:
        """Render what a camera of the rig sees.

        Args:
            rig: The cameras; the scenes are in the coordinates of its first.
            view: Which of them.
            intrinsics: fx, fy, u0, v0 of each image, which may be a window of the camera's, (B, 4).
            height: Of the images.
            width: Of the images.

        Returns:
            Exact depth in mm, 0 = nothing there, (B, height, width).
        """

        def render(vertices: Tensor, faces: Tensor, cameras: Tensor) -> Tensor:
            return rasterise_depth(rig.transform(vertices, 0, view), faces, cameras, height, width)

        depth = render(self._placed(self.hands.vertices), self.faces, intrinsics)
        for piece in self.clutter:
            if piece.rows is None:
                depth = merge_depth(depth, render(piece.vertices, piece.faces, intrinsics))
            else:
                part = render(piece.vertices, piece.faces, intrinsics[piece.rows])
                depth[piece.rows] = merge_depth(depth[piece.rows], part)
        return depth

    def _placed(self, points: Tensor) -> Tensor:
        """Points (B, N, 3) of the canonical right hand, as those of each scene's hand."""
        if self.left is not None:
            points = torch.where(self.left[:, None, None], mirror(points), points)
        return place(points, self.rotation, self.position)
