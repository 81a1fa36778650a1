"""The fit as a whole: which hand it is, where to begin, what is shared, and every frame's pose."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from murauer.errors import UserError
from murauer.hand.fitting.problem import FittingProblem, FittingWeights, Unknowns, joined
from murauer.hand.fitting.solver import fit_frames, fit_jointly
from murauer.hand.fitting.starts import first_shapes, relative_sizes, starts
from murauer.hand.joint_offsets import JointOffsets
from murauer.hand.joints import JOINT_SETS
from murauer.hand.model import HandModel, mirror, place
from murauer.progress import Progress

FEWEST_JOINTS = 6
"""Frames with fewer labelled joints are not fitted: their pose would be the prior's."""
SHARED_FRAMES = 300
"""Frames from which shapes and offsets are learned; the poses of the others follow."""
SIDE_FRAMES = 60
"""Frames by which right and left hands are told apart, of each person an equal share, but at least 6."""

SIZE_RANGE = 2.0
"""Hands are not more than this factor smaller or larger than the mean adult's."""
OUTLIER = 3.0
"""Nothing is learned about people from frames whose error is this many times the median."""

_STARTS = 3
_FRAME_ITERATIONS = 12
_JOINT_ITERATIONS = (8, 30, 15)  # without offsets, with them, after new starts
FITTING_CHUNK = 250


