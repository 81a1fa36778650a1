"""Finished trainings, and what they predict for a split of a store."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np
import torch

from murauer.errors import UserError
from murauer.evaluation.split import Scores, made_from, score_network
from murauer.foreign.documents import convert_json, parse_object
from murauer.foreign.limits import MOST_SETTINGS
from murauer.names import natural_key
from murauer.nets.config import ModelConfig
from murauer.nets.deployed import AnyNetwork, device_of
from murauer.nets.model_facts import MODEL_FILE
from murauer.nets.model_file import load_model, model_path, read_tensors
from murauer.provenance import Provenance
from murauer.store.store import Store, open_store
from murauer.text_files import read_text
from murauer.training.device import CPU
from murauer.training.train import RUN_FILE
from murauer.training.variants import Variant, find_variant


class RunSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a run folder says beside its model, as far as it is read; `recording` is version 0.1.0's store."""

    store: str | None = None
    recording: str | None = None
    label_rows: tuple[int, ...] | None = None

    @property
    def place(self) -> Path | None:
        """Folder of the store that it was trained on."""
        place = self.store or self.recording
        return None if place is None else Path(place)


Settings = TypeVar("Settings", bound=RunSettings)


@dataclass(frozen=True, eq=False)
class Run:
    """One finished training.

    Attributes:
        title: name in tables and figures.
        folder: where it lies.
        name: of the variant.
        variant: what it was trained with.
        labels: number n of labelled real frames; 0 for a variant that uses none.
        seed: of the training.
        network: in evaluation mode.
        config: what its network is.
        store: folder of the store that it was trained on; None where the run does not tell.
        label_rows: the labelled frames, where a file named them; None where they were chosen.
        published_choice: whether they were chosen as the published code does, and not by the seed.
    """

    title: str
    folder: Path
    name: str
    variant: Variant
    labels: int
    seed: int
    network: AnyNetwork
    config: ModelConfig
    store: Path | None
    label_rows: tuple[int, ...] | None
    published_choice: bool = False

    def labelled_rows(self, store: Store) -> np.ndarray:
        """Real frames of a store whose labels the training used, ascending, shape (n,).

        None of them if the store has too few labelled frames to be the one that it was trained on.
        """
        if store.real is None or not self.variant.real:
            return np.zeros(0, int)
        if self.label_rows is not None:
            return np.array([row for row in self.label_rows if row < len(store.real)], int)
        candidates = store.real.usable_rows(0, labelled=True)
        count = self.labels if self.labels <= len(candidates) else 0
        return store.labelled_rows(count, self.seed, self.published_choice)


@dataclass(frozen=True, eq=False)
class Predictions(Scores):
    """What a run predicts for the frames of a split that are usable and have labels.

    Attributes:
        run: which.
    """

    run: Run


def parse_named(text: str) -> tuple[str | None, Path]:
    """Read "NAME=PATH" or "PATH", as the command line takes runs and prediction files."""
    name, separator, path = text.rpartition("=")
    return (name, Path(path)) if separator and name and not Path(text).exists() else (None, Path(text))


def load_run(folder: Path, title: str | None = None, device: torch.device = CPU) -> Run:
    """Load a model and what its training was.

    Args:
        folder: run folder, or model file of a training.
        title: name in tables and figures; that of the variant by default.
        device: where its network computes.

    Raises:
        UserError: a file is missing or damaged, or the model tells nothing of its training.
    """
    path = model_path(folder)
    if not path.exists():
        raise UserError(f"{folder} is no finished run: it has no {MODEL_FILE}; train it to its end first")
    network, config = load_model(path, device)
    facts = parse_object(read_tensors(path)[1].get("facts", "{}"), f"the description in {path} is damaged")
    try:
        name, labels, seed = str(facts["variant"]), int(facts["labels"]), int(facts["seed"])
    except (KeyError, TypeError, ValueError, OverflowError):
        raise UserError(
            f"{path} does not tell variant, labels and seed of its training; give a run of 'murauer train'"
        ) from None
    variant = find_variant(name)
    settings = read_settings(folder, RunSettings) if (folder / RUN_FILE).is_file() else RunSettings()
    return Run(
        title=title or variant.title,
        folder=folder,
        name=name,
        variant=variant,
        labels=labels if variant.real else 0,  # of a number that was given, but not used
        seed=seed,
        published_choice=facts.get("labelled_frames") == "published",
        network=network,
        config=config,
        store=settings.place,
        label_rows=settings.label_rows,
    )


