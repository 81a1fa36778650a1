"""Names in the folder of a capture; see docs/capture_format.md."""

from pathlib import Path

LABEL_FILE, PERSON_FILE, PAIR_FOLDER = "labels.json", "persons.csv", "twin"

SUFFIXES = (".png", ".npy")
"""Of depth images."""


def frame_files(folder: Path) -> list[Path]:
    """List the depth images of one camera, in no order; what is being written is not among them."""
    return [path for path in folder.iterdir() if path.suffix in SUFFIXES and not path.name.startswith(".")]
