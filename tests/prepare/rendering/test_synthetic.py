"""Synthetic frames in shards: the same as from one call. What they show is tested in test_own_end_to_end."""

import shutil
from pathlib import Path

import pytest

from murauer.chunks import Shard
from murauer.errors import UserError
from murauer.prepare.rendering import synthetic as synthesised
from murauer.prepare.rendering.synthetic import SynthesisConfig, synthesise, synthesise_shard
from murauer.store.store import Store

CONFIG = SynthesisConfig(frames=20, seed=3)


@pytest.fixture
def copies(tiny_store: Store, tmp_path: Path) -> tuple[Path, Path]:
    """Two copies of a store."""
    for name in ("one", "many"):
        shutil.copytree(tiny_store.folder, tmp_path / name)
    return tmp_path / "one", tmp_path / "many"


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_shards_are_put_together_to_the_same_bytes(
    copies: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, many = copies
    monkeypatch.setattr(synthesised, "RENDER_CHUNK", 7)
    synthesise(one, CONFIG, replace=True, workers=1)
    with pytest.raises(UserError, match="--replace"):
        synthesise_shard(many, CONFIG, Shard(1, 2))
    old = files(many / "synthetic")
    for shard in (Shard(2, 2), Shard(1, 2)):
        synthesise_shard(many, CONFIG, shard, replace=True, workers=1)
        assert files(many / "synthetic") == old

    class CannotRender:
        def __init__(self, *arguments: object) -> None:
            pass

    monkeypatch.setattr(synthesised, "Synthesiser", CannotRender)
    together = synthesise(many, CONFIG, replace=True, workers=1)
    assert len(together.require("synthetic")) == 20
    assert files(one) == files(many)
