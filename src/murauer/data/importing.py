"""From a dataset in somebody's format to a recording: each image is read once and cut to the hand's window.

Work goes chunk by chunk into a folder beside the recording's place, with a journal of finished chunks; a
killed import goes on behind the last of them. What a chunk leaves depends on the dataset and the settings
alone, so the result is the same to the byte for any number of workers and interruptions.
"""

import csv
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from torch import Tensor

from murauer.chunks import work_through
from murauer.data.centres import CentreFormat, Centres, choose_centres
from murauer.data.datasets.dataset import Dataset, Frame
from murauer.data.frame_set import DEPTH_UNIT_MM, FrameSet, create_frame_set, open_frame_set
from murauer.data.recording import (
    DESCRIPTION_FILE,
    PROBLEMS_FILE,
    Recording,
    check_place,
    finish_folder,
    open_recording,
    partial_folder,
    write_description,
)
from murauer.data.reprojection import probe_labels
from murauer.data.windows import cut_window
from murauer.errors import UserError
from murauer.files import written_whole
from murauer.progress import Progress

CHUNK = 64
"""Moments imported at a time: the unit of work, and the most that a kill costs each worker."""

LEAST_HAND_MM2 = 500.0
"""Surface within the cube below which there is no hand: about a fingertip."""

Job = tuple[str, int, int]
"""A chunk: the set, its first moment and the one after its last."""

JOURNAL = "journal"
SETTINGS_FILE = "settings.json"


class ImportSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a dataset is imported.

    Attributes:
        cube_mm: side of the hand cube in mm.
        region_mm: side of the stored windows at the hand's depth in mm: the cube in any rotation, with what
            the offsets of the augmentation move it by.
        region_size: side of the stored windows in pixels: as fine as a patch of 128 pixels for the cube.
        max_frames: moments to take of each set, spread evenly; None for all.
        least_confidence: of the localiser; a less certain image counts as one without a hand.
    """

    cube_mm: float = 300.0
    region_mm: float = 450.0
    region_size: int = 192
    max_frames: int | None = None
    least_confidence: float = 0.3


@dataclass(frozen=True)
class Problem:
    """An image that cannot be used.

    Attributes:
        set: its set.
        index: its moment in the recording, from 0.
        view: its camera, from 0.
        name: where it comes from; empty if it could not be read.
        reason: what is wrong with it.
    """

    set: str
    index: int
    view: int
    name: str
    reason: str


@dataclass(frozen=True)
class Importer:
    """Imports chunks; one per worker process.

    Attributes:
        dataset: where the images come from.
        centres: of the hands.
        settings: how.
        folder: where the frame sets lie.
    """

    dataset: Dataset
    centres: Centres
    settings: ImportSettings
    folder: Path

    def frames(self, set_name: str) -> int:
        """Number of moments of the recording's set."""
        count, limit = self.dataset.sets[set_name].frames, self.settings.max_frames
        return count if limit is None else min(limit, count)

    def rows(self, set_name: str, start: int, stop: int) -> np.ndarray:
        """Index in the dataset of some moments of the recording's set."""
        return np.arange(start, stop) * self.dataset.sets[set_name].frames // self.frames(set_name)

    def chunk(self, set_name: str, start: int, stop: int) -> list[Problem]:
        """Fill some moments of a set in, on disk when this returns, and tell which images have problems."""
        frames = open_frame_set(self.folder / set_name, writable=True)
        person, problems = self.dataset.sets[set_name].person, []
        for row, index in enumerate(self.rows(set_name, start, stop).tolist(), start):
            images = [self._read(set_name, index, view) for view in range(frames.views)]
            found = self.centres.of_moment(images, set_name, index)
            for view, (image, centre) in enumerate(zip(images, found, strict=True)):
                try:
                    self._fill(frames, row, view, image, centre)
                except UserError as error:
                    name = image.name if isinstance(image, Frame) else ""
                    problems.append(Problem(set_name, row, view, name, str(error)))
            known = np.isfinite(frames.joints[row]).all(axis=(1, 2))
            seen = frames.valid[row]
            # Views without a label of their own come after the input view, in rigs that are not calibrated.
            frames.labelled[row] = seen.any() and known[seen.argmax()]
            frames.person[row] = person[index]
        frames.flush()
        return problems

    def _read(self, set_name: str, index: int, view: int) -> Frame | UserError:
        try:
            return self.dataset.frame(set_name, index, view)
        except UserError as error:
            return error

    def _fill(
        self,
        frames: FrameSet,
        row: int,
        view: int,
        image: Frame | UserError,
        found: tuple[Tensor, float] | UserError,
    ) -> None:
        """Fill an image in; a chunk that was interrupted may have been here before.

        Raises:
            UserError: it cannot be used.
        """
        frames.valid[row, view] = False
        frames.joints[row, view] = np.nan
        if isinstance(image, UserError):
            raise image
        if image.joints is not None:
            frames.joints[row, view] = image.joints.numpy()
        if isinstance(found, UserError):
            raise found
        (centre, confidence), settings = found, self.settings
        frames.centre[row, view], frames.confidence[row, view] = centre.numpy(), confidence
        window, intrinsics = cut_window(
            image.depth, image.camera.intrinsics(), centre, settings.region_size, settings.region_mm
        )
        frames.depth[row, view] = (window / DEPTH_UNIT_MM).round().clamp(0, 65535).numpy()
        frames.intrinsics[row, view] = intrinsics.numpy()
        if confidence < settings.least_confidence:
            raise UserError(f"the localiser is not sure of the hand: confidence {confidence:.2f}")
        if _surface_mm2(window, float(centre[2]), settings) < LEAST_HAND_MM2:
            raise UserError("there is no hand at its centre: hardly any depth within the cube")
        frames.valid[row, view] = True


