"""JSON from outside as trees of plain values: nested as deep as people write, numbers of 64 bits."""

import json
from collections.abc import Iterator
from typing import Any, TypeVar

from murauer.errors import UserError
from murauer.foreign.limits import reason

T = TypeVar("T")

DEEPEST = 64
"""Objects and lists within each other."""

MOST_DIGITS = 18
"""Of whole numbers; those with more count as floating-point numbers."""


def parse_json(text: str | bytes, fault: str) -> Any:
    """Read JSON; NaN and Infinity, which Python and JavaScript write, are read as such.

    Args:
        text: The text; bytes are UTF-8.
        fault: What is wrong if it is not valid JSON, as the message begins.

    Returns:
        Dicts, lists, texts and numbers; whole numbers of more than 64 bits are floating-point ones.

    Raises:
        UserError: It is not valid JSON, or is nested too deeply.
    """
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8")
        tree = json.loads(text, parse_int=_parse_int)
        check_depth(tree)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{fault}: {reason(error)}") from error
    return tree


def parse_object(text: str | bytes, fault: str) -> dict[str, Any]:
    """Read JSON that is an object, see `parse_json`.

    Raises:
        UserError: It is not.
    """
    tree = parse_json(text, fault)
    if not isinstance(tree, dict):
        raise UserError(f"{fault}: it must be an object in braces, {{...}}")
    return tree


def convert_json(text: str | bytes, kind: type[T], fault: str) -> T:
    """Read JSON of a known structure, with the ranges that its type declares; NaN counts as null.

    Raises:
        UserError: It is not valid JSON, or holds something else.
    """
    import msgspec  # start-up

    try:
        try:
            return msgspec.json.decode(text, type=kind)
        except msgspec.ValidationError:
            raise
        except msgspec.DecodeError:  # which tells least, and Python's reader knows NaN
            tree = json.loads(text, parse_constant=lambda _: None, parse_int=_parse_int)
            return msgspec.convert(tree, kind)
    except (UserError, ValueError, RecursionError) as error:  # msgspec's are ValueErrors, too
        raise UserError(f"{fault}: {reason(error)}") from error


def check_depth(tree: Any) -> None:
    """Refuse what is nested deeper than `DEEPEST`.

    Raises:
        ValueError: It is.
    """
    level: list[Any] = [tree]
    for _ in range(DEEPEST):
        level = [child for each in level for child in _children(each)]
        if not level:
            return
    raise ValueError("it is nested too deeply")


def _children(tree: Any) -> Iterator[Any]:
    if isinstance(tree, dict):
        yield from (value for value in tree.values() if isinstance(value, dict | list))
    elif isinstance(tree, list):
        yield from (value for value in tree if isinstance(value, dict | list))


def _parse_int(digits: str) -> int | float:
    return int(digits) if len(digits) <= MOST_DIGITS else float(digits)
