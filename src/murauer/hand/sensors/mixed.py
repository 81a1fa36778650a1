"""Many sensors at once: each image measured by another one, for a model that is to work with any."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from murauer.hand.sensors.clean import CleanSensor
from murauer.hand.sensors.sensor import Sensor, check_images
from murauer.hand.sensors.stereo import StereoSensor
from murauer.hand.sensors.structured_light import StructuredLightSensor
from murauer.hand.sensors.time_of_flight import TimeOfFlightSensor


@dataclass(frozen=True)
class MixedSensor:
    """A sensor drawn for each image, all equally likely.

    Attributes:
        sensors: To draw from.
    """

    sensors: Sequence[Sensor] = (
        StructuredLightSensor(),
        TimeOfFlightSensor(),
        StereoSensor(),
        CleanSensor(),
    )

    def __call__(self, depth: Tensor, intrinsics: Tensor, generator: Generator) -> Tensor:
        """Measure; see :class:`murauer.hand.sensors.Sensor`."""
        check_images(depth, intrinsics)
        chosen = torch.randint(len(self.sensors), depth.shape[:1], generator=generator, device=depth.device)
        measured = torch.empty_like(depth)
        for index, sensor in enumerate(self.sensors):
            own = torch.nonzero(chosen == index)[:, 0]
            measured[own] = sensor(depth[own], intrinsics[own], generator)
        return measured
