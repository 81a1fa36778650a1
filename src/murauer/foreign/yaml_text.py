"""YAML from outside as a tree of plain values, as `documents` gives that of JSON."""

from pathlib import Path
from typing import IO, Any

import yaml

from murauer.errors import UserError
from murauer.foreign.documents import MOST_DIGITS, check_depth
from murauer.foreign.limits import reason

MOST_EVENTS = 100_000
"""Values and brackets of one document; a camera has a hundred, and PyYAML is slow."""


def parse_yaml(file: IO[str], where: str | Path) -> Any:
    """Read YAML; of several documents, such as messages that ROS prints, the first.

    Anchors are not read: a few lines of them can stand for more than fits into memory.

    Args:
        file: The text.
        where: What it comes from, for the message.

    Raises:
        UserError: It is not valid YAML, is nested too deeply, or has anchors.
    """
    try:
        loader = _Loader(file)
        tree = loader.get_data() if loader.check_data() else None
        check_depth(tree)
        return _bounded(tree)
    except Exception as error:  # PyYAML's own, and whatever its constructors of dates and sets raise
        raise UserError(f"{where} is not valid YAML: {reason(error)}") from error


class _Loader(yaml.SafeLoader):  # type: ignore[misc]  # it comes without types
    """Refuses what people do not write."""

    events = 0

    def get_event(self) -> Any:
        """Return the next event of the parser, unless there were too many."""
        self.events += 1
        if self.events > MOST_EVENTS:
            raise ValueError(f"it has more than {MOST_EVENTS} values")
        event = super().get_event()
        if isinstance(event, yaml.AliasEvent):
            raise ValueError("it uses anchors, which are not read")
        return event


def _bounded(tree: Any) -> Any:
    """The same with whole numbers of more than 64 bits as floating-point ones."""
    if isinstance(tree, dict):
        return {key: _bounded(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_bounded(value) for value in tree]
    if isinstance(tree, int) and abs(tree) >= 10**MOST_DIGITS:
        return float(tree)
    return tree
