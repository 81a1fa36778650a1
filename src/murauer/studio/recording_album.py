"""Recordings of one's own: whole frames of all cameras; labels go to their keypoint file."""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import numpy as np

from murauer.data.datasets.own import OwnRecording
from murauer.data.keypoint_file import Keypoints, read_keypoint_file, write_keypoint_file
from murauer.data.recording_folder import LABEL_FILE
from murauer.distortion import project
from murauer.errors import UserError
from murauer.names import natural_key
from murauer.skeletons import find_skeleton
from murauer.studio.album import Floats, Moment, View


class RecordingAlbum:
    """See `Album`. The key of a moment is the name of its frames.

    Args:
        folder: of the recording.
        skeleton: of labels to come; that of the labels it has, or `nyu14`, by default.

    Raises:
        UserError: it is damaged, or has labels of another skeleton.
    """

    def __init__(self, folder: Path, skeleton: str | None = None) -> None:
        self.folder = folder
        self._recording = OwnRecording(folder)
        self.skeleton = self._recording.skeleton if skeleton is None else find_skeleton(skeleton)
        if (folder / LABEL_FILE).is_file() and self.skeleton != self._recording.skeleton:
            raise UserError(
                f"{folder / LABEL_FILE} has labels of {self._recording.skeleton.name}, not of {skeleton}; "
                "leave --skeleton away"
            )
        self.sets: Mapping[str, int] = {
            name: info.frames for name, info in self._recording.sets.items() if info.real
        }
        self.to_label = tuple(self.sets)
        self._without_hand = frozenset(self._recording.frames_without_hand())

    def key(self, set_name: str, index: int) -> str:
        """See `Album`."""
        return self._recording.names[set_name][index]

    def moment(self, set_name: str, index: int) -> Moment:
        """See `Album`."""
        key = self.key(set_name, index)
        views: list[View] = []
        problem = None
        for view in range(len(self._recording.cameras)):
            try:
                views.append(self._view(set_name, index, view))
            except UserError as error:
                problem = str(error) if view == 0 else problem
        person = int(self._recording.sets[set_name].person[index])
        shows_hand = (set_name, index, 0) not in self._without_hand
        return Moment(key, person, tuple(views), self._twin(set_name, index), problem, shows_hand)

    def write_labels(self, labels: Mapping[str, Floats | None]) -> str:
        """See `Album`: new labels replace all that the keypoint file has of their moments."""
        known = {name for names in self._recording.names.values() for name in names}
        if lost := sorted(set(labels) - known):
            raise UserError(f"{self.folder} has no frame {lost[0]} to label; it is not the recording it was")
        path, first = self.folder / LABEL_FILE, self._recording.cameras[0]
        kept = [
            label
            for label in (read_keypoint_file(path)[1] if path.is_file() else [])
            if PurePosixPath(label.image).stem not in labels
        ]
        new = []
        for key, joints in labels.items():
            if joints is None:
                continue
            if not len(joints):
                new += [self._without(key, view) for view in range(len(self._recording.cameras))]
                continue
            uv = project(joints, first.camera, first.distortion)[:, :2]
            image = self._recording.path(key, 0).relative_to(self.folder).as_posix()
            new.append(Keypoints(image, uv, joints, first.camera.width, first.camera.height))
        every = sorted([*kept, *new], key=lambda label: natural_key(PurePosixPath(label.image).stem))
        write_keypoint_file(path, self.skeleton, every)
        return f"to train with them: murauer import recording {self.folder} --out STORE"

    def _without(self, key: str, view: int) -> Keypoints:
        """The label that a camera's image of a moment shows no hand."""
        camera = self._recording.cameras[view]
        image = self._recording.path(key, view).relative_to(self.folder).as_posix()
        return Keypoints.of_no_hand(image, camera.camera.width, camera.camera.height)

    def _view(self, set_name: str, index: int, view: int) -> View:
        frame, rig = self._recording.frame(set_name, index, view), self._recording.rig
        motion = None if rig is None else rig.target_from_source(0, view).numpy()
        return View(
            name=self._recording.cameras[view].name,
            depth=frame.depth.numpy(),
            camera=frame.camera,
            from_first=np.eye(4) if view == 0 else motion,
            joints=None if frame.joints is None else frame.joints.numpy(),
        )

    def _twin(self, set_name: str, index: int) -> View | None:
        twins = {"real": "twin", "validation": "validation_twin"}.get(set_name, "")
        if twins not in self._recording.sets:
            return None
        try:
            frame = self._recording.frame(twins, index, 0)
        except UserError:
            return None  # not every frame has one
        joints = None if frame.joints is None else frame.joints.numpy()
        return View("twin", frame.depth.numpy(), frame.camera, np.eye(4), joints)
