"""Rendered frames for the time of an adaptation: those of the base's training, and such as a camera sees.

The first keep what the base can do. The second have exact labels and are as far away, as coarse and as noisy
as the frames of the camera, and more cluttered than those of the base's training.
"""

from dataclasses import replace

import numpy as np
import torch
from torch import Generator, Tensor

from murauer.capture.depth import DEPTH_UNIT_MM
from murauer.hand.clutter import ClutterPrior
from murauer.hand.model import HandModel
from murauer.store.frame_set import FrameSet, Region
from murauer.training.adapt.noise import noise_mm
from murauer.training.base.pool import PART
from murauer.training.base.scenes import CENTRE, BaseScenes

CROWDED = ClutterPrior(body=1.0, table=0.6, object=0.9, arm=0.9)
"""Things around the hands of an unknown camera: more than in the base's training."""

STRONGEST_NOISE = 1.5
"""Largest share of a camera's noise that rendered frames get; the smallest is none."""

LOOKED_AT = 200
"""Frames that the scenes of a camera are chosen from."""

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
        noise_mm: White noise that is added to the depth.
    """

    def __init__(self, scenes: BaseScenes, number: int, generator: Generator, noise_mm: float = 0.0) -> None:
        self.scenes, self.noise_mm = scenes, noise_mm
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
        if self.noise_mm:
            deviation = self.noise_mm * STRONGEST_NOISE * torch.rand(size, 1, 1, generator=generator)
            noise = deviation * torch.randn(depth.shape, generator=generator)
            depth = torch.where(depth > 0, (depth + noise).clamp_(min=1.0), 0.0)
        region = Region(depth, self._held["intrinsics"][chosen], joints[:, CENTRE], joints)
        return region, torch.ones(joints.shape[:2])


def frames_like(frames: FrameSet, number: int, generator: Generator) -> RenderedFrames:
    """Render frames at the distances, with the resolution and with the noise of a camera's.

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
        clutter=CROWDED,
    )
    like = RenderedFrames(scenes, number, generator)
    own = noise_mm(like.draw(LOOKED_AT, generator)[0])
    like.noise_mm = max(noise_mm(seen) ** 2 - own**2, 0.0) ** 0.5
    return like
