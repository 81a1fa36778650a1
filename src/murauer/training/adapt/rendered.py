"""Rendered frames for the time of an adaptation: those of the base's training, and such as a camera sees.

The first keep what the base can do. The second have exact labels, are as far away and as coarse as the frames
of the camera, and are measured by sensors like its own. Their people are more varied and their scenes more
cluttered than those of the base's training.
"""

from dataclasses import replace

import numpy as np
import torch
from torch import Generator, Tensor

from murauer.capture.depth import DEPTH_UNIT_MM
from murauer.hand.clutter import ClutterPrior
from murauer.hand.model import HandModel
from murauer.hand.sensors import CleanSensor
from murauer.hand.shape import ANYBODY, ShapePrior, ShapeRange
from murauer.store.frame_set import FrameSet, Region
from murauer.training.adapt.like_sensors import sensors_like
from murauer.training.base.pool import PART
from murauer.training.base.scenes import CENTRE, BaseScenes

CROWDED = ClutterPrior(body=1.0, table=0.6, object=0.9, arm=0.9)
"""Things around the hands of an unknown camera: more than in the base's training."""

PEOPLE = ShapePrior(ANYBODY | {"size": ShapeRange(0.05, 0.18, -0.4, 0.4)})
"""Also with larger hands than in the base's training: a model that fails cannot tell how large hands are."""

LOOKED_AT = 200
"""Frames that the scenes of a camera are chosen from."""

COMPARED = 60
"""Rendered windows that sensors are tried on."""

OWN_VIEW_MM = 500.0
"""A camera that sees hands from nearer than this may be worn by their owner."""

PIXELS = (96, 192)
"""Smallest and largest side of rendered windows."""


class RenderedFrames:
    """Labelled windows in memory, the oldest of which are rendered anew now and then.

    Args:
        scenes: What is rendered.
        number: Windows that are held, at least; `PART` are rendered at a time.
        generator: Source of randomness.
    """

    def __init__(self, scenes: BaseScenes, number: int, generator: Generator) -> None:
        self.scenes = scenes
        self._hand, self._size = HandModel(), min(PART, number)
        self._parts: list[dict[str, Tensor]] = []
        while sum(len(part["joints"]) for part in self._parts) < number:
            self._parts.append(scenes.render(self._hand, self._size, generator))
        self._join()

    def renew(self, generator: Generator) -> None:
        """Render a part in place of the oldest one."""
        self._parts = [*self._parts[1:], self.scenes.render(self._hand, self._size, generator)]
        self._join()

    def _join(self) -> None:
        self._held = {name: torch.cat([part[name] for part in self._parts]) for name in self._parts[0]}

    def draw(self, size: int, generator: Generator) -> tuple[Region, Tensor]:
        """Draw windows with their joints, and the weights of these, which are 1."""
        chosen = torch.randint(len(self._held["joints"]), (size,), generator=generator)
        joints = self._held["joints"][chosen]
        depth = self._held["depth"][chosen].float().mul_(DEPTH_UNIT_MM)
        region = Region(depth, self._held["intrinsics"][chosen], joints[:, CENTRE], joints)
        return region, torch.ones(joints.shape[:2])


def frames_like(frames: FrameSet, number: int, generator: Generator) -> RenderedFrames:
    """Render frames at the distances and with the resolution of a camera's, measured by sensors like it.

    Args:
        frames: Of the camera, some of them usable.
        number: Windows that are held, at least.
        generator: Source of randomness.
    """
    usual, rows = BaseScenes(), frames.usable_rows(0)
    rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), LOOKED_AT)).astype(int)]
    seen = frames.regions(rows)
    near, far = seen.centre[:, 2].quantile(torch.tensor([0.02, 0.98])).tolist()
    everyday = usual.everyday if near < OWN_VIEW_MM else replace(usual.everyday, own_view=0.0)
    pixels = float((seen.intrinsics[:, 0] / seen.centre[:, 2]).median()) * usual.window_mm
    scenes = replace(
        usual,
        window_px=int(np.clip(pixels, *PIXELS)),
        distance_mm=(0.95 * near, 1.05 * far),
        everyday=everyday,
        shapes=PEOPLE,
        clutter=CROWDED,
        sensor=CleanSensor(),
    )
    exact, _ = RenderedFrames(scenes, COMPARED, generator).draw(COMPARED, generator)
    return RenderedFrames(replace(scenes, sensor=sensors_like(seen, exact, generator)), number, generator)
