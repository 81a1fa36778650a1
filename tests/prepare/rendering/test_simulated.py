"""The simulated store: reproducible, honest about its two domains, geometrically consistent."""

import dataclasses
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch

from murauer.capture.depth import DEPTH_UNIT_MM
from murauer.cli.main import main
from murauer.errors import UserError
from murauer.geometry.camera import xyz_to_uvd
from murauer.prepare.rendering.simulated import SimulationConfig, Simulator, simulate_store, splits
from murauer.random_streams import random_stream
from murauer.store.chunked_sets import NOTES
from murauer.store.frame_set import FrameSet
from murauer.store.store import Store

SMALL = SimulationConfig(
    synthetic_frames=20,
    real_frames=20,
    validation_frames=8,
    test_frames=8,
    region_size=48,
    training_persons=2,
)


def assert_same(first: Store, second: Store, split: str) -> None:
    for field in dataclasses.fields(FrameSet):
        a, b = (getattr(store.require(split), field.name) for store in (first, second))
        assert np.array_equal(a, b), (split, field.name)


def test_number_of_workers_does_not_change_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = simulate_store(SMALL, tmp_path / "one", workers=1)
    two = simulate_store(SMALL, tmp_path / "two", workers=2)
    for split in splits(SMALL):
        assert_same(one, two, split.name)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_shards_and_a_kill_do_not_change_the_store(tmp_path: Path) -> None:
    """The command, killed while a shard is rendered and while all is put together."""
    (tmp_path / "settings.json").write_bytes(
        msgspec.json.encode(msgspec.structs.replace(SMALL, synthetic_frames=600, region_size=16))
    )
    command = ["render", "session", "--config", str(tmp_path / "settings.json"), "--workers", "1"]
    assert main([*command, "--out", str(tmp_path / "one")]) == 0
    command += ["--out", str(tmp_path / "many")]
    notes = tmp_path / "many.partial" / NOTES

    def kill_after(chunks: int, *options: str) -> None:
        process = subprocess.Popen([sys.executable, "-m", "murauer", *command, *options])
        while process.poll() is None and len(list(notes.glob("*-*.json"))) < chunks:
            time.sleep(0.02)
        process.kill()
        process.wait()

    kill_after(1, "--shard", "2/2")
    assert main([*command, "--shard", "2/2"]) == 0
    assert len(list(notes.glob("*.npz"))) == 4 and not (tmp_path / "many").exists()
    kill_after(6)
    assert main(command) == 0
    assert files(tmp_path / "one") == files(tmp_path / "many")
    assert not (tmp_path / "many.partial").exists()


def test_synthetic_side_knows_nothing_of_the_real_one(tmp_path: Path) -> None:
    """Other sensor, people, clutter and number of real frames: not a bit of the synthetic frames changes."""
    other = msgspec.structs.replace(
        SMALL, sensor="time_of_flight", clutter=0.0, person_spread=0.3, training_persons=3, test_frames=12
    )
    a = simulate_store(SMALL, tmp_path / "a", workers=1)
    b = simulate_store(other, tmp_path / "b", workers=1)
    for split in ("synthetic", "twin", "validation_twin"):
        assert_same(a, b, split)
    assert not np.array_equal(a.real.depth, b.real.depth)


def test_no_pose_is_shared_between_splits(tiny_store: Store) -> None:
    def shapes(split: str) -> np.ndarray:
        joints = tiny_store.require(split).joints[:, 0]
        return np.linalg.norm(joints[:, :, None] - joints[:, None], axis=-1).reshape(len(joints), -1)

    for first, second in (
        ("synthetic", "twin"),
        ("real", "test"),
        ("real", "validation"),
        ("validation", "test"),
    ):
        distances = np.abs(shapes(first)[:, None] - shapes(second)[None]).max(-1)
        assert distances.min() > 1.0, (first, second)


def test_pairs_show_the_pose_of_their_real_frame(tiny_store: Store) -> None:
    real, pair = tiny_store.real, tiny_store.pairs
    centre = tiny_store.skeleton.centre
    real_pose = real.joints[:, 0] - real.joints[:, 0, centre : centre + 1]
    pair_pose = pair.joints[:, 0] - pair.joints[:, 0, centre : centre + 1]
    own = np.linalg.norm(real_pose - pair_pose, axis=-1).mean(1)
    other = np.linalg.norm(real_pose - np.roll(pair_pose, 1, 0), axis=-1).mean(1)
    assert own.max() < 25 and own.mean() < 0.5 * other.mean()


