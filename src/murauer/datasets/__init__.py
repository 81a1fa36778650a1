"""Readers of datasets on disk: one file each, all giving the same frames."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from murauer.datasets.dataset import Dataset


def _open(module: str, reader: str, folder: Path, **options: object) -> Dataset:
    """Open a dataset with a reader that is imported only then: names alone should cost nothing."""
    dataset: Dataset = getattr(import_module(f"{__name__}.{module}"), reader)(folder, **options)
    return dataset


DATASETS: dict[str, Callable[[Path], Dataset]] = {
    "nyu": partial(_open, "nyu", "NyuDataset"),
    "nyu-cs": partial(_open, "nyu", "NyuDataset", consistent=True),
    "nyu36": partial(_open, "nyu", "NyuDataset", skeleton="nyu36"),
    "icvl": partial(_open, "icvl", "IcvlDataset"),
    "msra15": partial(_open, "msra15", "Msra15Dataset"),  # tests person P0, the others by their number
    **{f"msra15-p{n}": partial(_open, "msra15", "Msra15Dataset", test_person=n) for n in range(1, 9)},
    "hands17": partial(_open, "hands17", "Hands17Dataset"),
    "recording": partial(_open, "captured", "CaptureDataset"),
}
"""Readers by the name of their dataset, as in `murauer import NAME`."""
