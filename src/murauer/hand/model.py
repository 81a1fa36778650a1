"""The hand model: joint angles and shape parameters in, mesh and joints out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from murauer.errors import UserError
from murauer.hand.articulation import (
    ANGLE_LIMITS,
    ANGLE_NAMES,
    BONE_NAMES,
    PARENTS,
    PIVOTS,
    articulate,
    rotation_about,
)
from murauer.hand.joints import regressor
from murauer.hand.shape import SHAPE_NAMES

ASSET_PATH = Path(__file__).parent / "assets" / "right_arm.safetensors"


@dataclass(frozen=True)
class HandGeometry:
    """A batch of posed hands in the canonical hand frame, mm.

    Attributes:
        vertices: (B, V, 3).
        bone_rotations: (B, bones, 3, 3), from the rest pose to the posed one, in the hand frame.
        joint_sets: Joints (B, J, 3) by the name of their skeleton.
    """

    vertices: Tensor
    bone_rotations: Tensor
    joint_sets: Mapping[str, Tensor]

    def joints(self, skeleton: str) -> Tensor:
        """Joints (B, J, 3) in mm of one of the skeletons the model knows.

        Raises:
            UserError: The hand model has no such joints.
        """
        if skeleton not in self.joint_sets:
            known = ", ".join(self.joint_sets)
            raise UserError(
                f"the hand model has no joints for the skeleton '{skeleton}'; use one of: {known}"
            )
        return self.joint_sets[skeleton]


class HandModel(nn.Module):
    """A right hand with forearm: a closed triangle mesh, linear shape space and linear blend skinning.

    Canonical hand frame, in millimetres: origin at the palm centre (inside the palm, about two thirds of
    the way from the wrist to the finger bases); x towards the thumb, y towards the fingers, z out of the
    palm (right-handed). The palm never moves in it: the wrist angles move the forearm. A left hand is the
    mirror image in x (see :func:`mirror`).

    Differentiable in angles and shape.

    Attributes:
        faces: (F, 3) int32, counter-clockwise seen from outside.
        angle_names: Names of the D angles (radians).
        angle_limits: (D, 2) lower and upper limit of each; not enforced by :meth:`forward`.
        shape_names: Names of the S shape parameters.
        weights: Of the bones on the vertices, (V, bones).
    """

    angle_names = ANGLE_NAMES
    shape_names = SHAPE_NAMES
    faces: Tensor
    angle_limits: Tensor
    _rest: Tensor
    _basis: Tensor
    weights: Tensor
    _joint_bones: Tensor
    _axes: Tensor
    _gains: Tensor
    _slots: Tensor
    _offset: Tensor

    def __init__(self, asset: Mapping[str, Tensor] | None = None) -> None:
        super().__init__()
        asset = load_file(ASSET_PATH) if asset is None else asset
        heads, vertices = asset["heads"], asset["vertices"]
        articulation = articulate(heads, vertices[asset["fingertips"].long()])
        points, bones, self._joint_slices = regressor(asset)  # (P, V + bones), (P,)
        rest = torch.cat([vertices, heads])
        basis = torch.cat([asset["vertex_basis"].float(), asset["head_basis"].float()], 2).flatten(0, 1)
        # Everything that depends on the shape in one matrix: vertices, bone heads, joints.
        rest = torch.cat([rest, points @ rest])
        basis = torch.cat([basis, points @ basis], 1)
        self._sections = (len(vertices), len(heads), len(points))

        def constant(name: str, value: Tensor) -> None:
            self.register_buffer(name, value, persistent=False)

        constant("faces", asset["faces"])
        constant("angle_limits", ANGLE_LIMITS)
        constant("_rest", rest.reshape(1, -1))
        constant("_basis", basis.flatten(1))
        constant("weights", asset["weights"])
        constant("_joint_bones", bones)
        constant("_axes", articulation.axes)
        constant("_gains", articulation.gains)
        constant("_slots", articulation.slots)
        constant("_offset", articulation.offset)
        self._levels = _levels(PARENTS)

    def forward(self, angles: Tensor, shape: Tensor) -> HandGeometry:
        """Poses hands.

        Args:
            angles: (B, D) radians, in the order of ``angle_names``.
            shape: (B, S), in the order of ``shape_names``; (1, S) is shared by the batch.

        Returns:
            The posed hands.

        Raises:
            ValueError: The widths of the arguments are not D and S.
        """
        self._check(angles, shape)
        vertices, heads, points = self.rest_state(shape)
        rotation, translation = self._bone_transforms(angles, heads)
        # Linear blend skinning with the blended 3 x 4 matrices of all vertices from one product.
        transforms = torch.cat([rotation, translation[..., None]], -1)  # (B, bones, 3, 4)
        blended = (self.weights @ transforms.flatten(2)).unflatten(-1, (3, 4))
        posed = _apply(blended[..., :3], vertices) + blended[..., 3]
        return HandGeometry(posed, rotation, self._posed_joints(points, rotation, translation))

    def pose_joints(self, angles: Tensor, shape: Tensor, skeleton: str) -> Tensor:
        """Joints of one skeleton as :meth:`forward` gives them, without the mesh.

        Args:
            angles: (B, D) radians.
            shape: (B, S) or (1, S).
            skeleton: One that the model knows, see :meth:`HandGeometry.joints`.

        Returns:
            (B, J, 3) in mm, canonical hand frame.

        Raises:
            ValueError: The widths of the arguments are not D and S.
        """
        return self.joint_frames(angles, shape, skeleton)[0]

    def joint_frames(self, angles: Tensor, shape: Tensor, skeleton: str) -> tuple[Tensor, Tensor]:
        """Joints of one skeleton and the rotation of the bone that each is attached to; see `pose_joints`.

        Returns:
            Joints (B, J, 3) in mm, and rotations (B, J, 3, 3) from the rest pose to the posed one.

        Raises:
            ValueError: The widths of the arguments are not D and S.
        """
        self._check(angles, shape)
        vertices, n_heads, _ = self._sections
        rest = self._rest_points(shape, slice(3 * vertices, None))  # the mesh is left out
        rotation, translation = self._bone_transforms(angles, rest[:, :n_heads])
        part = self._joint_slices[skeleton]
        bones = self._joint_bones[part]
        rotation = rotation[:, bones]
        return _apply(rotation, rest[:, n_heads:][:, part]) + translation[:, bones], rotation

    def _posed_joints(self, points: Tensor, rotation: Tensor, translation: Tensor) -> dict[str, Tensor]:
        joints = _apply(rotation[:, self._joint_bones], points) + translation[:, self._joint_bones]
        return {name: joints[:, part] for name, part in self._joint_slices.items()}

    def _check(self, angles: Tensor, shape: Tensor) -> None:
        if angles.shape[-1] != len(ANGLE_NAMES) or shape.shape[-1] != len(SHAPE_NAMES):
            raise ValueError(
                f"expected angles (B, {len(ANGLE_NAMES)}) and shape (B, {len(SHAPE_NAMES)}), "
                f"got {tuple(angles.shape)} and {tuple(shape.shape)}"
            )

    def rest_state(self, shape: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Rest vertices, bone heads and joint points, each (B, ., 3) in mm, for shape parameters (B, S)."""
        vertices, heads, points = self._rest_points(shape, slice(None)).split(self._sections, 1)
        return vertices, heads, points

    def joint_rows(self, skeleton: str) -> slice:
        """Which of the joint points of `rest_state` are the joints of a skeleton."""
        return self._joint_slices[skeleton]

    def _rest_points(self, shape: Tensor, columns: slice) -> Tensor:
        """Some of the points (B, ., 3) that depend on the shape."""
        size = shape[:, :1].exp()
        # Linear in each parameter with its own slope on either side of zero.
        signed = torch.cat([shape.clamp(min=0), shape.clamp(max=0)], 1)
        flat = size * torch.addmm(self._rest[:, columns], signed, self._basis[:, columns])
        return flat.unflatten(1, (-1, 3))

    def _bone_transforms(self, angles: Tensor, heads: Tensor) -> tuple[Tensor, Tensor]:
        """Rigid transforms (B, bones, 3, 3) and (B, bones, 3) from the rest pose, by forward kinematics."""
        turns = rotation_about(self._axes, angles @ self._gains)
        outer, middle, inner = (turns[:, self._slots[:, k]] for k in range(3))
        local = outer @ middle @ inner @ self._offset
        pivots = heads[:, PIVOTS].expand(len(angles), -1, -1)
        # Bone b maps rest points p to R_b p + t_b with t_b = (image of its pivot under its parent) - R_b
        # pivot_b.
        rotation: list[Tensor] = [local[:, 0]] + [local[:, 0]] * (len(BONE_NAMES) - 1)
        translation: list[Tensor] = [torch.zeros_like(pivots[:, 0])] * len(BONE_NAMES)
        for bones, parents in self._levels:
            parent_rotation = torch.stack([rotation[p] for p in parents], 1)
            parent_translation = torch.stack([translation[p] for p in parents], 1)
            own = parent_rotation @ local[:, bones]
            pivot = pivots[:, bones]
            moved = parent_translation + _apply(parent_rotation - own, pivot)
            for k, bone in enumerate(bones):
                rotation[bone], translation[bone] = own[:, k], moved[:, k]
        return torch.stack(rotation, 1), torch.stack(translation, 1)


