"""Datasets of single images, all of one camera: a reader finds the images and labels of each set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from murauer.capture.depth import read_depth
from murauer.datasets.dataset import Dataset, DatasetView, FrameSetInfo
from murauer.geometry.camera import Camera
from murauer.hand.handedness import GivenHandedness


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """N images and their labels.

    Attributes:
        names: Where they are in the dataset's folder.
        joints: In mm, y down and z forward, float32, shape (N, J, 3); None without labels.
        person: Who is seen, int16, shape (N,); None if that is not told.
    """

    names: Sequence[str]
    joints: np.ndarray | None
    person: np.ndarray | None = None


class SingleCameraDataset(Dataset):
    """Reader of such a dataset; attributes as in `Dataset`.

    Args:
        folder: Folder of the dataset.
        camera: That took all images.
        images: Images of each set, by its name.
        handedness: Hand of all of them, if it is known.
    """

    def __init__(
        self,
        folder: Path,
        camera: Camera,
        images: Mapping[str, LabelledImages],
        handedness: GivenHandedness = "auto",
    ) -> None:
        self.folder, self.camera, self._images = folder, camera, images
        self.sets = {}
        for name, own in images.items():
            person = np.full(len(own.names), -1, np.int16) if own.person is None else own.person
            self.sets[name] = FrameSetInfo(len(own.names), 1, True, person, handedness)

    def view(self, set_name: str, index: int, view: int) -> DatasetView:
        """Read one image; see `Dataset.view`."""
        del view  # there is one camera
        images = self._images[set_name]
        return DatasetView(
            name=images.names[index],
            depth=self.depth(self.folder / images.names[index]),
            camera=self.camera,
            joints=None if images.joints is None else torch.from_numpy(images.joints[index]),
            person=int(self.sets[set_name].person[index]),
        )

    def depth(self, path: Path) -> Tensor:
        """Read the depth of an image in mm, 0 = no measurement, float32, shape (H, W).

        Raises:
            UserError: It is missing or damaged.
        """
        return torch.from_numpy(read_depth(path, self.camera))
