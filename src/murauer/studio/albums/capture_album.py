"""Captures: whole frames of all cameras; labels go to their keypoint file."""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import cast

import numpy as np

from murauer.capture.folder_names import LABEL_FILE
from murauer.capture.keypoint_file import Keypoints, read_keypoint_file, write_keypoint_file
from murauer.datasets.captured import CaptureDataset
from murauer.errors import UserError
from murauer.geometry.distortion import project
from murauer.geometry.skeletons import find_skeleton
from murauer.hand.handedness import GivenHandedness
from murauer.names import natural_key
from murauer.store.manifest import PAIRS, VALIDATION_PAIRS
from murauer.studio.albums.album import AlbumFrame, AlbumView, Floats


class CaptureAlbum:
    """See `Album`. The key of a frame is the name of its images.

    Args:
        folder: Folder of the capture.
        skeleton: Skeleton of labels to come; that of the labels it has, or `hand21`, by default.

    Raises:
        UserError: It is damaged, or has labels of another skeleton.
    """

    def __init__(self, folder: Path, skeleton: str | None = None) -> None:
        self.folder = folder
        self._capture = CaptureDataset(folder)
        self.skeleton = self._capture.skeleton if skeleton is None else find_skeleton(skeleton)
        if (folder / LABEL_FILE).is_file() and self.skeleton != self._capture.skeleton:
            raise UserError(
                f"{folder / LABEL_FILE} has labels of {self._capture.skeleton.name}, not of {skeleton}; "
                "leave --skeleton away"
            )
        self.sets: Mapping[str, int] = {
            name: info.frames for name, info in self._capture.sets.items() if info.real
        }
        self.to_label = tuple(self.sets)
        self._without_hand = frozenset(self._capture.frames_without_hand())

    def key(self, set_name: str, index: int) -> str:
        """See `Album`."""
        return self._capture.names[set_name][index]

    def frame(self, set_name: str, index: int) -> AlbumFrame:
        """See `Album`."""
        key = self.key(set_name, index)
        views: list[AlbumView] = []
        problem = None
        for view in range(len(self._capture.cameras)):
            try:
                views.append(self._view(set_name, index, view))
            except UserError as error:
                problem = str(error) if view == 0 else problem
        return AlbumFrame(
            key,
            int(self._capture.sets[set_name].person[index]),
            tuple(views),
            self._pair(set_name, index),
            problem,
            shows_hand=(set_name, index, 0) not in self._without_hand,
            handedness=cast(GivenHandedness, str(self._capture.sets[set_name].handedness[index])),
        )

    def write_labels(self, labels: Mapping[str, Floats | None]) -> str:
        """See `Album`: new labels replace all that the keypoint file has of their frames."""
        known = {name for names in self._capture.names.values() for name in names}
        if lost := sorted(set(labels) - known):
            raise UserError(f"{self.folder} has no frame {lost[0]} to label; it is not the capture it was")
        path, first = self.folder / LABEL_FILE, self._capture.cameras[0]
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
                new += [self._without(key, view) for view in range(len(self._capture.cameras))]
                continue
            uv = project(joints, first.camera, first.distortion)[:, :2]
            image = self._capture.path(key, 0).relative_to(self.folder).as_posix()
            new.append(Keypoints(image, uv, joints, first.camera.width, first.camera.height))
        every = sorted([*kept, *new], key=lambda label: natural_key(PurePosixPath(label.image).stem))
        write_keypoint_file(path, self.skeleton, every)
        return f"to train with them: murauer import recording {self.folder} --out STORE"

    def _without(self, key: str, view: int) -> Keypoints:
        """The label that a camera's image of a frame shows no hand."""
        camera = self._capture.cameras[view]
        image = self._capture.path(key, view).relative_to(self.folder).as_posix()
        return Keypoints.of_no_hand(image, camera.camera.width, camera.camera.height)

    def _view(self, set_name: str, index: int, view: int) -> AlbumView:
        frame, rig = self._capture.view(set_name, index, view), self._capture.rig
        motion = None if rig is None else rig.target_from_source(0, view).numpy()
        return AlbumView(
            name=self._capture.cameras[view].name,
            depth=frame.depth.numpy(),
            camera=frame.camera,
            from_first=np.eye(4) if view == 0 else motion,
            joints=None if frame.joints is None else frame.joints.numpy(),
        )

    def _pair(self, set_name: str, index: int) -> AlbumView | None:
        pairs = {"real": PAIRS, "validation": VALIDATION_PAIRS}.get(set_name, "")
        if pairs not in self._capture.sets:
            return None
        try:
            frame = self._capture.view(pairs, index, 0)
        except UserError:
            return None  # not every frame has one
        joints = None if frame.joints is None else frame.joints.numpy()
        return AlbumView("pair", frame.depth.numpy(), frame.camera, np.eye(4), joints)
