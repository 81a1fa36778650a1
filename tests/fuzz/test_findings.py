"""What fuzzing found is fed again, and the readers still read what is sound."""

import os
import warnings
from contextlib import suppress
from pathlib import Path

import pytest
from fuzz_targets import TARGETS, Target

import fuzz
from murauer.errors import LONGEST, UserError

HERE = Path(__file__).parent
FOUND = sorted((HERE / "findings").glob("*/*"))

OF_THE_COLLECTION = {
    "camera": "camera",
    "facts": "facts",
    "manifest": "manifest",
    "msra": "msra_box",
    "msratxt": "msra_joints",
    "npy": "array",
    "setnpy": "set_joints",
    "stacknpy": "stack",
    "stacknpz": "stack_archive",
    "video": "video",
}
"""Targets by the first word of a file's name in `trust-07-fuzz` of the reference data."""


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_are_read(name: str) -> None:
    pytest.importorskip("av", reason="PyAV is not installed: pip install 'murauer[video]'")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for seed in TARGETS[name].seeds():
            TARGETS[name].read(seed)


@pytest.mark.parametrize("name", [folder.name for folder in sorted((HERE / "corpus").glob("*"))])
def test_the_corpus_is_read_or_refused(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for path in sorted((HERE / "corpus" / name).iterdir()):
            with suppress(UserError):
                TARGETS[name].read(path.read_bytes())


def test_what_is_neither_read_nor_refused_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(data: bytes) -> None:
        if data.startswith(b"b"):
            raise ValueError("not for users")
        raise UserError("refused")

    monkeypatch.setitem(TARGETS, "rows", Target(read, lambda: [b"a", b"b"]))
    watched = fuzz.Watched("rows", tmp_path)
    fuzz._run_blindly(watched, [b"a", b"b"], 0.1)
    (kept,) = tmp_path.glob("findings/rows/*")
    assert kept.name.startswith("ValueError-test_findings-") and kept.read_bytes().startswith(b"b")
    assert int((tmp_path / "rows.count").read_text()) == watched.executions > 1


@pytest.mark.parametrize("path", FOUND, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_findings_are_refused(path: Path) -> None:
    refuse(path.parent.name, path)


def refuse(target: str, path: Path) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(UserError) as refusal:
            TARGETS[target].read(path.read_bytes())
    told = str(refusal.value)
    assert "\n" not in told.strip() and len(told) < LONGEST + 10
    return told


def test_collected_mutants_are_refused(shared_dir: Path) -> None:
    folder = shared_dir / "found" / "trust-07-fuzz"
    if not folder.is_dir():
        pytest.skip(f"no collection of mutants at {folder}")
    paths = [path for path in sorted(folder.iterdir()) if path.name.partition("-")[0] in OF_THE_COLLECTION]
    for path in paths:
        refuse(OF_THE_COLLECTION[path.name.partition("-")[0]], path)
    assert len(paths) >= 10


def test_collected_bombs_and_matlab_files_are_refused(shared_dir: Path) -> None:
    from murauer.datasets.matlab_file import read_matlab

    found = shared_dir / "found"
    if not (found / "trust-03-bombs").is_dir():
        pytest.skip(f"no collection of bombs at {found}")
    bombs = {
        "giant.npy": "array", "giant2.npy": "array", "cam_big.json": "camera", "cam_digits.json": "camera",
        "bigpreset.json": "config", "hugehdr.safetensors": "model",
    }  # fmt: skip
    for name, target in bombs.items():
        refuse(target, found / "trust-03-bombs" / name)
    assert {path.name for path in (found / "trust-03-bombs").iterdir()} == set(bombs)
    matlab = [*found.glob("trust-02-*/*.mat"), *found.glob("trust-07-*/*.mat")]
    for path in matlab:
        with pytest.raises(UserError, match=r"\.mat file") as refusal:
            read_matlab(path, ("joint_names", "joint_xyz", "joint_uvd", "x"))
        assert os.fspath(path) in str(refusal.value)
    assert len(matlab) == 3
