"""What a sensor model is: a function from exact depth to the depth that a device would report."""

from typing import Protocol

import torch
from torch import Generator, Tensor


class Sensor(Protocol):
    """Turns exact depth images into measured ones.

    Sensor models are frozen dataclasses: equal parameters and an equal generator give equal images.

    Lateral effects (ragged edges, shadows) happen on the pixels of the device. The images may have another
    resolution, for instance a window with a shorter virtual focal length; their scale relative to the device
    follows from the two focal lengths, so that the same scene is disturbed by the same millimetres.
    """

    def __call__(self, depth: Tensor, intrinsics: Tensor, generator: Generator) -> Tensor:
        """Measure.

        Args:
            depth: Exact depth in mm, 0 = nothing there, float32 (B, H, W).
            intrinsics: fx, fy, u0, v0 of each image in pixels, (B, 4).
            generator: Source of all randomness, on the device of the images.

        Returns:
            Measured depth in mm, 0 = no measurement, float32 (B, H, W).

        Raises:
            ValueError: Shapes or types do not fit.
        """
        ...


def check_images(depth: Tensor, intrinsics: Tensor) -> None:
    """Refuse what is not a batch of depth images with cameras.

    Raises:
        ValueError: Shapes or types do not fit.
    """
    if depth.ndim != 3 or depth.dtype != torch.float32:
        raise ValueError(f"depth must be float32 of shape (B, H, W), got {depth.dtype} {tuple(depth.shape)}")
    if intrinsics.shape != (depth.shape[0], 4):
        raise ValueError(
            f"intrinsics must have shape ({depth.shape[0]}, 4), one row (fx, fy, u0, v0) per image, "
            f"got {tuple(intrinsics.shape)}"
        )
