"""From a source to a capture on disk, see docs/capture_format.md."""

from dataclasses import dataclass
from pathlib import Path

from murauer.capture.sources.folder import TIME_FILE, read_times
from murauer.capture.sources.source import Source, SourceFrame
from murauer.capture.writer import CaptureWriter
from murauer.errors import UserError
from murauer.files import LineFile
from murauer.interrupts import held_back
from murauer.progress import Progress

TRUTH_FILE = "truth.json"
"""Joints of all frames, from sources that know them: in the format of `labels.json`, but no labels."""


@dataclass(frozen=True)
class Recorded:
    """What came of recording.

    Attributes:
        frames: In the capture now.
        new: Number of frames that were added.
        dropped: Frames that the source lost meanwhile, or that could not be written in time.
        seconds: Duration by the clock of the source, from the first new frame to the last.
    """

    frames: int
    new: int
    dropped: int
    seconds: float


def record(
    source: Source, folder: Path, *, frames: int | None = None, seconds: float | None = None
) -> Recorded:
    """Record until there is enough, the source ends, or Ctrl-C.

    Every frame is on disk when the next one is taken. A capture of the same cameras in the folder is gone
    on with.

    Args:
        source: That is recorded.
        folder: Folder of the capture.
        frames: That it shall have in the end, with those that are there.
        seconds: How long to record now, by the clock of the source.

    Raises:
        UserError: The source fails or gives nothing, the folder cannot be used, or there are as many frames
            already.
    """
    dropped, first, last = 0, None, 0.0
    with (
        CaptureWriter(folder, source.cameras, source.skeleton, label_file=TRUTH_FILE, go_on=True) as writer,
        LineFile(folder / TIME_FILE) as times,
    ):
        before = writer.frames
        if frames is not None and before >= frames:
            raise UserError(f"{folder} has {before} frames already; give more than that by --frames")
        times.drop_torn()
        if not times.lines:
            times.append(b"frame,time_s,dropped")
        read_times(times.path)  # a damaged file is better known before than after
        with Progress("recording", frames, before, "frame") as progress:
            try:
                for frame in source:
                    first = frame.time_s if first is None else first
                    if seconds is not None and frame.time_s - first > seconds:
                        break
                    with held_back():
                        _write(writer, times, frame)
                    dropped, last = dropped + frame.dropped, frame.time_s
                    progress.advance(dropped=dropped)
                    if writer.frames == frames:
                        break
            except KeyboardInterrupt:
                print()  # behind the ^C of the terminal
    if writer.frames == before:
        raise UserError(f"nothing was recorded into {folder}: the source gave no frame")
    return Recorded(writer.frames, writer.frames - before, dropped, last - (first or 0.0))


def _write(writer: CaptureWriter, times: LineFile, frame: SourceFrame) -> None:
    """Write images, time, and joints if there are any."""
    joints = None if frame.joints is None else {0: frame.joints}
    name = writer.write(frame.depths, joints=joints)
    times.append(f"{name},{frame.time_s:.6f},{frame.dropped}".encode(), safe=False)