def _surface_mm2(window: Tensor, centre_mm: float, settings: ImportSettings) -> float:
    """Area of the surface within the cube, as it appears at the centre's depth."""
    border = round(settings.region_size * (1 - settings.cube_mm / settings.region_mm) / 2)
    inner = window[border : settings.region_size - border, border : settings.region_size - border]
    inside = (inner > 0) & ((inner - centre_mm).abs() < settings.cube_mm / 2)
    return float(inside.sum()) * (settings.region_mm / settings.region_size) ** 2


def import_dataset(
    dataset: Dataset,
    source: Path,
    folder: Path,
    *,
    centres: Sequence[str] = (),
    centre_format: CentreFormat = "xyz",
    settings: ImportSettings | None = None,
    workers: int | None = None,
) -> Recording:
    """Make a recording of a dataset.

    Args:
        dataset: what is imported; must survive pickling.
        source: its folder, to know an interrupted import of the same by.
        folder: of the recording. One that the same call made is opened and nothing done.
        centres: words that say where the hands' centres come from, see `choose_centres`.
        centre_format: of files of centres.
        settings: how; the defaults by default.
        workers: processes; all cores by default. The result does not depend on it.

    Raises:
        UserError: the folder cannot be used or holds another recording, labels do not fit the images, there
            are no centres as asked for, or no image of a set can be used.
    """
    settings = settings or ImportSettings()
    chosen = choose_centres(centres, centre_format, dataset, probe_labels(dataset))
    facts = _facts(dataset, source, chosen, settings)
    if (folder / DESCRIPTION_FILE).exists():
        done = open_recording(folder)
        if done.description.get("import") == facts:
            return done
        raise UserError(f"{folder} holds another recording; choose another --out folder, or delete it first")
    check_place(folder)
    working = partial_folder(folder)
    importer = Importer(dataset, chosen, settings, working)
    if not (working / DESCRIPTION_FILE).exists():
        _start_or_resume(importer, facts | {"source": str(source.resolve())})
        _run_chunks(importer, workers)
        _describe(importer, facts)
    shutil.rmtree(working / JOURNAL, ignore_errors=True)
    finish_folder(working, folder)
    return open_recording(folder)


def _facts(dataset: Dataset, source: Path, centres: Centres, settings: ImportSettings) -> dict[str, Any]:
    """What the result depends on, but where the dataset lies."""
    return {
        "dataset": dataset.name,
        "folder": source.resolve().name,
        "sets": {name: [info.frames, info.views] for name, info in dataset.sets.items()},
        "centres": dict(centres.kinds),
        "settings": msgspec.to_builtins(settings),
        "centre_files": {
            f"{name}:{view + 1}": [file.path.name, file.digest]
            for (name, view), file in centres.files.items()
        },
    }


