"""Names in the folder of a capture; see docs/capture_format.md."""

from collections.abc import Iterable
from pathlib import Path

from murauer.names import natural_key

LABEL_FILE, PERSON_FILE, PAIR_FOLDER = "labels.json", "persons.csv", "twin"

SUFFIXES = (".png", ".tif", ".tiff", ".npy", ".npz")
"""Of depth images, in small letters or capitals."""

SYSTEM_FILES = ("thumbs.db", "desktop.ini")


def frame_files(folder: Path) -> list[Path]:
    """List the depth images of one camera in natural order, without what is hidden or being written."""
    images = [path for path in folder.iterdir() if is_frame(path)]
    return sorted(images, key=natural_key)


def is_frame(path: Path) -> bool:
    """Whether a file may be a depth image, by its name."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def other_files(folder: Path) -> list[Path]:
    """List what else is in a camera's folder, in natural order, but for what systems leave everywhere."""
    others = [
        path for path in folder.iterdir()
        if path.is_file() and not is_frame(path) and not path.name.startswith(".")
        and path.name.lower() not in SYSTEM_FILES
    ]  # fmt: skip
    return sorted(others, key=natural_key)


class FrameNames:
    """Finds frames by what people and spreadsheets make of their names.

    Args:
        names: Names of the frames, without suffix.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = set(names)
        self._by_number: dict[int, str | None] = {}
        for name in self._names:
            if name.isdecimal():
                number = int(name)
                self._by_number[number] = None if number in self._by_number else name

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def find(self, text: str) -> str | None:
        """Find the frame that is meant: its name, its file, or the number that Excel leaves of 000012.

        Returns:
            Its name; None if there is none, or if it is not clear which.
        """
        for candidate in (text, Path(text).stem if is_frame(Path(text)) else text):
            if candidate in self._names:
                return candidate
        return self._by_number.get(int(text)) if text.isdecimal() else None
