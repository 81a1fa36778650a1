"""Do images and labels belong together, as far as names and numbers of files can tell?

A few images that a disk has lost are no reason to refuse a dataset: opening their frame says so, and
`murauer import` lists them. Labels of another recording are one: every frame would get a wrong label.
"""

from collections.abc import Collection, Sequence
from pathlib import Path

from murauer.errors import UserError
from murauer.names import shortened

MISSING_SHARE = 0.1
"""More images missing than this share are an incomplete copy of the dataset, not a few damaged files."""


def check_numbered(
    labels: Path, images: Path, pattern: str, numbers: Collection[int], wanted: range
) -> tuple[str, ...]:
    """Check images that are matched to labels by counting.

    Args:
        labels: File of the labels, for messages.
        images: Folder of the images, for messages.
        pattern: File name of an image with `{}` for its number (and its format).
        numbers: Numbers of the images that are there.
        wanted: Numbers of the images that have a label.

    Returns:
        What `left_out` of a dataset says of them.

    Raises:
        UserError: There are images behind the last label, or many are missing.
    """
    last = max(numbers, default=wanted.start - 1)
    if last >= wanted.stop:
        raise UserError(
            f"{labels} has labels of {len(wanted)} frames but the last image of {images} is "
            f"{pattern.format(last)}, not {pattern.format(wanted.stop - 1)}; labels and images must be those "
            "of the same frames, copy both again"
        )
    return check_missing([pattern.format(n) for n in wanted if n not in numbers], len(wanted), labels, images)


def check_named(
    labels: Path, images: Path, names: Sequence[str], present: Collection[str]
) -> tuple[str, ...]:
    """Check images that their labels name.

    Args:
        labels: File of the labels, for messages.
        images: Folder of the images, for messages.
        names: Names of the labelled images.
        present: Names of the images that are there.

    Returns:
        What `left_out` of a dataset says of them.

    Raises:
        UserError: An image is labelled twice, an image has no label, or many are missing.
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
    return check_missing([name for name in names if name not in present], len(names), labels, images)


def check_missing(missing: Sequence[str], of: int, listed_in: Path, images: Path) -> tuple[str, ...]:
    """Let a few images be missing, wherever they are in the recording.

    Args:
        missing: Names of the images that are not there.
        of: Number of images that there should be.
        listed_in: What says so, for messages.
        images: Folder of the images, for messages.

    Returns:
        One sentence that counts and names them, for `left_out` of a dataset; none if all are there.

    Raises:
        UserError: Many are missing.
    """
    if len(missing) > MISSING_SHARE * of:
        raise UserError(
            f"{images} misses {len(missing)} of the {of} images that {listed_in} lists, the first is "
            f"{missing[0]}; unpack the dataset completely"
        )
    if not missing:
        return ()
    return (
        f"{images} misses {len(missing)} of the {of} images that {listed_in} lists: {shortened(missing)}",
    )