def _start_or_resume(importer: Importer, identity: dict[str, Any]) -> None:
    """Make the empty frame sets, unless an interrupted import of the same left them."""
    working, dataset = importer.folder, importer.dataset
    identity = identity | {"skeleton": dataset.skeleton.name}
    path = working / JOURNAL / SETTINGS_FILE
    if path.exists() and json.loads(path.read_text()) == identity:
        return
    if working.exists():
        shutil.rmtree(working)
    for name, info in dataset.sets.items():
        frames, joints = importer.frames(name), len(dataset.skeleton)
        create_frame_set(working / name, frames, info.views, importer.settings.region_size, joints)
    with written_whole(path) as file:
        file.write_text(json.dumps(identity))


def _run_chunks(importer: Importer, workers: int | None) -> None:
    """Import all chunks that the journal does not have."""
    sizes = {name: importer.frames(name) for name in importer.dataset.sets}
    views = {name: info.views for name, info in importer.dataset.sets.items()}
    jobs = [
        (name, start, min(start + CHUNK, size))
        for name, size in sizes.items()
        for start in range(0, size, CHUNK)
    ]
    left = [job for job in jobs if not _journal_file(importer.folder, job).exists()]
    images, waiting = (
        sum((stop - start) * views[name] for name, start, stop in some) for some in (jobs, left)
    )
    with Progress("importing", images, start=images - waiting, unit="image") as progress:
        work_through(partial(_Work, importer), left, progress, workers)


def _journal_file(folder: Path, job: Job) -> Path:
    return folder / JOURNAL / f"{job[0]}-{job[1]:08d}.json"


@dataclass(frozen=True)
class _Work:
    """Imports a chunk and notes it in the journal; returns the number of images."""

    importer: Importer

    def __call__(self, job: Job) -> int:
        name, start, stop = job
        problems = self.importer.chunk(name, start, stop)
        with written_whole(_journal_file(self.importer.folder, job)) as file:
            file.write_bytes(msgspec.json.encode(problems))
        return (stop - start) * self.importer.dataset.sets[name].views


def _describe(importer: Importer, facts: dict[str, Any]) -> None:
    """Write the list of problems and, last, the description."""
    working, dataset = importer.folder, importer.dataset
    problems = [
        problem
        for name in dataset.sets
        for file in sorted((working / JOURNAL).glob(f"{name}-*.json"))
        for problem in msgspec.json.decode(file.read_bytes(), type=list[Problem])
    ]
    counts = {name: _counts(open_frame_set(working / name), dataset, name) for name in dataset.sets}
    for name in dataset.sets:
        # Everything that is trained or evaluated looks through the first camera.
        if not len(open_frame_set(working / name).usable_rows(0)):
            first = next(problem for problem in problems if (problem.set, problem.view) == (name, 0))
            shutil.rmtree(working)
            where = f"{first.name}: " if first.name else ""
            raise UserError(f"none of the {name} frames can be used; the first: {where}{first.reason}")
    _write_problems(working / PROBLEMS_FILE, problems)
    pair, kinds = dataset.view_pair, dict(importer.centres.kinds)
    write_description(
        working,
        {
            "dataset": dataset.name,
            "skeleton": dataset.skeleton.name,
            "rig": None if dataset.rig is None else dataset.rig.to_dict(),
            "cube_mm": importer.settings.cube_mm,
            "view_pair": None if pair is None else list(pair),
            "unseen_persons": sorted(dataset.unseen_persons),
            "sets": [*dataset.sets, *dataset.aliases],
            "aliases": dict(dataset.aliases),
            "centres": kinds | {alias: kinds[target] for alias, target in dataset.aliases.items()},
            "counts": counts,
            "import": facts,
        },
    )


def _counts(frames: FrameSet, dataset: Dataset, name: str) -> dict[str, int]:
    return {
        "frames": len(frames),
        "of": dataset.sets[name].frames,
        "views": frames.views,
        "usable_images": int(frames.valid.sum()),
        "labelled_frames": int(frames.labelled.sum()),
    }


def _write_problems(path: Path, problems: Sequence[Problem]) -> None:
    with written_whole(path) as partial, open(partial, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Problem.__annotations__)
        writer.writerows((p.set, p.index, p.view, p.name, p.reason) for p in problems)
