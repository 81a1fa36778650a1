"""Stores: windows around the hand; labels go to the arrays that training reads."""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from msgspec.structs import replace

from murauer.errors import UserError
from murauer.files import written_whole
from murauer.geometry.camera import Camera
from murauer.store.frame_set import FrameSet
from murauer.store.integrity import file_checksum
from murauer.store.manifest import PAIRS, VALIDATION_PAIRS, write_manifest
from murauer.store.store import open_store
from murauer.studio.albums.album import AlbumFrame, AlbumView, Floats, moved

PAIRS_OF = {"real": PAIRS, "validation": VALIDATION_PAIRS}
LABEL_ARRAYS = ("joints", "labelled", "valid")
RENDERED = ("synthetic", PAIRS, VALIDATION_PAIRS)


class StoreAlbum:
    """See `Album`. The key of a frame is its set and its index, such as `real/12`.

    Args:
        folder: Folder of the store.

    Raises:
        UserError: It is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._store = open_store(folder)
        self.skeleton = self._store.skeleton
        self.sets: Mapping[str, int] = {
            name: len(frames) for name, frames in self._store.sets.items() if name not in PAIRS_OF.values()
        }
        self.to_label = tuple(name for name in self.sets if name not in RENDERED)

    def key(self, set_name: str, index: int) -> str:
        """See `Album`."""
        return f"{set_name}/{index}"

    def frame(self, set_name: str, index: int) -> AlbumFrame:
        """See `Album`."""
        frames, key = self._store.require(set_name), self.key(set_name, index)
        seen = np.flatnonzero(frames.valid[index]).tolist()
        views = tuple(self._view(frames, index, view) for view in seen)
        problem = None
        if 0 not in seen:
            problem = f"the image of the first camera cannot be used: see problems.csv of {self.folder}"
        return AlbumFrame(
            key,
            int(frames.person[index]),
            views,
            self._pair(set_name, index),
            problem,
            handedness="left" if frames.left[index] else "right",
        )

    def write_labels(self, labels: Mapping[str, Floats | None]) -> str:
        """See `Album`: arrays and manifest are each replaced as a whole."""
        by_set: dict[str, dict[int, Floats | None]] = defaultdict(dict)
        for key, joints in labels.items():
            set_name, _, index = key.partition("/")
            if set_name not in self.to_label or not index.isdecimal() or int(index) >= self.sets[set_name]:
                raise UserError(f"{self.folder} has no frame {key} to label; it is not the store it was")
            by_set[set_name][int(index)] = joints
        manifest = self._store.manifest
        files = [f"{set_name}/{name}.npy" for set_name in by_set for name in LABEL_ARRAYS]
        # A kill leaves a store that can be read and labelled again: what changes has no checksum meanwhile.
        others = {file: digest for file, digest in manifest.checksums.items() if file not in files}
        write_manifest(self.folder, replace(manifest, checksums=others))
        for set_name, rows in by_set.items():
            self._write_set(set_name, rows)
        if manifest.checksums:
            others |= {file: file_checksum(self.folder / file) for file in files}
        write_manifest(self.folder, replace(manifest, checksums=others))
        self._store = open_store(self.folder)
        folder = self.folder
        return (
            f"train with them: murauer train --data {folder} --out RUN, after murauer render pairs {folder}"
        )

    def _write_set(self, set_name: str, rows: Mapping[int, Floats | None]) -> None:
        """Write joints, of every camera whose pose is known, and which frames have labels.

        A frame without a hand is of no use any more, to training or to evaluation.
        """
        frames = self._store.require(set_name)
        joints, labelled = np.array(frames.joints), np.array(frames.labelled)
        valid = np.array(frames.valid)
        for row, label in rows.items():
            if label is not None and not len(label):
                label, valid[row] = None, False
            joints[row], labelled[row] = np.nan, label is not None
            for view in range(frames.views if label is not None else 0):
                motion = self._from_first(view)
                if motion is not None and label is not None:
                    joints[row, view] = moved(label, motion)
        for name, array in zip(LABEL_ARRAYS, (joints, labelled, valid), strict=True):
            with written_whole(self.folder / set_name / f"{name}.npy") as partial:
                np.save(partial, array)

    def _view(self, frames: FrameSet, index: int, view: int) -> AlbumView:
        region = frames.windows(np.array([index]), view)
        side = region.depth.shape[-1]
        joints = region.joints[0].numpy()
        fx, fy, u0, v0 = region.intrinsics[0].tolist()
        return AlbumView(
            name=f"camera {view + 1}",
            depth=region.depth[0].numpy(),
            camera=Camera(fx, fy, u0, v0, side, side, is_crop=True),
            from_first=self._from_first(view),
            joints=joints if frames.labelled[index] and np.isfinite(joints).any() else None,
            centre=region.centre[0].numpy(),
        )

    def _pair(self, set_name: str, index: int) -> AlbumView | None:
        pairs = self._store.sets.get(PAIRS_OF.get(set_name, ""))
        return None if pairs is None or not pairs.valid[index, 0] else self._view(pairs, index, 0)

    def _from_first(self, view: int) -> np.ndarray | None:
        if view == 0:
            return np.eye(4)
        return None if self._store.rig is None else self._store.rig.target_from_source(0, view).numpy()
