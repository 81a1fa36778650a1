"""Labels in the making: every change is on disk before the next is made, and none is ever overwritten.

The label log is a text of one JSON object a line, to which lines are only added. Each says what became of the
label of one frame; undo and redo are lines like all others. What a frame's label is, and what can be undone,
follows from reading it from the beginning, so a studio that was killed goes on where it was. A line that a
power cut left unfinished is dropped: it is the change that was being made.
"""

import json
import re
import zlib
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from murauer.errors import UserError
from murauer.files import LineFile
from murauer.foreign.documents import parse_object
from murauer.foreign.limits import reason
from murauer.geometry.skeletons import Skeleton
from murauer.locks import locked
from murauer.studio.albums.album import NO_HAND, Floats
from murauer.text_files import FARTHEST

LABEL_LOG_FILE = "labelling.jsonl"
FORMAT = 2
"""In format 1 lines may be without a checksum."""

UNDO, REDO = "undo", "redo"
DECIMALS = 3
"""Digits behind the point: micrometres."""


@dataclass(frozen=True, eq=False)
class Label:
    """A label as one change left it.

    Attributes:
        joints: Mm, coordinates of the first camera, (J, 3), or `NO_HAND`; None where a label was deleted.
        accepted: Whether the person is done with it; only then is it for training.
        action: What was done, in words.
    """

    joints: Floats | None
    accepted: bool
    action: str


_SUM = re.compile(rb', "crc32": "([0-9a-f]{8})"}')


def _summed(entry: Mapping[str, Any]) -> bytes:
    """A line with the checksum of its other bytes as the last value."""
    text = json.dumps(entry).encode()
    return text[:-1] + b', "crc32": "%08x"}' % zlib.crc32(text)


def _checked(line: bytes, summed: bool) -> dict[str, Any]:
    """Read a line, which must have a checksum if all of its file have one.

    Raises:
        ValueError: It is not what was written.
    """
    found = _SUM.search(line)
    if found is None and summed:
        raise ValueError("it has no checksum")
    if found is not None:
        text = line[: found.start()] + b"}"
        if found.end() != len(line) or b"%08x" % zlib.crc32(text) != found[1]:
            raise ValueError("its checksum does not agree")
    return parse_object(line, "it is not valid JSON")


class _OtherSkeleton(UserError):
    """The label log is sound, and of other joints."""


class _History:
    """The labels of one frame in turn, and which of them holds."""

    def __init__(self) -> None:
        self.labels: list[Label] = []
        self.place = -1

    @property
    def current(self) -> Label | None:
        return self.labels[self.place] if self.place >= 0 else None

    def add(self, label: Label) -> None:
        """Go on from here: what was undone cannot be redone any more."""
        self.labels[self.place + 1 :] = [label]
        self.place += 1

    def step(self, by: int) -> bool:
        """Undo (-1) or redo (+1); tells whether there was something to."""
        if not -1 <= self.place + by < len(self.labels):
            return False
        self.place += by
        return True


