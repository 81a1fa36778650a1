"""Sensor models: what a depth camera makes of an exact depth image.

A new sensor is one file with a frozen dataclass that is called like :class:`Sensor`, and one line in
:data:`SENSORS`. The effects to compose it from are functions in `edges`, `disparity`, `shadow` and `holes`.
"""

from collections.abc import Callable
from functools import partial

from murauer.hand.sensors.clean import CleanSensor
from murauer.hand.sensors.mixed import MixedSensor
from murauer.hand.sensors.sensor import Sensor
from murauer.hand.sensors.stereo import StereoSensor
from murauer.hand.sensors.structured_light import StructuredLightSensor
from murauer.hand.sensors.time_of_flight import TimeOfFlightSensor

SENSORS: dict[str, Callable[..., Sensor]] = {
    "clean": CleanSensor,
    "structured_light": StructuredLightSensor,
    "time_of_flight": TimeOfFlightSensor,
    "small_time_of_flight": partial(TimeOfFlightSensor, focal_px=240.0, noise_scale=3.0, range_mm=2300.0),
    "stereo": StereoSensor,
    "mixed": MixedSensor,
}
"""Sensor models by name. That of `small_time_of_flight` is as coarse as those in phones (240 pixels a radian)
and has a weak light: at 1.6 m a third of a hand is missing. The packaged model has seen nothing like it, for
`mixed` does not draw it."""

__all__ = [
    "SENSORS",
    "CleanSensor",
    "MixedSensor",
    "Sensor",
    "StereoSensor",
    "StructuredLightSensor",
    "TimeOfFlightSensor",
]
