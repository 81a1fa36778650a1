"""Do images and labels belong together, as far as names and numbers of files can tell?

A few images that a disk has lost are no reason to refuse a dataset: opening their frame says so, and
`murauer import` lists them. Labels of another recording are one: every frame would get a wrong label.
"""

from collections.abc import Collection, Sequence
from pathlib import Path

from murauer.errors import UserError

MISSING_SHARE = 0.1
"""More images missing than this share are an incomplete copy of the dataset, not a few damaged files."""


def check_numbered(labels: Path, images: Path, pattern: str, numbers: Collection[int], wanted: range) -> None:
    """Check images that are matched to labels by counting.

    Args:
        labels: file of the labels, for messages.
        images: folder of the images, for messages.
        pattern: file name of an image with `{}` for its number (and its format).
        numbers: of the images that are there.
        wanted: numbers of the images that have a label.

    Raises:
        UserError: the last image is not the one of the last label, or many are missing.
    """
    last = max(numbers, default=wanted.start - 1)
    if numbers and last != wanted.stop - 1:
        raise UserError(
            f"{labels} has labels of {len(wanted)} frames but the last image of {images} is "
            f"{pattern.format(last)}, not {pattern.format(wanted.stop - 1)}; labels and images must be those "
            "of the same frames, copy both again"
        )
    missing = [pattern.format(number) for number in wanted if number not in numbers]
    _refuse_many(missing, len(wanted), labels, images)


def check_named(labels: Path, images: Path, names: Sequence[str], present: Collection[str]) -> None:
    """Check images that their labels name.

    Args:
        labels: file of the labels, for messages.
        images: folder of the images, for messages.
        names: of the labelled images.
        present: names of the images that are there.

    Raises:
        UserError: an image is labelled twice, an image has no label, or many are missing.
    """
    known = set(names)
    if len(known) != len(names):
        seen: set[str] = set()
        twice = next(name for name in names if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise UserError(f"{labels} labels {twice} twice; a frame has one label, remove the other line")
    unlabelled = [name for name in present if name not in known]
    if unlabelled:
        raise UserError(
            f"{images} has {len(unlabelled)} images without a line in {labels}, such as {min(unlabelled)}; "
            "get the complete label file or move these images away"
        )
    _refuse_many([name for name in names if name not in present], len(names), labels, images)


def _refuse_many(missing: Sequence[str], labelled: int, labels: Path, images: Path) -> None:
    if len(missing) > MISSING_SHARE * labelled:
        raise UserError(
            f"{images} misses {len(missing)} of the {labelled} images that {labels} labels, the first is "
            f"{missing[0]}; unpack the dataset completely"
        )
