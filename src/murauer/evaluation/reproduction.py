"""Makes a result again, and says whether it agrees.

On one machine, with the same versions and threads, it must agree to the bit. Elsewhere sums are in another
order: an evaluation may differ by `EVALUATED_MM`, and a training, in which roundings grow from step to step,
by `TRAINED_SHARE` of its error.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch

from murauer.errors import UserError
from murauer.evaluation.runs import RunSettings, read_settings
from murauer.evaluation.split import evaluate_split
from murauer.files import file_digest
from murauer.foreign.documents import convert_json, parse_object
from murauer.foreign.limits import MOST_SETTINGS
from murauer.nets.model_facts import MODEL_FILE
from murauer.nets.model_file import read_provenance, read_tensors
from murauer.provenance import PROVENANCE, Provenance
from murauer.store.manifest import data_digest
from murauer.store.store import Store, open_store
from murauer.text_files import read_text
from murauer.training.config import Config
from murauer.training.device import open_device
from murauer.training.start import origin_of
from murauer.training.train import train

EVALUATED_MM = 0.01
TRAINED_SHARE = 0.05


@dataclass(frozen=True)
class Reproduction:
    """What came of making a result again.

    Attributes:
        what: What was made again.
        differences: What was not the same as then, see `Provenance.differences`; None where it is not known.
        equal: Whether it is equal to the bit.
        errors_mm: Mean errors of then and now, by the frames that they are of.
        tolerance_mm: By how much they may differ where bits may, likewise.
    """

    what: str
    differences: list[str] | None
    equal: bool
    errors_mm: dict[str, tuple[float, float]]
    tolerance_mm: dict[str, float]

    @property
    def exact(self) -> bool:
        """Whether each bit must be the same."""
        return self.differences == []

    @property
    def agrees(self) -> bool:
        """Whether it is what it must be."""
        near = [
            abs(again - before) <= self.tolerance_mm[name] for name, (before, again) in self.errors_mm.items()
        ]
        return self.equal or (not self.exact and bool(near) and all(near))

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return msgspec.to_builtins(self) | {"exact": self.exact, "agrees": self.agrees}


class _TrainingSettings(RunSettings, frozen=True, kw_only=True):
    """What it takes to train again."""

    variant: str
    labels: int
    seed: int
    config: Config
    pretrained: str | None = None


class _SmallCube(msgspec.Struct, frozen=True):
    person: int


class _Evaluation(msgspec.Struct, frozen=True):
    """What it takes to evaluate again."""

    split: str
    mean_error_mm: float
    small_cube: _SmallCube | None = None
    provenance: Provenance | None = None


def reproduce(path: Path, out: Path, data: Path | None = None, device: str = "cpu") -> Reproduction:
    """Make a result again.

    Args:
        path: A run folder, or what an evaluation wrote as JSON.
        out: Run folder of the training that is made again.
        data: The store, if it does not lie where it was.
        device: Where to compute.

    Raises:
        UserError: It does not say enough, or what it was made from is missing or has changed.
    """
    again = _train_again if path.is_dir() else _evaluate_again
    return again(path, out, data, device)


def _train_again(folder: Path, out: Path, data: Path | None, device: str) -> Reproduction:
    model = folder / MODEL_FILE
    if not model.is_file():
        raise UserError(f"{folder} is no finished run: it has no {MODEL_FILE}; give one that is")
    settings, made = read_settings(folder, _TrainingSettings), read_provenance(model)
    store = _store(folder, data or settings.place, made)
    pretrained = settings.pretrained and Path(settings.pretrained)
    if pretrained:
        _check(made, "pretrained", file_digest(pretrained), pretrained)
    for digest in origin_of(settings.config):
        _check(made, "start", digest, Path(settings.config.start))
    rows = None if settings.label_rows is None else np.array(settings.label_rows, int)
    with _threads_of(made):
        again = train(
            store,
            settings.config,
            variant=settings.variant,
            labels=settings.labels,
            seed=settings.seed,
            out=out,
            pretrained=pretrained or None,
            label_rows=rows,
            device=open_device(device),
        )
        errors = {
            f"{split} frames": (_error(model, store, split, device), _error(again, store, split, device))
            for split in ("validation", "test")
            if split in store.sets and len(store.require(split).usable_rows(0, labelled=True))
        }
    tensors, others = read_tensors(model)[0], read_tensors(again)[0]
    return Reproduction(
        f"{folder}: trained again",
        _differences(made, read_provenance(again)),
        tensors.keys() == others.keys() and all(torch.equal(tensors[name], others[name]) for name in tensors),
        errors,
        {name: TRAINED_SHARE * before for name, (before, _) in errors.items()},
    )


def _evaluate_again(path: Path, _: Path, data: Path | None, device: str) -> Reproduction:
    document = parse_object(read_text(path, MOST_SETTINGS), f"{path} is damaged")
    parts = {name: part for name, part in document.items() if isinstance(part, dict) and "split" in part}
    parts = {"": document} if "split" in document else parts
    if not parts:
        raise UserError(
            f"{path} is no result that can be made again; give a run folder, or what "
            "'murauer evaluate --json' or a sweep wrote"
        )
    model = Path(document["model"]) if "model" in document else path.parent / MODEL_FILE
    place = Path(document["store"]) if "store" in document else read_settings(model.parent, RunSettings).place
    differences: list[str] | None = []
    equal, errors = True, {}
    for name, part in parts.items():
        own = convert_json(json.dumps(part), _Evaluation, f"{path} is damaged")
        store = _store(path, data or place, own.provenance)
        _check(own.provenance, "model", file_digest(model), model)
        with _threads_of(own.provenance):
            person = None if own.small_cube is None else own.small_cube.person
            again = evaluate_split(model, store, own.split, person, open_device(device))
        now = json.loads(json.dumps(again.to_dict()))
        equal &= all(part.get(key) == value for key, value in now.items() if key != PROVENANCE)
        errors[name or f"{own.split} frames"] = (own.mean_error_mm, again.metrics.mean_error_mm)
        found = _differences(own.provenance, again.made)
        differences = None if found is None or differences is None else [*differences, *found]
    return Reproduction(
        f"{path}: evaluated again",
        None if differences is None else list(dict.fromkeys(differences)),
        equal,
        errors,
        dict.fromkeys(errors, EVALUATED_MM),
    )


def _error(model: Path, store: Store, split: str, device: str) -> float:
    return evaluate_split(model, store, split, device=open_device(device)).metrics.mean_error_mm


def _differences(made: Provenance | None, again: Provenance | None) -> list[str] | None:
    if made is None or again is None:
        return None
    # GPUs add up in an order that differs from run to run.
    return made.differences(again) or ["the order of sums on a GPU"] * (made.device != "cpu")


def _store(path: Path, folder: Path | None, made: Provenance | None) -> Store:
    if folder is None:
        raise UserError(f"{path} does not say on which store; name it with --data")
    store, now = open_store(folder), data_digest(folder)
    if made is not None and made.data not in (None, now):
        raise UserError(
            f"{folder} is not the store that {path} was made from (its digest is {now}, that was "
            f"{made.data}); name that one with --data"
        )
    return store


def _check(made: Provenance | None, name: str, now: str, path: Path) -> None:
    """Refuse another file than the one that a result was made from."""
    before = now if made is None else made.inputs.get(name, now)
    if before != now:
        raise UserError(
            f"{path} has changed since the result was made (its digest is {now}, it was {before}); "
            "put the former one there"
        )


@contextmanager
def _threads_of(made: Provenance | None) -> Iterator[None]:
    """Compute with as many threads as then: sums are in another order with others."""
    before = torch.get_num_threads()
    torch.set_num_threads(before if made is None else made.threads or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