def load_runs(sources: Sequence[str | Path], device: torch.device = CPU) -> list[Run]:
    """Load runs and give those of one title titles that tell them apart: with n, seed, or their folder.

    Args:
        sources: run folders, or "NAME=FOLDER" with the title to give.
        device: where their networks compute.

    Raises:
        UserError: there is none, or one cannot be loaded.
    """
    if not sources:
        raise UserError("at least one finished training is needed; give a run folder")
    named = [(None, source) if isinstance(source, Path) else parse_named(source) for source in sources]
    runs = [load_run(folder, name, device) for name, folder in named]
    common = Path(os.path.commonpath([run.folder.absolute().parent for run in runs]))
    for suffix in (
        lambda run: f", n = {run.labels:,}" if run.variant.real else "",
        lambda run: f", seed {run.seed}",
        lambda run: f" ({run.folder.absolute().relative_to(common)})",
    ):
        groups: dict[str, set[str]] = {}
        for run in runs:
            groups.setdefault(run.title, set()).add(suffix(run))
        runs = [
            replace(run, title=run.title + suffix(run)) if len(groups[run.title]) > 1 else run for run in runs
        ]
    return runs


def find_runs(paths: Sequence[Path]) -> list[Path]:
    """Find the finished runs in folders: each given one if it is a run, else all below it.

    Raises:
        UserError: one of them holds no finished run.
    """
    found: list[Path] = []
    for path in paths:
        runs = [path]
        if not model_path(path).is_file():
            runs = sorted((model.parent for model in path.rglob(MODEL_FILE)), key=natural_key)
        if not runs:
            raise UserError(f"{path} holds no finished run ({MODEL_FILE}); give run folders or their parent")
        found += runs
    return found


def store_of(runs: Sequence[Run], folder: Path | None = None) -> Store:
    """Open the store to evaluate runs on.

    Args:
        runs: at least one.
        folder: the store; by default the one that the runs were trained on.

    Raises:
        UserError: the runs do not tell, or differ, or their joints are not the store's.
    """
    if folder is None:
        told = {run.store for run in runs}
        if len(told) != 1 or None in told:
            raise UserError(
                f"{', '.join(str(run.folder) for run in runs)} were not trained on one known store; "
                "name the one to evaluate on with --data"
            )
        (folder,) = told
    assert folder is not None
    store = open_store(folder)
    for run in runs:
        if run.config.skeleton != store.skeleton.name:
            raise UserError(
                f"{run.folder} predicts the joints '{run.config.skeleton}', but {folder} has "
                f"'{store.skeleton.name}'; evaluate on a store of the same joints"
            )
    return store


def labelled_by_any(runs: Sequence[Run], store: Store) -> np.ndarray:
    """Real frames of a store whose labels one of several runs used, ascending."""
    return np.unique(np.concatenate([run.labelled_rows(store) for run in runs]))


def provenance_of(runs: Sequence[Run], store: Store) -> Provenance:
    """The provenance of what is measured of runs on a store."""
    told_apart = len({run.title for run in runs}) == len(runs)
    models = {run.title if told_apart else str(run.folder): model_path(run.folder) for run in runs}
    return made_from(store, models, device_of(runs[0].network))


def predict_split(
    run: Run, store: Store, split: str = "test", small_cube_person: int | None = None
) -> Predictions:
    """Predict the first camera's frames of a split around the recorded centres, and compare with the labels.

    Args:
        run: Whose network predicts.
        store: The data.
        split: Name of the set.
        small_cube_person: Person whose cube is smaller, see `evaluate_split`.

    Raises:
        UserError: as for `score_network`.
    """
    scores = score_network(run.network, run.config.skeleton, store, split, small_cube_person)
    return Predictions(**vars(scores), run=run)


def read_settings(folder: Path, kind: type[Settings]) -> Settings:
    """Read what a training wrote of itself beside its model, as far as a type asks for.

    Raises:
        UserError: It is missing or damaged.
    """
    path = folder / RUN_FILE
    text = read_text(path, MOST_SETTINGS)
    return convert_json(text, kind, f"{path} is damaged; copy it again or train again")