def _levels(parents: tuple[int, ...]) -> list[tuple[list[int], list[int]]]:
    """Bones by depth in the tree, the root left out: (bones, their parents) per level."""
    depth = [0] * len(parents)
    for bone, parent in enumerate(parents):
        depth[bone] = depth[parent] + 1 if parent >= 0 else 0
    levels = [[b for b in range(len(parents)) if depth[b] == d] for d in range(1, max(depth) + 1)]
    return [(bones, [parents[b] for b in bones]) for bones in levels]


def _apply(matrix: Tensor, points: Tensor) -> Tensor:
    """Matrix-vector products (..., 3, 3) and (..., 3), as a broadcast sum: faster than many tiny products."""
    return (matrix * points[..., None, :]).sum(-1)


def place(points: Tensor, rotation: Tensor, translation: Tensor) -> Tensor:
    """Moves hands from the canonical frame to camera coordinates.

    Args:
        points: Vertices or joints (B, N, 3), mm.
        rotation: Camera from hand (B, 3, 3).
        translation: Palm centre in camera coordinates (B, 3), mm.

    Returns:
        (B, N, 3), mm.
    """
    return points @ rotation.mT + translation[:, None]


def mirror(points: Tensor) -> Tensor:
    """Mirror image in the canonical x axis: turns points (..., 3) of a right hand into a left hand's.

    Mirroring turns the mesh inside out: reverse the faces (``faces.flip(1)``) where orientation matters.
    """
    return points * points.new_tensor([-1.0, 1.0, 1.0])
