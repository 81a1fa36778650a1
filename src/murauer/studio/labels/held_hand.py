"""A hand whose bones keep their lengths while a person drags its joints.

The hand model, fitted to labels, is posed anew for every drag: the dragged joint is to reach its target, the
joints of the other fingers and of the palm are to stay, and the angles are to change as little as that
allows. What is dragged out of reach stops where the finger ends. Distances between neighbouring joints of a
finger stay those of the fitted hand. Lines that are drawn past a joint (`nyu14` joins the palm to the middle
of the fingers) change as the fingers bend, as they do in a hand.

Joints are where the hand model has them, without the offsets that `murauer render pairs` learns from many
labels: a few poses do not tell an offset from a bend.
"""

import numpy as np
import torch
from torch import Tensor

from murauer.geometry.skeletons import Skeleton
from murauer.hand.fitting import fit_hands
from murauer.hand.fitting.fit import fit_poses
from murauer.hand.fitting.problem import FittingProblem, FittingWeights, Unknowns
from murauer.hand.fitting.solver import fit_frames
from murauer.hand.joints import JOINT_SETS
from murauer.hand.model import HandModel, mirror
from murauer.studio.albums.album import Floats

DRAG_ITERATIONS = 12

_SETTLE = FittingWeights(label_mm=1.0)
_DRAG = FittingWeights(label_mm=1.0, huber=1e3, pose=0.02)
"""Joints count in mm, targets however far they are, and the pose hardly."""


class HeldHand:
    """A hand of one size.

    Args:
        labels: Joints that it is fitted to, mm, (F, J, 3), at least 6 in a frame; NaN where not known.
        skeleton: Skeleton of the joints.

    Raises:
        UserError: The hand model does not have these joints, or they are those of no hand.
    """

    def __init__(self, labels: Floats, skeleton: Skeleton) -> None:
        fit = fit_hands(torch.from_numpy(labels), skeleton.name, learn_offsets=False)
        best = int(fit.error_mm.nan_to_num(torch.inf).argmin())
        self._skeleton = skeleton
        self._model = HandModel().double()
        self._left = bool(fit.left[best])
        flip = torch.tensor([-1.0 if self._left else 1.0, 1.0, 1.0], dtype=torch.float64)
        self._flip = flip.diag()
        self._at = Unknowns(
            angles=fit.angles[best, None].double(),
            rotation=self._flip @ fit.rotation[best, None].double() @ self._flip,
            translation=fit.translation[best, None].double() @ self._flip,
            shape=fit.shape.double(),
            offsets=fit.offsets.offsets.double(),
        )

    @staticmethod
    def fits(skeleton: Skeleton) -> bool:
        """Whether the hand model has the joints of a skeleton."""
        return skeleton.name in JOINT_SETS

    @property
    def joints(self) -> Floats:
        """Where its joints are, mm, (J, 3)."""
        problem = self._problem(torch.zeros(len(self._skeleton), 3), _SETTLE)
        return (problem.predict(self._at)[0] @ self._flip).float().numpy()

    def settle(self, joints: Floats) -> Floats:
        """Bring the hand as near to joints (J, 3) as its bones allow; returns where its joints are then."""
        problem = self._problem(torch.from_numpy(joints), _SETTLE)
        self._at = fit_poses(problem, self._at.shape, self._at.offsets)
        return self.joints

    def drag(self, joint: int, target: Floats, iterations: int = DRAG_ITERATIONS) -> Floats:
        """Move one joint.

        Args:
            joint: Which.
            target: Where to, mm, (3,).
            iterations: Iterations of the solver; few give a preview.

        Returns:
            Where all joints are then, (J, 3).
        """
        groups = self._skeleton.groups
        wanted = torch.from_numpy(self.joints)
        wanted[[k for k, group in enumerate(groups) if group == groups[joint]]] = torch.nan
        wanted[joint] = torch.from_numpy(np.asarray(target, np.float32))
        problem = self._problem(wanted, _DRAG)
        problem.pose_mean = self._at.angles[0]  # not to a usual pose, but to the one it has
        self._at = fit_frames(problem, self._at, iterations)
        return self.joints

    def _problem(self, wanted: Tensor, weights: FittingWeights) -> FittingProblem:
        """The cost of missing joints, as of a right hand."""
        labels = mirror(wanted) if self._left else wanted
        person = torch.zeros(1, dtype=torch.long)
        return FittingProblem(self._model, self._skeleton.name, labels[None].double(), person, weights)
