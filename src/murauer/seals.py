"""A digest within a file, which tells whether the file is still what was written.

It is the SHA-256 of the file with zeros in place of the digest itself. Whatever can hold a text can hold it:
the metadata of safe tensors and of ONNX, a field of JSON. It stands between two marks, so that damage to one
does not make the file look like one that never had a digest. Such files are read as they are.
"""

import hashlib
import re
from mmap import ACCESS_READ, mmap
from pathlib import Path

from murauer.errors import UserError

FIELD = "digest"
"""Name under which it stands, in formats that have names."""

_FIRST, _LAST, _DIGITS = b"murauer-sha256[", b"]murauer-sha256", 64

_SEAL = re.compile(re.escape(_FIRST) + rb"([0-9a-f]{%d})" % _DIGITS + re.escape(_LAST))

UNSEALED = (_FIRST + b"0" * _DIGITS + _LAST).decode()
"""Text that a file must hold to be sealed."""


def seal(path: Path) -> None:
    """Put the digest in place of `UNSEALED`, in a file that is complete otherwise."""
    with open(path, "rb+") as file:
        with mmap(file.fileno(), 0, access=ACCESS_READ) as content:
            place = content.find(UNSEALED.encode())
            if place < 0:
                raise ValueError(f"{path} has no place for a digest")
            digest = hashlib.sha256(content).hexdigest()
        file.seek(place + len(_FIRST))
        file.write(digest.encode())


def check_seal(path: Path, mend: str) -> bool:
    """Compare a file with its digest; returns whether it has one.

    Args:
        path: The file.
        mend: What helps if it is damaged.

    Raises:
        UserError: It is not what was written.
        OSError: It cannot be read.
    """
    with open(path, "rb") as file:
        if not path.stat().st_size:
            return False
        with mmap(file.fileno(), 0, access=ACCESS_READ) as content:
            if content.find(_FIRST) < 0 and content.find(_LAST) < 0:
                return False
            if any(_agrees(content, *found.span(1)) for found in _SEAL.finditer(content)):
                return True
    raise UserError(f"{path} is damaged: its digest does not agree with its content; {mend}")


def _agrees(content: mmap, start: int, end: int) -> bool:
    """Whether the digest at a place is that of all else."""
    digest = hashlib.sha256()
    with memoryview(content) as view:
        digest.update(view[:start])
        digest.update(b"0" * _DIGITS)
        digest.update(view[end:])
    return digest.hexdigest().encode() == content[start:end]
