"""Text files of predictions compared with those of annotations, see `murauer.datasets.joint_files`."""

from pathlib import Path

from torch import Tensor

from murauer.datasets.joint_files import JointFormat, read_joint_file
from murauer.datasets.nyu import NYU_SECOND_PERSON_FROM, NYU_TEST_FRAMES
from murauer.errors import UserError
from murauer.evaluation.metrics import PoseMetrics, joint_errors, pose_metrics
from murauer.geometry.camera import CAMERAS, Camera
from murauer.geometry.skeletons import SKELETONS, find_skeleton


def evaluate_prediction_file(
    predictions: str | Path,
    ground_truth: str | Path,
    format: JointFormat = "uvd",
    camera: Camera | None = None,
    *,
    ground_truth_format: JointFormat | None = None,
    skeleton: str | None = None,
) -> PoseMetrics:
    """Compare a file of predicted joints with a file of annotated ones.

    The two persons of NYU's test set are reported apart when the files are recognised as that set (NYU's
    camera, its number of test frames and 14 joints).

    Args:
        predictions: Text file, one frame a line.
        ground_truth: Text file with the same frames and joints.
        format: How the coordinates of the predictions are meant.
        camera: The camera that took the frames; needed for "uvd".
        ground_truth_format: How those of the annotations are meant; as the predictions' by default.
        skeleton: Name of the skeleton for the names of the joints. By default the one with that many joints,
            and numbers where several have.

    Raises:
        UserError: If a file cannot be read, is empty or malformed, holds a number that is not finite, or the
            two do not have the same frames and joints.
    """
    predicted = read_joint_file(predictions, format, camera)
    truth = read_joint_file(ground_truth, ground_truth_format or format, camera, incomplete=True)
    for what, axis in (("joints a frame", 1), ("frames", 0)):
        have, want = predicted.joints.shape[axis], truth.joints.shape[axis]
        if have != want:
            raise UserError(
                f"{predictions} has {have} {what} but {ground_truth} has {want}; both must describe the same "
                f"frames and joints in the same order"
            )
    for number, (name, other) in enumerate(zip(predicted.names or (), truth.names or (), strict=False)):
        if name != other:
            raise UserError(
                f"frame {number} is {name} in {predictions} but {other} in {ground_truth}; both must "
                f"describe the same frames in the same order"
            )
    return compare_joints(predicted.joints, truth.joints, camera, skeleton=skeleton)


def compare_joints(
    predicted: Tensor, truth: Tensor, camera: Camera | None = None, *, skeleton: str | None = None
) -> PoseMetrics:
    """Compare predicted joints with annotated ones as `evaluate_prediction_file` does.

    Args:
        predicted: (N, J, 3) in mm.
        truth: Likewise.
        camera: The camera that took the frames, by which NYU's test set is recognised.
        skeleton: Name of the skeleton for the names of the joints.

    Raises:
        UserError: If the skeleton has another number of joints.
    """
    frames, joints = truth.shape[:2]
    persons = None
    if is_nyu_test_set(frames, joints, camera):
        persons = ["first" if frame < NYU_SECOND_PERSON_FROM else "second" for frame in range(frames)]
    return pose_metrics(joint_errors(predicted, truth), _joint_names(joints, skeleton), persons)


def is_nyu_test_set(frames: int, joints: int, camera: Camera | None) -> bool:
    """Recognise NYU's test set by its camera, its number of frames and the 14 evaluated joints."""
    return camera == CAMERAS["nyu"] and (frames, joints) == (NYU_TEST_FRAMES, 14)


def _joint_names(joints: int, skeleton: str | None) -> tuple[str, ...] | None:
    """Name the joints after the given skeleton or the only one of that size."""
    if skeleton is not None:
        chosen = find_skeleton(skeleton)
        if len(chosen) != joints:
            raise UserError(f"skeleton {skeleton} has {len(chosen)} joints, but the files have {joints}")
        return chosen.joints
    fitting = [candidate for candidate in SKELETONS.values() if len(candidate) == joints]
    return fitting[0].joints if len(fitting) == 1 else None
