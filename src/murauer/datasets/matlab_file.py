"""MATLAB's files, read by a process of its own: what damages that, by its memory or its time, stays there.

SciPy's reader is compiled and believes what files say: a damaged one can end the whole process. Only numbers
and texts come back, through files that are measured before they are read.
"""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from murauer.errors import UserError
from murauer.foreign.arrays import load_archive
from murauer.foreign.documents import parse_object
from murauer.foreign.limits import LONGEST_REASON, MOST_SETTINGS, MOST_UNPACKED, read_bytes, reason

MOST_SECONDS = 300
MOST_MEMORY = 3 * MOST_UNPACKED
"""Bytes of addresses for the process, its libraries included."""

HDF5 = (b"MATLAB 7.3", b"\x89HDF")
ARRAYS, TEXTS = "arrays.npz", "texts.json"


def read_matlab(path: Path, names: Sequence[str]) -> tuple[dict[str, NDArray[Any]], dict[str, list[str]]]:
    """Read variables of a MATLAB file.

    Args:
        path: The file, of any version before 7.3.
        names: The variables that are wanted; those that it does not have are passed over.

    Returns:
        Arrays of numbers by name, and cells and arrays of texts by name, as lists in MATLAB's order.

    Raises:
        UserError: It cannot be read, is of version 7.3, is damaged, or takes too much memory or time.
    """
    fault = f"{path} is no readable .mat file"
    try:
        with path.open("rb") as file:
            begin = file.read(16)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    if begin.startswith(HDF5):
        raise UserError(
            f"{path} is a MATLAB 7.3 (HDF5) file; get the original, or save it in MATLAB with '-v7'"
        )
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", __name__, str(path.absolute()), folder, *names]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OPENBLAS_NUM_THREADS": "1"}
        try:
            ended = subprocess.run(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=MOST_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise UserError(f"{fault} (reading takes more than {MOST_SECONDS} s); copy it again") from None
        if ended.returncode != 0:
            said = ended.stderr.decode("utf-8", "replace").strip().splitlines() or ["its reader crashes"]
            raise UserError(f"{fault} ({said[-1][:LONGEST_REASON]}); copy it again")
        texts = parse_object(read_bytes(Path(folder, TEXTS), MOST_SETTINGS), fault)
        return load_archive(Path(folder, ARRAYS)), texts


def _read(path: Path, folder: Path, names: Sequence[str]) -> None:
    """Do it, in the process of its own."""
    import scipy.io

    # Loaded before: libraries must fit into memory, too.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_UNPACKED, MOST_UNPACKED))
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    arrays, texts = {}, {}
    for name, value in scipy.io.loadmat(path, variable_names=list(names)).items():
        if name not in names:
            continue
        array = np.asarray(value)
        if array.dtype.kind in "uif":
            arrays[name] = array
        else:
            texts[name] = [str(np.squeeze(each)).strip() for each in array.ravel()]
    np.savez(folder / ARRAYS, allow_pickle=False, **arrays)
    (folder / TEXTS).write_text(json.dumps(texts), encoding="utf-8")


if __name__ == "__main__":
    try:
        _read(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
    except Exception as error:
        sys.exit(reason(error))
