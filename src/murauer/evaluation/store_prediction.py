"""Joints of all frames of a store's set: any number of them, by several processes or machines.

Each chunk of frames leaves a file of its own beside the result, which appears complete or not at all. So a
killed prediction goes on behind its finished chunks, and machines that share a disk can each do a shard. What
puts the chunks together, once all are there, holds one of them in memory at a time.
"""

import shutil
from functools import partial
from pathlib import Path

import numpy as np

from murauer.chunks import WHOLE, Shard, work_through
from murauer.errors import UserError
from murauer.files import file_digest, written_whole
from murauer.foreign.arrays import load_array
from murauer.geometry.skeletons import convert
from murauer.inference.frames import predict_frames
from murauer.nets.model_file import load_model, model_path
from murauer.progress import Progress
from murauer.store.frame_set import create_array
from murauer.store.store import Store, open_store
from murauer.training.device import open_device, workers_for

PREDICTION_CHUNK = 4096
"""Frames predicted at a time: the unit of work, and the most that a kill costs each process."""

IDENTITY_FILE = "prediction.txt"


class ChunkPrediction:
    """Predicts chunks of a set; one per process.

    Args:
        model: file or run folder.
        folder: folder of the store.
        split: name of the set.
        chunks: folder for the results.
        device: where the network computes.
    """

    def __init__(
        self, model: str | Path, folder: Path, split: str, chunks: Path, device: str = "cpu"
    ) -> None:
        self.network, config = load_model(model, open_device(device))
        self.skeleton = config.skeleton
        self.store = open_store(folder)
        self.frames = self.store.require(split)
        self.real = "synthetic" not in split and "twin" not in split
        self.chunks = chunks

    def __call__(self, start: int) -> int:
        """Predict a chunk that begins at `start`, on disk when this returns; NaN for unusable frames."""
        stop = min(start + PREDICTION_CHUNK, len(self.frames))
        joints = np.full((stop - start, len(self.store.skeleton), 3), np.nan, np.float32)
        rows = start + np.flatnonzero(self.frames.valid[start:stop, 0])
        if len(rows):
            cube_mm = self.store.cube_mm
            predicted = predict_frames(self.network, self.frames, cube_mm, self.real, rows)
            joints[rows - start] = convert(predicted, self.skeleton, self.store.skeleton.name)
        with written_whole(_chunk_file(self.chunks, start)) as file:
            np.save(file, joints)
        return stop - start


def predict_store(
    store: Store,
    split: str,
    model: str | Path,
    out: Path,
    *,
    shard: Shard = WHOLE,
    workers: int | None = None,
    device: str = "cpu",
) -> bool:
    """Predict the joints that the first camera sees, around the recorded centres.

    Args:
        store: the data.
        split: name of a set.
        model: "default", a file or a run folder.
        out: .npy file for the joints in mm, camera coordinates, float32 (N, J, 3); NaN for frames whose
            image cannot be used.
        shard: which share of the chunks to predict; with one of several, `out` is left to the call for all.
        workers: processes; all cores by default, and one for a GPU. The result does not depend on it.
        device: where the network computes.

    Returns:
        Whether `out` has been written.

    Raises:
        UserError: the model cannot be loaded or predicts other joints, the store has no such set, or
            the place holds the chunks of another prediction.
    """
    if out.suffix != ".npy":
        raise UserError(f"joints of a set are written as .npy, not as {out}; choose such a name")
    open_device(device)
    _, config = load_model(model)
    convert(np.zeros((config.sizes.joints, 3)), config.skeleton, store.skeleton.name)  # or say why not
    frames = len(store.require(split))
    chunks = out.with_name(out.name + ".chunks")
    _claim(chunks, f"{file_digest(model_path(model))} {store.folder.resolve().name} {split} {frames}\n")
    starts = range(0, frames, PREDICTION_CHUNK)
    left = [start for start in shard.of(starts) if not _chunk_file(chunks, start).exists()]
    total = sum(min(PREDICTION_CHUNK, frames - start) for start in shard.of(starts))
    done = total - sum(min(PREDICTION_CHUNK, frames - start) for start in left)
    with Progress("predicting", total, done, unit="frame") as progress:
        make = partial(ChunkPrediction, model, store.folder, split, chunks, device)
        work_through(make, left, progress, workers or workers_for(device))
    if shard.count > 1:
        return False
    with written_whole(out) as file:
        joints = create_array(file, "float32", (frames, len(store.skeleton), 3))
        for start in starts:
            joints[start : start + PREDICTION_CHUNK] = load_array(_chunk_file(chunks, start))
        joints.flush()
    shutil.rmtree(chunks, ignore_errors=True)
    return True


def _chunk_file(chunks: Path, start: int) -> Path:
    return chunks / f"{start:012d}.npy"


def _claim(chunks: Path, identity: str) -> None:
    """Begin, or go on with what is there.

    Raises:
        UserError: it is of another model or set.
    """
    path = chunks / IDENTITY_FILE
    if not path.exists():
        with written_whole(path) as file:
            file.write_text(identity)
    elif path.read_text(errors="replace") != identity:
        raise UserError(
            f"{chunks} holds a part of another prediction (other model, store or set); delete it or "
            "choose another --out file"
        )
