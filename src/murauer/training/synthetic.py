"""The synthetic frames that a training step draws from: those of a set, or ones that are rendered for it."""

from collections.abc import Callable

from murauer.data.endless import EndlessFrames
from murauer.data.frame_pool import FramePool
from murauer.data.recording import ENDLESS, Recording


def synthetic_pools(recording: Recording) -> Callable[[int], FramePool]:
    """What has the pool of a step.

    Raises:
        UserError: the recording has no usable labelled synthetic frames, and none that can be rendered.
    """
    if ENDLESS in recording.description and recording.synthetic is None:
        endless = EndlessFrames(recording)
        return lambda step: FramePool.among(endless.at(step), recording.view_pair, labelled=True)
    pool = FramePool.of(recording, "synthetic", labelled=True)
    return lambda step: pool