def test_views_agree_through_the_rig(tiny_store: Store) -> None:
    for frames in (tiny_store.real, tiny_store.synthetic):
        first = torch.from_numpy(frames.joints[:, 0])
        for view in range(1, frames.views):
            moved = tiny_store.rig.transform(first, 0, view)
            np.testing.assert_allclose(moved.numpy(), frames.joints[:, view], atol=2e-3)


def test_joints_lie_in_the_rendered_hand(tiny_store: Store) -> None:
    """The depth at the pixel of the palm centre is the hand's surface, a little in front of the joint."""
    frames = tiny_store.synthetic
    centre = tiny_store.skeleton.centre
    uvd = xyz_to_uvd(torch.from_numpy(frames.joints), torch.from_numpy(frames.intrinsics)[:, :, None])
    u, v = (uvd[:, :, centre, i].round().long().numpy() for i in (0, 1))
    frame, view = np.indices(u.shape)
    surface = frames.depth[frame, view, v, u] * DEPTH_UNIT_MM
    in_front = uvd[:, :, centre, 2].numpy() - surface
    assert np.mean((surface > 0) & (in_front > -2) & (in_front < 150)) > 0.99
    assert np.median(in_front[surface > 0]) < 30


def test_test_split_has_one_seen_and_one_unseen_person(tiny_store: Store) -> None:
    trained = set(tiny_store.real.person.tolist())
    for split in (tiny_store.test, tiny_store.validation):
        persons = set(split.person.tolist())
        assert len(persons & trained) == 1 and len(persons - trained) == 1
        assert persons - trained <= tiny_store.unseen_persons
    assert not set(tiny_store.test.person) & set(tiny_store.validation.person) - trained


def test_persons_have_hands_of_their_own() -> None:
    shapes = Simulator(SMALL).persons
    assert torch.cdist(shapes, shapes).add(torch.eye(len(shapes)) * 9).min() > 0.1


def test_every_chunk_and_purpose_has_randomness_of_its_own() -> None:
    """Also where the keys differ late: 1000 and 10000, validation and validation_twin."""
    keys = [(split.name, purpose, start) for split in splits(SMALL) for purpose in ("poses", "looks")
            for start in range(0, 30_000, 250)]  # fmt: skip
    assert len({random_stream(SMALL.seed, *key).initial_seed() for key in keys}) == len(keys)


@pytest.mark.parametrize(
    "change", [{"real_frames": 0}, {"training_persons": 0}, {"distance_mm": (900.0, 500.0)}]
)
def test_impossible_settings_are_refused(change: dict[str, object]) -> None:
    with pytest.raises((UserError, msgspec.ValidationError), match=next(iter(change))):
        msgspec.convert(msgspec.to_builtins(SMALL) | change, SimulationConfig)


EVERYDAY = SimulationConfig(
    seed=3, synthetic_frames=20, real_frames=20, validation_frames=8, test_frames=8, region_size=48,
    single_share=0.5, people="anybody", grasp_share=0.6, own_view_share=0.3, second_hand_share=0.3,
    table_share=0.4,
)  # fmt: skip


def test_everyday_frames_are_reproducible_and_their_twins_have_the_same_pose() -> None:
    first, again = (Simulator(EVERYDAY).chunk("real", 0, 20) for _ in range(2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    twin = Simulator(EVERYDAY).chunk("twin", 0, 20)
    real_bones, twin_bones = (
        torch.nn.functional.normalize(joints[:, 0, [0, 6, 10]] - joints[:, 0, [13]], dim=-1)
        for joints in (first["joints"], twin["joints"])
    )
    assert (real_bones * twin_bones).sum(-1).min() > 0.9, "people differ in size more than in directions"
    seen, alone = ((depth > 0).flatten(1).sum(1) for depth in (first["depth"][:, 0], twin["depth"]))
    assert (alone < seen).float().mean() > 0.9, "twins are hands alone"


def test_without_everyday_shares_nothing_of_them_is_drawn() -> None:
    usual = Simulator(SMALL)
    assert usual.everyday is None and usual.poses.single_share == 0


def test_unknown_people_are_refused() -> None:
    with pytest.raises(UserError, match=r"'giants'.*adults or anybody"):
        SimulationConfig(people="giants")


@pytest.mark.parametrize("name", ["grasp_share", "own_view_share", "table_share", "single_share"])
def test_shares_beyond_one_are_refused(name: str) -> None:
    with pytest.raises(UserError, match=f"{name}.*between 0 and 1"):
        SimulationConfig(**{name: 1.5})
