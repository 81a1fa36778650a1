"""The one reader of text files that people write: JSON, tables, lists, lines of numbers.

They come from editors and spreadsheets of all kinds, so they may be UTF-8, with a byte-order mark or without,
UTF-16, or Windows-1252 (Latin-1); a table's columns may be separated by commas, semicolons or tabs, and
numbers may have a decimal comma. All of that is read. What is no text is refused, and said what it is.
"""

import codecs
import csv
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TypeVar

from murauer.errors import UserError
from murauer.foreign.documents import convert_json, parse_json
from murauer.foreign.limits import MOST_SETTINGS, MOST_TEXT, in_words, reading

T = TypeVar("T")

HEAD_BYTES = 65536
"""Of a file, by which it is known what it is; whole files may have half a billion."""

MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # begins like the mark of UTF-16, so it comes before it
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""How files of spreadsheets begin, the newer and the older ones."""

PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"%PDF")
"""How pictures begin, of which a damaged one may look like text."""

CONTROL = re.compile("[\x00-\x08\x0e-\x19\x1b-\x1f]")
"""Characters that no text has; 1A is the end of files from DOS."""

SEPARATORS = ",;\t"

LONGEST_LINE = 2**20
"""Characters of a line of numbers."""

LARGEST_WHOLE = 2**31 - 1
"""Of whole numbers that count or name something."""

FARTHEST = 1e6
"""Of coordinates, in pixels or mm: a kilometre."""


def _as_windows(error: UnicodeError) -> tuple[str, int]:
    """What is no UTF-8 is Windows-1252, the Latin-1 of most editors."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("cp1252"), error.end


codecs.register_error("windows-1252", _as_windows)


@contextmanager
def open_text(path: Path) -> Iterator[IO[str]]:
    """Open a text file in any of the usual encodings, to be read line by line.

    Args:
        path: The file.

    Yields:
        Its text, with line ends as Python has them.

    Raises:
        UserError: It cannot be read or is not a text file.
    """
    try:
        with path.open("rb") as binary:
            encoding = _encoding(path, binary.read(HEAD_BYTES))
        errors = "windows-1252" if encoding.startswith("utf-8") else "strict"
        with path.open(encoding=encoding, errors=errors) as file:
            yield file
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    except UnicodeError as error:
        raise UserError(f"{path} is not a text file; save it as UTF-8 text") from error


def _encoding(path: Path, head: bytes) -> str:
    """How the text of a file is encoded, by its beginning."""
    if head.startswith(WORKBOOKS):
        raise UserError(f"{path} is a workbook of a spreadsheet, not a text file; save it as CSV (UTF-8)")
    for mark, encoding in MARKS.items():
        if head.startswith(mark):
            return encoding
    zeros = [head[start::2].count(0) for start in (0, 1)]  # of UTF-16, every other byte of ASCII text
    if 4 * max(zeros) > len(head) and min(zeros) == 0:
        return "utf-16-be" if zeros[0] else "utf-16-le"
    if CONTROL.search(head.decode("latin-1")) or head.startswith(PICTURES):
        raise UserError(f"{path} is not a text file; save it as UTF-8 text")
    return "utf-8"


