"""Frames of several cameras that run by themselves: what is nearest in time belongs together."""

from collections.abc import Iterator, Sequence

from murauer.capture.sources.source import SourceFrame
from murauer.errors import UserError

ONE_CLOCK_S = 60.0
"""Times that are farther apart are not by the same clock, or of captures that have nothing in common."""


def nearest_in_time(streams: Sequence[Iterator[SourceFrame]], period_s: float) -> Iterator[SourceFrame]:
    """Put the frames of several streams together.

    Whatever is more than half a period behind the newest has a nearer one to come, and is passed over.

    Args:
        streams: Of frames in the order of time, by one clock.
        period_s: From one frame of a stream to the next.

    Returns:
        Frames with the depths of all, the time of the first stream, and what was lost or passed over in the
        stream that lost most. They end where one of the streams ends.

    Raises:
        UserError: The times are not by one clock.
    """
    first = True
    for together in zip(*streams, strict=False):
        seen = list(together)
        lost = [frame.dropped for frame in together]
        while late := _behind(seen, period_s / 2):
            for index in late:
                following = next(streams[index], None)
                if following is None:
                    return
                seen[index] = following
                lost[index] += 1 + following.dropped
        depths = tuple(depth for frame in seen for depth in frame.depths)
        yield SourceFrame(seen[0].time_s, depths, 0 if first else max(lost))
        first = False


def _behind(frames: Sequence[SourceFrame], at_most_s: float) -> list[int]:
    """Return which are older than the newest by more than that."""
    newest = max(frame.time_s for frame in frames)
    behind = [newest - frame.time_s for frame in frames]
    if max(behind) > ONE_CLOCK_S:
        raise UserError(
            f"the cameras' times are {max(behind):.0f} s apart, and cannot be those of the same frames; "
            "record them by one clock"
        )
    return [index for index, seconds in enumerate(behind) if seconds > at_most_s]
