"""From a dataset in somebody's format to a store: each image is read once and cut to the hand's window.

What a chunk leaves depends on the dataset and the settings alone, so the result is the same to the byte for
any number of workers, machines and interruptions.
"""

import csv
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from murauer.chunks import Shard
from murauer.datasets.dataset import Dataset
from murauer.errors import UserError
from murauer.files import written_whole
from murauer.prepare.importing.centres import CentreFormat, Centres, choose_centres
from murauer.prepare.importing.images import Importer, ImportSettings, Problem
from murauer.prepare.importing.label_check import probe_labels
from murauer.store.chunked_sets import ChunkedSets, discard
from murauer.store.frame_set import FrameSet, open_frame_set
from murauer.store.store import (
    DESCRIPTION_FILE,
    PROBLEMS_FILE,
    Store,
    check_place,
    open_store,
    partial_folder,
    write_description,
)

IMPORT_CHUNK = 64
"""Moments imported at a time: the unit of work, and the most that a kill costs each worker."""


def import_dataset(
    dataset: Dataset,
    source: Path,
    folder: Path,
    *,
    centres: Sequence[str] = (),
    centre_format: CentreFormat = "xyz",
    settings: ImportSettings | None = None,
    workers: int | None = None,
) -> Store:
    """Make a store of a dataset.

    Args:
        dataset: what is imported; must survive pickling.
        source: its folder, to know an interrupted import of the same by.
        folder: of the store. One that the same call made is opened and nothing done.
        centres: words that say where the hands' centres come from, see `choose_centres`.
        centre_format: of files of centres.
        settings: how; the defaults by default.
        workers: processes; all cores by default. The result does not depend on it.

    Raises:
        UserError: the folder cannot be used or holds another store, labels do not fit the images, there
            are no centres as asked for, or no image of a set can be used.
    """
    importer, sets, facts = _prepare(dataset, source, folder, centres, centre_format, settings)
    if not _is_finished(folder, facts):
        sets.fill(partial(_same, importer), "importing", workers)
        if not (sets.folder / DESCRIPTION_FILE).exists():
            _describe(importer, sets, facts)
        sets.finish(folder)
    return open_store(folder)


def import_shard(
    dataset: Dataset,
    source: Path,
    folder: Path,
    shard: Shard,
    *,
    centres: Sequence[str] = (),
    centre_format: CentreFormat = "xyz",
    settings: ImportSettings | None = None,
    workers: int | None = None,
) -> None:
    """Import a share of the chunks, for `import_dataset` with the same arguments to put together.

    Raises:
        UserError: as there, or parts of another import wait there.
    """
    importer, sets, facts = _prepare(dataset, source, folder, centres, centre_format, settings)
    if not _is_finished(folder, facts):
        sets.fill_shard(partial(_same, importer), shard, "importing", workers)


def _prepare(
    dataset: Dataset,
    source: Path,
    folder: Path,
    centres: Sequence[str],
    centre_format: CentreFormat,
    settings: ImportSettings | None,
) -> tuple[Importer, ChunkedSets, dict[str, Any]]:
    """What imports, where the sets are made, and what tells the import from another one."""
    settings = settings or ImportSettings()
    chosen = choose_centres(centres, centre_format, dataset, probe_labels(dataset))
    importer = Importer(dataset, chosen, settings)
    facts = _facts(dataset, source, chosen, settings)
    sets = ChunkedSets(
        folder=partial_folder(folder),
        sizes={name: (importer.frames(name), info.views) for name, info in dataset.sets.items()},
        region_size=settings.region_size,
        joints=len(dataset.skeleton),
        chunk=IMPORT_CHUNK,
        identity=facts | {"source": str(source.resolve()), "skeleton": dataset.skeleton.name},
    )
    return importer, sets, facts


def _is_finished(folder: Path, facts: dict[str, Any]) -> bool:
    """Whether the store is there.

    Raises:
        UserError: another one is, or something else.
    """
    if not (folder / DESCRIPTION_FILE).exists():
        check_place(folder)
        return False
    if open_store(folder).description.get("import") != facts:
        raise UserError(f"{folder} holds another store; choose another --out folder, or delete it first")
    return True


def _same(importer: Importer) -> Importer:
    """What imports, in each process."""
    return importer


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


def _describe(importer: Importer, sets: ChunkedSets, facts: dict[str, Any]) -> None:
    """Write the list of problems and, last, the description."""
    working, dataset = sets.folder, importer.dataset
    problems = [Problem(**note) for name in dataset.sets for note in sets.notes(name)]
    counts = {name: _counts(open_frame_set(working / name), dataset, name) for name in dataset.sets}
    for name in dataset.sets:
        # Everything that is trained or evaluated looks through the first camera.
        if not len(open_frame_set(working / name).usable_rows(0)):
            first = next(problem for problem in problems if (problem.set, problem.view) == (name, 0))
            discard(working)
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