@dataclass(frozen=True)
class HandFit:
    """Hands fitted to labelled joints.

    Attributes:
        angles: (F, D) radians; NaN where a frame was not fitted, like everything that is its own.
        rotation: (F, 3, 3) camera from hand.
        translation: (F, 3) mm.
        left: (F,) whether it is a left hand: the canonical hand is mirrored before it is placed.
        person: (F,) row of `shape`.
        shape: (P, S) of each person.
        offsets: Where the labels lie, relative to the model's joints.
        error_mm: (F,) mean distance of the fitted joints, offsets included, to the labels.
    """

    angles: Tensor
    rotation: Tensor
    translation: Tensor
    left: Tensor
    person: Tensor
    shape: Tensor
    offsets: JointOffsets
    error_mm: Tensor

    def pose(self, model: HandModel, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Pose some of the hands.

        Args:
            model: Float32.
            rows: Indices of fitted frames, (B,).

        Returns:
            Vertices (B, V, 3) and joints in the convention of the labels (B, J, 3), camera coordinates, mm.
        """
        hand = model(self.angles[rows], self.shape[self.person[rows]])
        left = self.left[rows, None, None]
        rotation, translation = self.rotation[rows], self.translation[rows]
        vertices, joints = (
            place(torch.where(left, mirror(points), points), rotation, translation)
            for points in (hand.vertices, self.offsets.apply(hand))
        )
        return vertices, joints + self.offsets.camera_mm


def fit_hands(
    labels: Tensor,
    skeleton: str,
    *,
    person: Tensor | None = None,
    left: Tensor | None = None,
    learn_offsets: bool = True,
) -> HandFit:
    """Fit the hand model to the labelled joints of many frames.

    Deterministic. Shapes and offsets come from at most `SHARED_FRAMES` frames, evenly spread.

    Args:
        labels: (F, J, 3) mm, camera coordinates; NaN where a joint is not labelled.
        skeleton: Skeleton of the labels, one whose joints the hand model has.
        person: (F,) who is seen, any numbers; one person by default.
        left: (F,) bool, which are left hands; by default told apart for each person by the better fit.
        learn_offsets: Whether the labels' offsets from the model's joints are learned.

    Returns:
        The fit, float32. Frames with fewer than `FEWEST_JOINTS` labelled joints are NaN.

    Raises:
        UserError: The hand model lacks the skeleton, no frame has enough labelled joints, or the labels are
            much smaller or larger than a hand in mm.
        ValueError: The shapes of the arguments disagree.
    """
    if skeleton not in JOINT_SETS:
        raise UserError(
            f"the hand model has no joints for the skeleton {skeleton!r}, so it cannot be fitted to them; "
            f"it has {', '.join(JOINT_SETS)}"
        )
    n_joints = len(JOINT_SETS[skeleton])
    if labels.ndim != 3 or labels.shape[1:] != (n_joints, 3):
        raise ValueError(f"expected labels (F, {n_joints}, 3) of {skeleton}, got {tuple(labels.shape)}")
    person = torch.zeros(len(labels)) if person is None else person
    if person.shape != labels.shape[:1]:
        raise ValueError(f"expected one person per frame, got {tuple(person.shape)} for {len(labels)} frames")
    usable = (labels.isfinite().all(-1).sum(1) >= FEWEST_JOINTS).nonzero()[:, 0]
    if not len(usable):
        raise UserError(
            f"none of {len(labels)} frames has {FEWEST_JOINTS} labelled joints, which a fit of the hand needs"
        )
    person = torch.unique(person, return_inverse=True)[1]
    model = HandModel().double()
    problem = FittingProblem(model, skeleton, labels[usable].double(), person[usable], FittingWeights())
    persons = int(person.max()) + 1
    _check_size(problem, persons)
    if left is None:
        costs = _costs_of_hands(problem, persons)
        left = (costs[:, 1] < costs[:, 0])[person]
    problem = _mirrored(problem, left[usable])
    unknowns = _fit(problem, persons, learn_offsets)
    return _result(problem, unknowns, left, usable, person)


def costs_of_hands(labels: Tensor, skeleton: str, person: Tensor) -> Tensor:
    """What it costs to explain the labels of persons as those of right hands, and of left ones.

    Args:
        labels: (F, J, 3) mm, camera coordinates; each frame with `FEWEST_JOINTS` labelled joints.
        skeleton: Skeleton of the labels, one whose joints the hand model has.
        person: (F,) who is seen, from 0.

    Returns:
        (P, 2) float64: of some frames of each person, as right hands and as left ones.
    """
    problem = FittingProblem(HandModel().double(), skeleton, labels.double(), person, FittingWeights())
    return _costs_of_hands(problem, int(person.max()) + 1)


def _fit(problem: FittingProblem, persons: int, learn_offsets: bool) -> Unknowns:
    """Shared unknowns from some frames, then the pose of every frame."""
    chosen = _spread_out(problem.person, SHARED_FRAMES)
    few = problem.of_frames(chosen)
    without, with_offsets, last = _JOINT_ITERATIONS
    total = sum(_JOINT_ITERATIONS)
    with Progress("fitting people", total, unit="step") as progress:
        offsets = torch.zeros_like(problem.labels[0])
        found = fit_poses(few, first_shapes(few, persons), offsets)
        found = fit_jointly(few, found, without, offsets=False, after_step=progress.advance)
        # Labels of no hand would move everybody's joints: they are fitted, but nothing is learned from them.
        trusted = _explained(few, found)
        chosen, few, found = chosen[trusted], few.of_frames(trusted), found.of_frames(trusted)
        found = fit_jointly(few, found, with_offsets, offsets=learn_offsets, after_step=progress.advance)
        again = fit_poses(few, found.shape, found.offsets)
        found = found.with_frames(again, few.frame_cost(again) < few.frame_cost(found))
        found = fit_jointly(few, found, last, offsets=learn_offsets, after_step=progress.advance)
    poses = []
    with Progress("fitting poses", len(problem.person), unit="frame") as progress:
        for rows in torch.arange(len(problem.person)).split(FITTING_CHUNK):
            poses.append(fit_poses(problem.of_frames(rows), found.shape, found.offsets))
            progress.advance(len(rows))
    everything = joined(poses)
    # The frames of the joint fit have been followed longer: keep what is better there.
    followed = replace(
        everything,
        angles=everything.angles.index_copy(0, chosen, found.angles),
        rotation=everything.rotation.index_copy(0, chosen, found.rotation),
        translation=everything.translation.index_copy(0, chosen, found.translation),
    )
    return everything.with_frames(followed, problem.frame_cost(followed) < problem.frame_cost(everything))


def _check_size(problem: FittingProblem, persons: int) -> None:
    """Refuse labels that are not in millimetres, before offsets explain them away."""
    size = float(relative_sizes(problem, persons).nanmedian())
    if not 1 / SIZE_RANGE < size < SIZE_RANGE:
        raise UserError(
            f"the labelled hands are {size:.3g} times as large as an adult's: labels must be "
            f"{problem.skeleton} joints in mm, in camera coordinates"
        )


def _explained(problem: FittingProblem, unknowns: Unknowns) -> Tensor:
    """Indices of the frames whose labels are explained about as well as those of the others."""
    error = problem.distances(unknowns).nanmean(1)
    return (error <= OUTLIER * error.median()).nonzero()[:, 0]


def fit_poses(problem: FittingProblem, shape: Tensor, offsets: Tensor) -> Unknowns:
    """Poses with given shapes and offsets: the best of several starts for each frame."""
    best, *others = (
        fit_frames(problem, start, _FRAME_ITERATIONS) for start in starts(problem, shape, offsets, _STARTS)
    )
    for other in others:
        best = best.with_frames(other, problem.frame_cost(other) < problem.frame_cost(best))
    return best


def _costs_of_hands(problem: FittingProblem, persons: int) -> Tensor:
    """See `costs_of_hands`; infinite for right and left of a person without a frame."""
    costs = torch.full((persons, 2), torch.inf, dtype=torch.float64)
    for person in range(persons):
        rows = (problem.person == person).nonzero()[:, 0]
        if not len(rows):
            continue
        some = problem.of_frames(rows[_spread_out(torch.zeros(len(rows)), max(6, SIDE_FRAMES // persons))])
        for hand, left in enumerate((False, True)):
            tried = _mirrored(some, torch.full_like(some.person, left, dtype=torch.bool))
            fitted = fit_poses(tried, first_shapes(tried, persons), torch.zeros_like(tried.labels[0]))
            costs[person, hand] = tried.frame_cost(fitted).sum()
    return costs


def _mirrored(problem: FittingProblem, left: Tensor) -> FittingProblem:
    """The same problem with left hands made right ones: mirrored in the camera's x axis."""
    labels = torch.where(problem.labelled[..., None], problem.labels, torch.nan)
    labels = torch.where(left[:, None, None], mirror(labels), labels)
    return FittingProblem(problem.model, problem.skeleton, labels, problem.person, problem.weights)


def _spread_out(person: Tensor, number: int) -> Tensor:
    """Indices of at most `number` frames, evenly spread, as many of each person."""
    chosen = []
    persons = person.unique()
    for one in persons:
        rows = (person == one).nonzero()[:, 0]
        share = max(1, number // len(persons))
        chosen.append(rows[torch.linspace(0, len(rows) - 1, min(share, len(rows))).round().long()])
    return torch.cat(chosen).sort().values


def _result(
    problem: FittingProblem, unknowns: Unknowns, left: Tensor, usable: Tensor, person: Tensor
) -> HandFit:
    """Put the fitted frames in their places among all, and left hands back into the camera's world."""
    n = len(person)
    left_frame = left[usable]
    # Mirrored twice, a rotation is a rotation: the camera's x axis and the hand's.
    flip = torch.diag(torch.tensor([-1.0, 1.0, 1.0], dtype=torch.float64))
    rotation = torch.where(left_frame[:, None, None], flip @ unknowns.rotation @ flip, unknowns.rotation)
    translation = torch.where(left_frame[:, None], mirror(unknowns.translation), unknowns.translation)
    error = problem.distances(unknowns).nanmean(1)

    def everywhere(values: Tensor) -> Tensor:
        full = torch.full((n, *values.shape[1:]), torch.nan)
        full[usable] = values.float()
        return full

    return HandFit(
        angles=everywhere(unknowns.angles),
        rotation=everywhere(rotation),
        translation=everywhere(translation),
        left=left,
        person=person,
        shape=unknowns.shape.float(),
        offsets=JointOffsets(problem.skeleton, unknowns.offsets.float()),
        error_mm=everywhere(error),
    )
