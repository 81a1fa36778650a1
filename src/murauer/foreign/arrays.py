"""NumPy's files from outside: the shape that they declare is held against the bytes that there are.

`numpy.load` believes the header: it asks for as much memory as is declared, and it unpacks an archive to
whatever comes out. Here nothing is allocated before it is known how much there is.
"""

import zipfile
from collections.abc import Collection
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
from numpy.typing import NDArray

from murauer.errors import UserError
from murauer.foreign.limits import in_words, most_unpacked, reading

NUMBERS = "uifb"
"""Kinds of dtypes that are read: whole and floating-point numbers, and yes or no."""

MOST_AXES = 8
MOST_MEMBERS = 1000

ARRAY, ARCHIVE = "is no complete .npy array of numbers", "is no complete .npz file of arrays"


@dataclass(frozen=True)
class Header:
    """What an `.npy` file says of itself.

    Attributes:
        shape: Shape of the array.
        dtype: Its dtype, of numbers.
        fortran: Whether the first axis is the fastest.
        offset: Place of the first number in the file, in bytes.
    """

    shape: tuple[int, ...]
    dtype: "np.dtype[Any]"
    fortran: bool
    offset: int

    @property
    def size(self) -> int:
        """Bytes of the numbers."""
        return prod(self.shape) * self.dtype.itemsize


def read_header(path: Path) -> Header:
    """Read what an `.npy` file says of itself, and see whether it has as many bytes.

    Raises:
        UserError: It cannot be read, is damaged, holds something else than numbers, or is incomplete.
    """
    with reading(path, ARRAY, "write it by numpy.save"), path.open("rb") as file:
        return _parse_header(file, path.stat().st_size, path)


def load_array(path: Path) -> NDArray[Any]:
    """Read an `.npy` file into memory.

    Raises:
        UserError: As for `read_header`; or it is too large.
    """
    with reading(path, ARRAY, "write it by numpy.save"), path.open("rb") as file:
        header = _parse_header(file, path.stat().st_size, path)
        _check_fits(header.size, path)
        return _read_numbers(file, header)


def map_array(path: Path, mode: Literal["r", "r+", "c"]) -> NDArray[Any]:
    """Map an `.npy` file into memory, as `numpy.load` does with this mode; of nothing, an array.

    Raises:
        UserError: As for `read_header`.
    """
    header = read_header(path)
    order: Literal["F", "C"] = "F" if header.fortran else "C"
    if header.size == 0:
        return np.zeros(header.shape, header.dtype, order)
    with reading(path, ARRAY, "write it by numpy.save"):
        return np.memmap(path, header.dtype, mode, header.offset, header.shape, order)


def list_archive(path: Path) -> dict[str, Header]:
    """Read what the arrays of an `.npz` file say of themselves, by name.

    Raises:
        UserError: It is damaged, holds something else than arrays of numbers, or unpacks to too much.
    """
    with reading(path, ARCHIVE, "write it by numpy.savez"), zipfile.ZipFile(path) as archive:
        headers = {}
        for member in _members(archive, path):
            with archive.open(member) as file:
                headers[_name_of(member)] = _parse_header(file, member.file_size, path)
        return headers


def load_archive(path: Path, names: Collection[str] | None = None) -> dict[str, NDArray[Any]]:
    """Read arrays of an `.npz` file, by name; all of them by default.

    Raises:
        UserError: As for `list_archive`; or they are incomplete.
    """
    with reading(path, ARCHIVE, "write it by numpy.savez"), zipfile.ZipFile(path) as archive:
        arrays = {}
        for member in _members(archive, path):
            if names is None or _name_of(member) in names:
                with archive.open(member) as file:
                    header = _parse_header(file, member.file_size, path)
                    arrays[_name_of(member)] = _read_numbers(file, header)
        return arrays


def _members(archive: zipfile.ZipFile, path: Path) -> list[zipfile.ZipInfo]:
    """The files of an archive, whose sizes together are no more than may be unpacked."""
    members = archive.infolist()
    if len(members) > MOST_MEMBERS:
        raise UserError(f"{path} holds {len(members)} files; arrays of frames are one for each camera")
    names = [_name_of(member) for member in members]
    if len(set(names)) < len(names):
        raise UserError(f"{path} holds two arrays of one name; write it by numpy.savez")
    _check_fits(sum(member.file_size for member in members), path)
    return members


def _name_of(member: zipfile.ZipInfo) -> str:
    return member.filename.removesuffix(".npy")


def _check_fits(size: int, path: Path) -> None:
    if size > (most := most_unpacked()):
        raise UserError(
            f"{path} holds {in_words(size)} of numbers, and {in_words(most)} can be read at a time here; "
            "save a part of it, or one .npy file for each camera"
        )


def _parse_header(file: IO[bytes], size: int, path: Path) -> Header:
    """Read the head of an array; `size` is that of the whole file."""
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"its format version is {version[0]}.{version[1]}")
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }[version]
    shape, fortran, dtype = read(file)
    if dtype.kind not in NUMBERS:
        raise ValueError(f"it holds {dtype}, no numbers")
    if len(shape) > MOST_AXES or any(isinstance(side, bool) or side < 0 for side in shape):
        raise ValueError(f"its shape is {shape}")
    header = Header(shape, dtype, bool(fortran), file.tell())
    if header.size > size - header.offset:
        raise UserError(
            f"{path} is incomplete: shape {shape} of {dtype} would be {in_words(header.size)}, and there are "
            f"{in_words(max(size - header.offset, 0))}; copy it or write it again"
        )
    return header


def _read_numbers(file: IO[bytes], header: Header) -> NDArray[Any]:
    """Read the numbers behind a head."""
    array = np.empty(prod(header.shape), header.dtype)
    view, done = array.view(np.uint8), 0
    while done < header.size:
        part = file.read(min(header.size - done, 2**24))
        if not part:
            raise ValueError("it ends too early")
        view[done : done + len(part)] = np.frombuffer(part, np.uint8)
        done += len(part)
    return array.reshape(header.shape, order="F" if header.fortran else "C")
