"""Frame sets made chunk by chunk: the same whoever made which chunk, and whatever was killed in between."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from murauer.chunks import Shard
from murauer.errors import UserError
from murauer.store.chunked_sets import NOTES, ChunkedSets
from murauer.store.frame_set import array_specs, open_frame_set


@dataclass
class Counter:
    """Makes chunks that tell of every frame which one it is; `ends_at` a chunk, as if killed there."""

    ends_at: tuple[str, int] | None = None
    made: list[tuple[str, int]] = field(default_factory=list)

    def __call__(self) -> "Counter":
        return self

    def chunk(self, set_name: str, start: int, stop: int) -> tuple[dict[str, np.ndarray], list[Any]]:
        if (set_name, start) == self.ends_at:
            raise KeyboardInterrupt
        self.made.append((set_name, start))
        frames = np.arange(start, stop)
        arrays = {}
        for name, (shape, dtype) in array_specs(stop - start, 2, 4, 3).items():
            arrays[name] = np.zeros(shape, dtype) + frames.reshape(-1, *(1 for _ in shape[1:])).astype(dtype)
        return arrays, [[set_name, start]]


@pytest.fixture
def sets(tmp_path: Path) -> ChunkedSets:
    """Two sets of 4 and 3 chunks."""
    return ChunkedSets(tmp_path / "a.partial", {"real": (11, 2), "test": (9, 2)}, 4, 3, 3, {"seed": (0, 1)})


def files(sets: ChunkedSets, place: Path) -> dict[str, bytes]:
    sets.finish(place)
    return {str(path.relative_to(place)): path.read_bytes() for path in place.rglob("*") if path.is_file()}


@pytest.fixture
def whole(sets: ChunkedSets, tmp_path: Path) -> dict[str, bytes]:
    """What one process makes without interruption."""
    alone = replace(sets, folder=tmp_path / "whole.partial")
    alone.fill(Counter(), "counting", workers=1)
    assert alone.notes("test") == [["test", 0], ["test", 3], ["test", 6]]
    real = open_frame_set(alone.folder / "real")
    assert (
        real.person.tolist() == list(range(11)) and real.depth[7].tolist() == np.full((2, 4, 4), 7).tolist()
    )
    return files(alone, tmp_path / "whole")


def test_shards_in_any_order_are_the_whole(
    sets: ChunkedSets, whole: dict[str, bytes], tmp_path: Path
) -> None:
    counters = [Counter() for _ in range(4)]
    for index in (3, 1, 2):
        sets.fill(counters[index], "counting", workers=1, shard=Shard(index, 3))
    assert not (sets.folder / "real").exists()  # nobody but `fill` touches the sets
    sets.fill(counters[0], "counting", workers=1)
    assert not counters[0].made
    assert sorted(chunk for counter in counters for chunk in counter.made) == [
        *(("real", start) for start in (0, 3, 6, 9)),
        *(("test", start) for start in (0, 3, 6)),
    ]
    assert len(sets.notes("real")) == 4
    assert files(sets, tmp_path / "a") == whole


def test_what_shards_left_out_is_made(sets: ChunkedSets, whole: dict[str, bytes], tmp_path: Path) -> None:
    sets.fill(Counter(), "counting", workers=1, shard=Shard(2, 3))
    rest = Counter()
    sets.fill(rest, "counting", workers=1)
    assert len(rest.made) == 5
    assert files(sets, tmp_path / "a") == whole


def test_a_killed_shard_goes_on(sets: ChunkedSets, whole: dict[str, bytes], tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        sets.fill(Counter(("test", 0)), "counting", workers=1, shard=Shard(1, 2))
    # Killed between the arrays of a chunk and its note: the arrays do not count.
    sets.arrays_file(("test", 0, 3)).write_bytes(b"half")
    again = Counter()
    sets.fill(again, "counting", workers=1, shard=Shard(1, 2))
    assert again.made == [("test", 0), ("test", 6)]
    sets.fill(Counter(), "counting", workers=1)
    assert files(sets, tmp_path / "a") == whole


def test_killed_while_chunks_are_put_in(sets: ChunkedSets, whole: dict[str, bytes], tmp_path: Path) -> None:
    sets.fill(Counter(), "counting", workers=1, shard=Shard(1, 2))
    with pytest.raises(KeyboardInterrupt):
        sets.fill(Counter(("real", 9)), "counting", workers=1)
    left = {path.name for path in (sets.folder / NOTES).glob("*.npz")}
    assert left == {"test-000000000000.npz", "test-000000000006.npz"}  # the others are in the sets
    sets.fill(Counter(), "counting", workers=1, shard=Shard(2, 2))
    rest = Counter()
    sets.fill(rest, "counting", workers=1)
    assert not rest.made
    assert files(sets, tmp_path / "a") == whole


def test_killed_after_the_sets_were_moved(sets: ChunkedSets, whole: dict[str, bytes], tmp_path: Path) -> None:
    sets.fill(Counter(), "counting", workers=1)
    (sets.folder / "real").rename(tmp_path / "elsewhere")
    anew = Counter()
    sets.fill(anew, "counting", workers=1)
    assert len(anew.made) == 7
    assert files(sets, tmp_path / "a") == whole


def test_other_settings_begin_anew_but_shards_are_kept(
    sets: ChunkedSets, whole: dict[str, bytes], tmp_path: Path
) -> None:
    other = replace(sets, identity={"seed": 2})
    with pytest.raises(KeyboardInterrupt):
        other.fill(Counter(("real", 9)), "counting", workers=1)
    with pytest.raises(UserError, match="a part of something else"):
        sets.fill(Counter(), "counting", workers=1, shard=Shard(1, 2))
    anew = Counter()
    sets.fill(anew, "counting", workers=1)
    assert len(anew.made) == 7 and not list(tmp_path.glob("*.old"))
    assert files(sets, tmp_path / "a") == whole

    other.fill(Counter(), "counting", workers=1, shard=Shard(1, 2))
    with pytest.raises(UserError, match="a part of something else"):
        sets.fill(Counter(), "counting", workers=1)
    assert len(list((sets.folder / NOTES).glob("*.npz"))) == 4


def test_finishing_replaces_what_was_there(sets: ChunkedSets, tmp_path: Path) -> None:
    place = tmp_path / "a"
    place.mkdir()
    (place / "old").write_text("")
    sets.fill(Counter(), "counting", workers=1)
    sets.finish(place)
    assert {path.name for path in place.iterdir()} == {"real", "test"} and not sets.folder.exists()
