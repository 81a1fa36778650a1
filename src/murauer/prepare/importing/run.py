"""From a dataset in somebody's format to a store: each image is read once and cut to the hand's window.

What a chunk leaves depends on the dataset and the settings alone, so the result is the same to the byte for
any number of workers, machines and interruptions.
"""

import csv
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import msgspec

from murauer.chunks import Shard
from murauer.datasets.dataset import Dataset
from murauer.errors import UserError
from murauer.files import as_utf8, written_whole
from murauer.hand.handedness import GivenHandedness
from murauer.locks import locked
from murauer.prepare.importing.centres import CentreFormat, Centres, choose_centres
from murauer.prepare.importing.handedness import given_hands, shown_hands
from murauer.prepare.importing.images import Importer, Problem
from murauer.prepare.importing.label_check import probe_labels
from murauer.store.chunked_sets import ChunkedSets, discard
from murauer.store.frame_set import open_frame_set
from murauer.store.makers import HandFacts, ImportFacts, ImportSettings
from murauer.store.manifest import MANIFEST_FILE, Manifest, write_manifest
from murauer.store.store import PROBLEMS_FILE, Store, check_place, open_store, partial_folder

IMPORT_CHUNK = 64
"""Frames imported at a time: the unit of work, and the most that a kill costs each worker."""


def import_dataset(
    dataset: Dataset,
    source: Path,
    folder: Path,
    *,
    centres: Sequence[str] = (),
    centre_format: CentreFormat = "xyz",
    settings: ImportSettings | None = None,
    handedness: GivenHandedness = "auto",
    workers: int | None = None,
) -> Store:
    """Make a store of a dataset.

    Args:
        dataset: What is imported; must survive pickling.
        source: Its folder, to know an interrupted import of the same by.
        folder: Folder of the store. One that the same call made is opened and nothing done.
        centres: Words that say where the hands' centres come from, see `choose_centres`.
        centre_format: Format of files of centres.
        settings: How; the defaults by default.
        handedness: Which hands all frames show; "auto" for what the dataset says, or else the hand finder.
        workers: Processes; all cores by default. The result does not depend on it.

    Raises:
        UserError: The folder cannot be used or holds another store, labels do not fit the images, there
            are no centres as asked for, or no image of a set can be used.
    """
    chosen, sets, facts = _prepare(dataset, source, folder, centres, centre_format, settings, handedness)
    if _is_finished(folder, facts):
        sets.tidy(folder)
    else:
        with locked(sets.folder):
            hands = shown_hands(dataset, chosen, handedness)
            importer = Importer(dataset, chosen, facts.settings, hands.left)
            sets.fill(partial(_same, importer), "importing", workers)
            if not (sets.folder / MANIFEST_FILE).exists():
                _describe(importer, sets, facts, hands.facts)
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
    handedness: GivenHandedness = "auto",
    workers: int | None = None,
) -> None:
    """Import a share of the chunks, for `import_dataset` with the same arguments to put together.

    Raises:
        UserError: As there, or parts of another import wait there.
    """
    chosen, sets, facts = _prepare(dataset, source, folder, centres, centre_format, settings, handedness)
    if not _is_finished(folder, facts):
        hands = shown_hands(dataset, chosen, handedness)
        importer = Importer(dataset, chosen, facts.settings, hands.left)
        sets.fill(partial(_same, importer), "importing", workers, shard)


def _prepare(
    dataset: Dataset,
    source: Path,
    folder: Path,
    centres: Sequence[str],
    centre_format: CentreFormat,
    settings: ImportSettings | None,
    handedness: GivenHandedness,
) -> tuple[Centres, ChunkedSets, ImportFacts]:
    """Where the hands are, where the sets are made, and what tells the import from another one."""
    settings = settings or ImportSettings()
    chosen = choose_centres(centres, centre_format, dataset, probe_labels(dataset))
    said = {hand for hands in given_hands(dataset, handedness).values() for hand in hands.tolist()}
    facts = ImportFacts(
        dataset=dataset.name,
        folder=as_utf8(source.resolve().name),
        sets={name: (info.frames, info.views) for name, info in dataset.sets.items()},
        centres=dict(chosen.kinds),
        settings=settings,
        centre_files={
            f"{name}:{view + 1}": (as_utf8(file.path.name), file.digest)
            for (name, view), file in chosen.files.items()
        },
        handedness=said.pop() if len(said) == 1 else "auto",
    )
    sets = ChunkedSets(
        folder=partial_folder(folder),
        sizes={name: (settings.taken(info.frames), info.views) for name, info in dataset.sets.items()},
        region_size=settings.region_size,
        joints=len(dataset.skeleton),
        chunk=IMPORT_CHUNK,
        identity=msgspec.to_builtins(facts)
        | {"source": str(source.resolve()), "skeleton": dataset.skeleton.name},
    )
    return chosen, sets, facts


def _is_finished(folder: Path, facts: ImportFacts) -> bool:
    """Whether the store is there.

    Raises:
        UserError: Another one is, or something else.
    """
    if not (folder / MANIFEST_FILE).exists():
        check_place(folder)
        return False
    if open_store(folder).manifest.imported != facts:
        raise UserError(f"{folder} holds another store; choose another --out folder, or delete it first")
    return True


def _same(importer: Importer) -> Importer:
    """What imports, in each process."""
    return importer


def _describe(
    importer: Importer, sets: ChunkedSets, facts: ImportFacts, hands: tuple[HandFacts, ...]
) -> None:
    """Write the list of problems and, last, the manifest."""
    working, dataset = sets.folder, importer.dataset
    problems = [Problem(**note) for name in dataset.sets for note in sets.notes(name)]
    for name in dataset.sets:
        # Everything that is trained or evaluated looks through the first camera.
        if not len(open_frame_set(working / name).usable_rows(0)):
            first = next(problem for problem in problems if (problem.set, problem.view) == (name, 0))
            discard(working)
            where = f"{first.name}: " if first.name else ""
            raise UserError(f"none of the {name} frames can be used; the first: {where}{first.reason}")
    _write_problems(working / PROBLEMS_FILE, problems)
    kinds = dict(importer.centres.kinds)
    write_manifest(
        working,
        Manifest(
            dataset=dataset.name,
            skeleton=dataset.skeleton.name,
            rig=None if dataset.rig is None else dataset.rig.to_dict(),
            cube_mm=importer.settings.cube_mm,
            view_pair=dataset.view_pair,
            unseen_persons=tuple(sorted(dataset.unseen_persons)),
            left_out=dataset.left_out,
            sets=(*dataset.sets, *dataset.aliases),
            aliases=dict(dataset.aliases),
            centres=kinds | {alias: kinds[target] for alias, target in dataset.aliases.items()},
            hands=hands,
            imported=facts,
        ),
    )


def _write_problems(path: Path, problems: Sequence[Problem]) -> None:
    with written_whole(path) as partial, open(partial, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Problem.__annotations__)
        writer.writerows((p.set, p.index, p.view, p.name, p.reason) for p in problems)
