"""Names of files and frames, for people: in the order in which they count, and never too many."""

import re
from collections.abc import Sequence
from pathlib import Path

MOST_NAMED = 10
"""Names in one sentence."""

_DIGITS = re.compile("([0-9]+)")


def natural_key(name: str | Path) -> tuple[tuple[str | int, ...], str]:
    """What to sort names by so that the numbers in them count: `sorted(names, key=natural_key)`.

    Args:
        name: A name or a path; of numbers that are equal ("1", "01") the text decides.
    """
    parts = _DIGITS.split(str(name))
    return tuple(int(part) if index % 2 else part for index, part in enumerate(parts)), str(name)


def shortened(names: Sequence[str]) -> str:
    """List names, of many the first."""
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more
