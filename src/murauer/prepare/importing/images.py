"""From an image of a dataset to the window that a store keeps of it, or to the reason why it is of no use."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from torch import Tensor

from murauer.capture.depth import DEPTH_UNIT_MM
from murauer.datasets.dataset import Dataset, DatasetView
from murauer.errors import UserError
from murauer.geometry.windows import cut_window
from murauer.prepare.importing.centres import Centres
from murauer.store.frame_set import FrameSet, array_specs
from murauer.store.makers import ImportSettings

LEAST_HAND_MM2 = 500.0
"""Surface within the cube below which there is no hand: about a fingertip."""


@dataclass(frozen=True)
class Problem:
    """An image that cannot be used.

    Attributes:
        set: Its set.
        index: Its frame in the store, from 0.
        view: Its camera, from 0.
        name: Where it comes from; empty if it could not be read.
        reason: What is wrong with it.
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
        dataset: Where the images come from.
        centres: Centres of the hands.
        settings: How.
        left: Which frames of each set show left hands; see `shown_hands`.
    """

    dataset: Dataset
    centres: Centres
    settings: ImportSettings
    left: Mapping[str, np.ndarray]

    def rows(self, set_name: str, start: int, stop: int) -> np.ndarray:
        """Index in the dataset of some frames of the store's set."""
        count = self.dataset.sets[set_name].frames
        return np.arange(start, stop) * count // self.settings.taken(count)

    def chunk(self, set_name: str, start: int, stop: int) -> tuple[dict[str, np.ndarray], list[Any]]:
        """Import some frames of a set, see `ChunkMaker`; what is worth knowing are the problems."""
        info = self.dataset.sets[set_name]
        frames = self._empty(stop - start, info.views)
        problems = []
        for row, index in enumerate(self.rows(set_name, start, stop).tolist()):
            images = [self._read(set_name, index, view) for view in range(frames.views)]
            found = self.centres.of_frame(images, set_name, index)
            for view, (image, centre) in enumerate(zip(images, found, strict=True)):
                try:
                    self._fill(frames, row, view, image, centre)
                except UserError as error:
                    name = image.name if isinstance(image, DatasetView) else ""
                    problems.append(asdict(Problem(set_name, start + row, view, name, str(error))))
            known = np.isfinite(frames.joints[row]).all(axis=2).any(axis=1)
            seen = frames.valid[row]
            # Views without a label of their own come after the input view, in rigs that are not calibrated.
            frames.labelled[row] = seen.any() and known[seen.argmax()]
            frames.person[row], frames.left[row] = info.person[index], self.left[set_name][index]
        return vars(frames), problems

    def _empty(self, frames: int, views: int) -> FrameSet:
        specs = array_specs(frames, views, self.settings.region_size, len(self.dataset.skeleton))
        return FrameSet(**{name: np.zeros(shape, dtype) for name, (shape, dtype) in specs.items()})

    def _read(self, set_name: str, index: int, view: int) -> DatasetView | UserError:
        try:
            return self.dataset.view(set_name, index, view)
        except UserError as error:
            return error

    def _fill(
        self,
        frames: FrameSet,
        row: int,
        view: int,
        image: DatasetView | UserError,
        found: tuple[Tensor, float] | UserError,
    ) -> None:
        """Fill an image in.

        Raises:
            UserError: It cannot be used.
        """
        frames.joints[row, view] = np.nan
        if isinstance(image, UserError):
            raise image
        if not image.shows_hand:
            raise UserError("it is labelled to show no hand")
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
            raise UserError(f"the hand finder is not sure of the hand: confidence {confidence:.2f}")
        if _surface_mm2(window, float(centre[2]), settings) < LEAST_HAND_MM2:
            raise UserError("there is no hand at its centre: hardly any depth within the cube")
        frames.valid[row, view] = True


def _surface_mm2(window: Tensor, centre_mm: float, settings: ImportSettings) -> float:
    """Area of the surface within the cube, as it appears at the centre's depth."""
    border = round(settings.region_size * (1 - settings.cube_mm / settings.region_mm) / 2)
    inner = window[border : settings.region_size - border, border : settings.region_size - border]
    inside = (inner > 0) & ((inner - centre_mm).abs() < settings.cube_mm / 2)
    return float(inside.sum()) * (settings.region_mm / settings.region_size) ** 2