class LabelLog:
    """The labels that a person makes in a folder, with all that they were before; a context manager.

    Args:
        folder: That is labelled; the label log lies in it.
        skeleton: Skeleton of the labels.

    Raises:
        UserError: The label log is damaged, of another skeleton, cannot be written, or another process writes
            in the folder.
    """

    def __init__(self, folder: Path, skeleton: Skeleton) -> None:
        self.path = folder / LABEL_LOG_FILE
        self._skeleton = skeleton
        self._histories: dict[str, _History] = {}
        with ExitStack() as opened:
            opened.enter_context(locked(folder))
            self._file = opened.enter_context(LineFile(self.path))
            self._read()
            self._open = opened.pop_all()

    def __enter__(self) -> "LabelLog":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let others label the folder. There is nothing left to save."""
        self._open.close()

    def label(self, key: str) -> Label | None:
        """The label of a frame as it stands; None if it was not labelled here, or all of that was undone."""
        history = self._histories.get(key)
        return None if history is None else history.current

    def change(self, key: str, joints: Floats | None, action: str, accepted: bool = False) -> None:
        """Give a frame another label; on disk when this returns.

        Args:
            key: Key of the frame.
            joints: Mm, coordinates of the first camera, (J, 3), or `NO_HAND`; None to delete the label.
            action: What was done, in words.
            accepted: Whether the person is done with it.

        Raises:
            UserError: It cannot be written; the label is then as it was.
            ValueError: The joints are not those of the skeleton, or not finite.
        """
        if joints is not None and not (self._is_label(joints) and np.isfinite(joints).all()):
            raise ValueError(f"joints of shape {joints.shape} are no label of {self._skeleton.name}")
        values = None if joints is None else joints.astype(np.float64).round(DECIMALS).tolist()
        self._write({"frame": key, "action": action, "accepted": accepted, "joints_mm": values})

    def undo(self, key: str) -> bool:
        """Take the last change of a frame back; False if there is none."""
        return self._step(key, UNDO, -1)

    def redo(self, key: str) -> bool:
        """Make the change that was taken back last again; False if there is none."""
        return self._step(key, REDO, +1)

    def accepted(self) -> Mapping[str, Floats | None]:
        """The labels that are for training, by frame; None where a label is to be deleted."""
        current = {key: history.current for key, history in self._histories.items()}
        return {key: label.joints for key, label in current.items() if label is not None and label.accepted}

    def unfinished(self) -> list[str]:
        """Frames whose label was changed and not accepted."""
        current = {key: history.current for key, history in self._histories.items()}
        return [key for key, label in current.items() if label is not None and not label.accepted]

    def _step(self, key: str, action: str, by: int) -> bool:
        history = self._histories.get(key)
        if history is None or not -1 <= history.place + by < len(history.labels):
            return False
        self._write({"frame": key, "action": action})
        return True

    def _write(self, entry: dict[str, Any]) -> None:
        """Put a line on disk and only then act on it."""
        entry = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), **entry}
        self._file.append(_summed(entry))
        self._apply(entry)

    def _apply(self, entry: dict[str, Any]) -> None:
        history = self._histories.setdefault(entry["frame"], _History())
        if entry["action"] in (UNDO, REDO):
            if not history.step(-1 if entry["action"] == UNDO else +1):
                raise ValueError("there is nothing to undo or redo")
            return
        values = entry["joints_mm"]
        joints = None if values is None else np.array(values, np.float32).reshape(-1, 3)
        if joints is not None and not (self._is_label(joints) and (np.abs(joints) <= FARTHEST).all()):
            raise ValueError(f"joints of shape {joints.shape}, or no coordinates")
        history.add(Label(joints, bool(entry["accepted"]), str(entry["action"])))

    def _is_label(self, joints: Floats) -> bool:
        return joints.shape in ((len(self._skeleton), 3), NO_HAND.shape)

    def _read(self) -> None:
        """Follow what was done before; a new label log begins with what its joints are."""
        whole = _SUM.search(self._file.torn)
        if whole and whole.end() < len(self._file.torn):  # more than a line, so its end is not what it was
            raise UserError(f"{self.path}: the end of its last line is damaged; restore the file")
        self._file.drop_torn()
        if not self._file.lines:
            head = {"format": FORMAT, "skeleton": self._skeleton.name, "joints": self._skeleton.joints}
            self._file.append(_summed(head))
        summed = False
        for number, line in enumerate(self._file.lines, start=1):
            try:
                entry = _checked(line, summed)
                summed = summed or (number == 1 and entry["format"] == FORMAT)
                if number > 1:
                    self._apply(entry)
                else:
                    self._check_head(entry["skeleton"])
            except _OtherSkeleton:
                raise
            except Exception as error:  # there can be anything in any place
                raise UserError(
                    f"{self.path}, line {number} is damaged ({reason(error)}); remove the line, or restore "
                    "the file"
                ) from error

    def _check_head(self, skeleton: object) -> None:
        if skeleton != self._skeleton.name:
            raise _OtherSkeleton(
                f"{self.path} has labels of {skeleton}, not of {self._skeleton.name}; give --skeleton "
                f"{skeleton}, or move the file away"
            )
