"""A run folder as files under 16 MiB, to carry it to where larger ones may not go, and back.

    python benchmarks/pack_run.py pack runs/gpu carried
    python benchmarks/pack_run.py unpack carried runs/gpu

The parts are those of one tar archive, in the order of their names; a part that is missing or was changed is
noticed before anything is unpacked. So a training goes on elsewhere from its last checkpoint.
"""

import hashlib
import json
import sys
import tarfile
from pathlib import Path
from tempfile import TemporaryFile

PART_BYTES = 15 << 20
LIST_FILE = "parts.json"


def pack(run: Path, out: Path, part_bytes: int = PART_BYTES) -> list[Path]:
    """Split a run folder into parts; those of an earlier call are replaced.

    Args:
        run: the run folder.
        out: where the parts and the list of them go.
        part_bytes: largest size of a part.
    """
    out.mkdir(parents=True, exist_ok=True)
    for old in out.glob("part_*"):
        old.unlink()
    digests = {}
    with TemporaryFile() as file:
        with tarfile.open(fileobj=file, mode="w") as archive:
            archive.add(run, arcname=".")
        file.seek(0)
        while content := file.read(part_bytes):
            name = f"part_{len(digests):04d}"
            (out / name).write_bytes(content)
            digests[name] = hashlib.sha256(content).hexdigest()
    (out / LIST_FILE).write_text(json.dumps(digests, indent=1) + "\n")
    return [out / name for name in digests]


def unpack(parts: Path, run: Path) -> None:
    """Put a run folder together again; files there of the same names are replaced.

    Raises:
        SystemExit: a part is missing or not as it was.
    """
    with TemporaryFile() as file:
        for name, digest in json.loads((parts / LIST_FILE).read_text()).items():
            path = parts / name
            content = path.read_bytes() if path.exists() else b""
            if hashlib.sha256(content).hexdigest() != digest:
                raise SystemExit(f"{path} is missing or damaged; copy it again")
            file.write(content)
        file.seek(0)
        with tarfile.open(fileobj=file) as archive:
            safe = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}  # from Python 3.11.4 on
            archive.extractall(run, **safe)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["pack", run, out]:
            print(f"{len(pack(Path(run), Path(out)))} parts")
        case ["unpack", parts, run]:
            unpack(Path(parts), Path(run))
        case _:
            raise SystemExit(__doc__)