def read_text(path: Path, most: int = MOST_TEXT) -> str:
    """Read a text file in any of the usual encodings.

    Args:
        path: The file.
        most: Characters that it may have.

    Raises:
        UserError: It cannot be read, is not a text file, or is too large.
    """
    with open_text(path) as file:
        text = file.read(most + 1)
    if len(text) > most:
        raise UserError(f"{path} is larger than {in_words(most)}, the most that such a file may have")
    return text


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Read a file line by line, however many there are; numbers are from 1.

    Raises:
        UserError: It cannot be read, is not a text file, or has a line that is too long.
    """
    with open_text(path) as file:
        number = 0
        while line := file.readline(LONGEST_LINE):
            number += 1
            if len(line) == LONGEST_LINE:
                raise UserError(f"{path}, line {number} has more than {LONGEST_LINE} characters")
            yield number, line


def read_json(path: Path) -> Any:
    """Read a JSON file of settings, see `parse_json`.

    Raises:
        UserError: It cannot be read, is too large, or is not valid JSON.
    """
    return parse_json(read_text(path, MOST_SETTINGS), f"{path} is not valid JSON")


def decode_json(path: Path, kind: type[T], what: str) -> T:
    """Read a JSON file of a known structure; NaN in it counts as null.

    Args:
        path: The file.
        kind: That the values must have.
        what: The file is to be, for the message.

    Raises:
        UserError: It cannot be read, is not valid JSON, or holds something else.
    """
    return convert_json(read_text(path), kind, f"{path} is no {what}")


def read_lines(path: Path) -> list[tuple[int, str]]:
    """Read the lines that are not blank, with their numbers from 1, without blanks and quotes around them.

    Raises:
        UserError: It cannot be read or is not a text file.
    """
    stripped = ((number, line.strip().rstrip(";,").strip('"')) for number, line in numbered_lines(path))
    return [(number, line) for number, line in stripped if line]


def without_comment(line: str) -> str:
    """Return a line without what is behind a #."""
    return line.partition("#")[0].rstrip()


def read_table(path: Path, columns: Sequence[str], optional: Sequence[str] = ()) -> list[dict[str, str]]:
    """Read a table whose first line names its columns, with the separators and quotes of any spreadsheet.

    Args:
        path: The file.
        columns: That it must have.
        optional: That it may have; others are passed over.

    Returns:
        The cells of each row by column, "" where it has none; empty rows are passed over.

    Raises:
        UserError: It cannot be read, is not a text file, or lacks a column.
    """
    lines = read_text(path).splitlines()
    separator = ""
    if lines and lines[0].lower().startswith("sep="):  # Excel's own way to say it
        separator = lines.pop(0)[4:5]
    head = lines[0] if lines else ""
    separator = separator or max(SEPARATORS, key=head.count)
    with reading(path, "is no table", "write its cells with commas between them"):
        rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=separator)]
    names = [name.lower() for name in rows[0]] if rows else []
    if missing := [column for column in columns if column not in names]:
        every = ",".join((*columns, *optional))
        raise UserError(f"{path} must begin with the line {every}; it has no {missing[0]} in {head[:60]!r}")
    filled = [[*row, *[""] * (len(names) - len(row))] for row in rows[1:] if any(row)]
    cells = [dict(zip(names, row, strict=False)) for row in filled]
    return [{column: row.get(column, "") for column in (*columns, *optional)} for row in cells]


def split_numbers(line: str) -> list[str]:
    """Take a line of numbers apart, which blanks, tabs, commas or semicolons separate.

    A comma is a decimal one where all numbers have at most one, inside of them: "1,5 2 3,25" are three.

    Returns:
        The words, as Python reads numbers; one that is no number stays as it is.
    """
    words = line.replace('"', " ").replace(";", " ").split()
    inside = [word.count(",") <= 1 and word == word.strip(",") for word in words]
    if len(words) > 1 and all(inside):
        return [word.replace(",", ".") if is_number(word.replace(",", ".")) else word for word in words]
    return [part for word in words for part in word.split(",") if part]


def is_number(word: str) -> bool:
    """Whether Python reads a word as a number, NaN and infinity included."""
    try:
        float(word)
    except ValueError:
        return False
    return True


def to_whole(word: str) -> int:
    """Turn a word into a whole number of at most `LARGEST_WHOLE`, negative ones included.

    Raises:
        ValueError: It is none.
    """
    number = int(word) if len(word) < 20 else LARGEST_WHOLE + 1
    if abs(number) > LARGEST_WHOLE:
        raise ValueError(f"{word[:20]} is too large")
    return number


def to_coordinate(word: str) -> float:
    """Turn a word into a coordinate in pixels or mm, which may be NaN or infinity.

    Raises:
        ValueError: It is no number, or is beyond `FARTHEST`.
    """
    number = float(word)
    if FARTHEST < abs(number) < float("inf"):
        raise ValueError(f"{word[:20]} is no coordinate in pixels or mm")
    return number


def to_number(cell: str) -> float:
    """Turn a cell of a table into a number; its comma is a decimal one.

    Raises:
        ValueError: It is none.
    """
    return float(cell.replace(",", "."))
