"""A recording: the frame sets of a capture session, of its synthetic counterpart, and what describes them."""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from murauer.data.frame_set import FrameSet, open_frame_set
from murauer.errors import UserError
from murauer.files import written_whole
from murauer.rig import CameraRig
from murauer.skeletons import SKELETONS, Skeleton

FORMAT_VERSION = 1
DESCRIPTION_FILE = "recording.json"


@dataclass(frozen=True)
class Recording:
    """Everything that training and evaluation read.

    Attributes:
        folder: where it lies.
        skeleton: the joints.
        rig: the synchronised cameras.
        cube_mm: side of the hand cube in mm.
        view_pair: index of the input camera and of the camera that g must predict.
        synthetic: labelled rendered frames, all cameras.
        real: frames of the sensor, the cameras of `view_pair` (or the first alone, for variants without view
            prediction). Their joints are labels only for the frames that `labelled_rows` names; nothing else
            of them may be read in training.
        twin: rendered frames that correspond one to one to `real`, first camera.
        validation, test: frames of the sensor, first camera; `test` touches no training or tuning decision.
        validation_twin: rendered frames that correspond to `validation`, to analyse the latent space.
        unseen_persons: persons of validation and test who do not appear in `real`.
        description: the file that describes the recording, as read.
    """

    folder: Path
    skeleton: Skeleton
    rig: CameraRig
    cube_mm: float
    view_pair: tuple[int, int]
    synthetic: FrameSet
    real: FrameSet
    twin: FrameSet
    validation: FrameSet
    validation_twin: FrameSet
    test: FrameSet
    unseen_persons: frozenset[int]
    description: dict[str, Any]

    def labelled_rows(self, n: int, seed: int) -> np.ndarray:
        """Choose the n real frames whose labels training may use: the first n of a seeded permutation.

        Choices are nested: a larger n contains every smaller one of the same seed.

        Args:
            n: number of labelled frames.
            seed: of the training.

        Returns:
            Their indices in `real`, ascending, shape (n,).

        Raises:
            UserError: n is not between 0 and the number of real frames.
        """
        if not 0 <= n <= len(self.real):
            raise UserError(
                f"{n} labelled frames asked for, but {self.folder} has {len(self.real)} real frames"
            )
        return np.sort(np.random.default_rng((seed, 0x1ABE1)).permutation(len(self.real))[:n])


SPLITS = ("synthetic", "real", "twin", "validation", "validation_twin", "test")


def write_description(folder: Path, description: dict[str, Any]) -> None:
    """Write the file that describes a recording, at once or not at all."""
    with written_whole(folder / DESCRIPTION_FILE) as partial:
        partial.write_text(json.dumps({"format_version": FORMAT_VERSION, **description}, indent=1))


def open_recording(folder: Path) -> Recording:
    """Open a recording.

    Raises:
        UserError: it is missing, incomplete, damaged, or of another format version.
    """
    path = folder / DESCRIPTION_FILE
    if not path.is_file():
        raise UserError(
            f"{folder} is not a recording: it has no {DESCRIPTION_FILE}; make one with 'murauer simulate'"
        )
    try:
        description = json.loads(path.read_text())
        version = description["format_version"]
        if version != FORMAT_VERSION:
            raise UserError(
                f"it has format version {version}, this program reads "
                f"{FORMAT_VERSION}; make the recording again"
            )
        return Recording(
            folder=folder,
            skeleton=SKELETONS[description["skeleton"]],
            rig=CameraRig.from_dict(description["rig"]),
            cube_mm=float(description["cube_mm"]),
            view_pair=(int(description["view_pair"][0]), int(description["view_pair"][1])),
            unseen_persons=frozenset(description["unseen_persons"]),
            description=description,
            **{split: open_frame_set(folder / split) for split in SPLITS},
        )
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    except (json.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} is damaged ({error!r}); make the recording again") from error


def prepare_folder(folder: Path) -> Path:
    """Return an empty working folder beside `folder`, to be moved there once the recording is complete.

    Raises:
        UserError: `folder` holds something that is not a recording, or the place cannot be written.
    """
    if folder.exists() and not (
        folder.is_dir() and ((folder / DESCRIPTION_FILE).exists() or not any(folder.iterdir()))
    ):
        raise UserError(f"{folder} exists and is not a recording; choose another --out folder")
    partial = folder.with_name(folder.name + ".partial")
    try:
        if partial.exists():
            shutil.rmtree(partial)
        partial.mkdir(parents=True)
    except OSError as error:
        raise UserError(
            f"cannot write to {partial}: {error.strerror}; choose another --out folder"
        ) from error
    return partial


def finish_folder(partial: Path, folder: Path) -> None:
    """Put a complete working folder in its place, over an older recording if there is one."""
    if folder.exists():
        shutil.rmtree(folder)
    os.replace(partial, folder)
