"""Synthetic frames in shards: the same as from one call. What they show is tested in test_own_end_to_end."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from changed_store import resealed
from mirrored_store import mirror_rows
from murauer.chunks import Shard
from murauer.errors import UserError
from murauer.prepare.rendering import synthetic as synthesised
from murauer.prepare.rendering.synthetic import SynthesisConfig, synthesise, synthesise_shard
from murauer.store.frame_set import open_frame_set
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


def test_left_hands_are_rendered_where_the_store_has_some(copies: tuple[Path, Path]) -> None:
    """Networks see of a store of left hands what they would see of its mirror image."""
    right, left = copies
    mirror_rows(open_frame_set(left / "real", writable=True), slice(None))
    resealed(left)
    config = SynthesisConfig(frames=8, jitter_mm=0.0)
    stores = [synthesise(folder, config, replace=True, workers=1) for folder in (right, left)]
    before, after = (store.require("synthetic") for store in stores)
    assert not before.left.any() and after.left.all() and after.views == 3
    rows = np.arange(8)
    expected, seen = before.regions(rows), after.regions(rows)
    for name in ("intrinsics", "centre", "joints"):
        np.testing.assert_allclose(getattr(seen, name), getattr(expected, name), atol=2e-3)
    assert (seen.depth == expected.depth).float().mean() > 0.999
    rig = stores[1].rig
    assert rig is not None
    for view in (1, 2):  # and the cameras stand where they stood
        moved = rig.transform(after.windows(rows).joints, 0, view)
        np.testing.assert_allclose(moved, after.windows(rows, view).joints, atol=0.02)
