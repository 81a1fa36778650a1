"""The one reader of text files."""

import json
import math
from pathlib import Path

import pytest

from murauer.errors import UserError
from murauer.text_files import decode_json, read_json, read_lines, read_table, read_text, split_numbers

TEXT = "Übung 1\nzwei\n"


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp1252"],
)
def test_encodings(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.txt").write_bytes(TEXT.replace("\n", "\r\n").encode(encoding))
    assert read_text(tmp_path / "a.txt") == TEXT


def test_latin_1_far_behind_the_beginning(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"1\n" * 100_000 + "für\n".encode("latin-1"))
    assert read_lines(tmp_path / "a.txt")[-1] == (100_001, "für")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK\x03\x04" + bytes(50), "is a workbook of a spreadsheet"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "is a workbook of a spreadsheet"),
        (b"\x89PNG\r\n\x1a\n\xff\xfe", "is not a text file"),
        (b"abc\x00\x01\x02", "is not a text file"),
        (b"1 2\n\x81\n", "is not a text file"),
        ("halb".encode("utf-16")[:-1], "is not a text file"),
    ],
)
def test_what_is_no_text(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(UserError, match=message):
        read_text(tmp_path / "a.txt")
    with pytest.raises(UserError, match="cannot read"):
        read_text(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        "frame,person\na b,1\n",
        "frame;person\r\na b;1\r\n;\r\n",
        'sep=;\nFrame;Person\n"a b";"1"\n',
        "person\tframe\n1\ta b\n",
        " frame , person , more\na b , 1 , x\n",
    ],
)
def test_tables(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.csv").write_text(content)
    assert read_table(tmp_path / "a.csv", ("frame", "person")) == [{"frame": "a b", "person": "1"}]


def test_a_table_without_a_column(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("frame,who\na,1\n")
    with pytest.raises(UserError, match="begin with the line frame,person; it has no person in 'frame,who'"):
        read_table(tmp_path / "a.csv", ("frame", "person"))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("1 2.5 -3e2", ["1", "2.5", "-3e2"]),
        ("1,2,3", ["1", "2", "3"]),
        ("1, 2, 3", ["1", "2", "3"]),
        ("1,5 2 3,25", ["1.5", "2", "3.25"]),
        ("1,5;2;3,25;", ["1.5", "2", "3.25"]),
        ("1,2,3;4,5,6", ["1", "2", "3", "4", "5", "6"]),
        ("a.png\t1,5\t2,5", ["a.png", "1.5", "2.5"]),
        ("a.png,1,2", ["a.png", "1", "2"]),
        ("nan nan 1", ["nan", "nan", "1"]),
        ("", []),
    ],
)
def test_numbers(line: str, words: list[str]) -> None:
    assert split_numbers(line) == words


def test_json(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(json.dumps({"a": [1.5, math.nan]}).encode("utf-16"))
    assert math.isnan(read_json(path)["a"][1])
    assert decode_json(path, dict[str, list[float | None]], "list") == {"a": [1.5, None]}
    with pytest.raises(UserError, match=r"a.json is no list of names: Expected `array`, got `object`"):
        decode_json(path, list[str], "list of names")
    for text in ("{", "[" * 100_000):
        path.write_text(text)
        with pytest.raises(UserError, match=r"a.json is not valid JSON"):
            read_json(path)
        with pytest.raises(UserError, match=r"a.json is no list of names"):
            decode_json(path, list[str], "list of names")
