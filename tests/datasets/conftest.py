"""Tiny datasets in each format, written once; tests that change a folder write or copy their own."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from dataset_folders.hands17 import Hands17Folder, write_hands17
from dataset_folders.icvl import IcvlFolder, write_icvl
from dataset_folders.msra15 import MsraFolder, write_msra15
from dataset_folders.nyu import NyuFolder, write_nyu
from murauer.errors import UserError


@pytest.fixture(scope="session")
def nyu_folder(tmp_path_factory: pytest.TempPathFactory) -> NyuFolder:
    return write_nyu(tmp_path_factory.mktemp("dataset") / "nyu", train=12, test=6)


@pytest.fixture(scope="session")
def icvl_folder(tmp_path_factory: pytest.TempPathFactory) -> IcvlFolder:
    return write_icvl(tmp_path_factory.mktemp("dataset") / "icvl")


@pytest.fixture(scope="session")
def msra15_folder(tmp_path_factory: pytest.TempPathFactory) -> MsraFolder:
    return write_msra15(tmp_path_factory.mktemp("dataset") / "msra15")


@pytest.fixture(scope="session")
def hands17_folder(tmp_path_factory: pytest.TempPathFactory) -> Hands17Folder:
    return write_hands17(tmp_path_factory.mktemp("dataset") / "hands17")


@pytest.fixture
def copied(tmp_path: Path):
    """Copy a folder, to be damaged."""

    def copy(folder: Path) -> Path:
        return Path(shutil.copytree(folder, tmp_path / folder.name))

    return copy


@pytest.fixture
def assert_refused(copied):
    """Check that a reader tells in one sentence what is wrong with a damaged copy of a folder."""

    def check(reader: Callable[[Path], object], path: Path, damage: Callable, words: Sequence[str]) -> None:
        folder = copied(path)
        damage(folder)
        with pytest.raises(UserError) as error:
            reader(folder)
        message = str(error.value)
        assert "\n" not in message and str(folder) in message
        assert all(word in message for word in words), message

    return check
