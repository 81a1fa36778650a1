"""Sentences of Markdown pages, to be read aloud: `python tests/prose.py PAGE.md ...` prints the long ones."""

import re
import sys
from pathlib import Path

MOST_WORDS = 30
MOST_LINES = 150

FENCED = re.compile(r"^(```|~~~).*?^\1$", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"(?:^ {4}\S.*\n?)+(?:\s*\n)?", re.MULTILINE)
NOT_PROSE = re.compile(r"^\s*(\||#|!\[|\[!\[|\(\w+\)=$|<).*$", re.MULTILINE)
LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
CODE = re.compile(r"`[^`]+`")
PARAGRAPH = re.compile(r"\n\s*\n|\n(?=\s*(?:[-*]|\d+\.|>)\s)")
END = re.compile(r"(?<=[.!?])[\"')*_]*\s+(?=[\"'(*_\[]*(?:[A-Z0-9]|[fmpgh] |\w+\.md))")
WORD = re.compile(r"\w")


def sentences(page: str) -> list[str]:
    """Split what a reader reads as running text; code, tables, headings and pictures are none."""
    text = page
    for pattern in (FENCED, INDENTED, NOT_PROSE):
        text = pattern.sub("\n", text)
    text = CODE.sub("X", LINK.sub(r"\1", text))
    found = []
    for paragraph in PARAGRAPH.split(text):
        joined = " ".join(paragraph.replace("Eq. (", "Eq (").split())
        found += [sentence for sentence in END.split(joined) if sentence]
    return found


def words(sentence: str) -> int:
    """Count what has a letter or a digit in it."""
    return sum(bool(WORD.search(word)) for word in sentence.split())


def long_sentences(page: str, most: int = MOST_WORDS) -> list[str]:
    """List what is too long to be read aloud in one breath."""
    return [sentence for sentence in sentences(page) if words(sentence) > most]


if __name__ == "__main__":
    for name in sys.argv[1:]:
        page = Path(name).read_text(encoding="utf-8")
        if len(page.splitlines()) > MOST_LINES:
            print(f"{name}: {len(page.splitlines())} lines")
        for sentence in long_sentences(page):
            print(f"{name}: {words(sentence)} words: {sentence}")
