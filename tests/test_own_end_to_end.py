"""From one's own cameras to a trained model: without labels, with ten, with and without synthetic pairs."""

import csv
import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch

from dataset_folders.own import Recorded, simulate_frames, write_capture
from murauer.capture.depth import DEPTH_UNIT_MM
from murauer.cli.main import main
from murauer.geometry.camera import xyz_to_uvd
from murauer.geometry.skeletons import SKELETONS, convert
from murauer.prepare.rendering.synthetic import synthesis_rig
from murauer.store.store import open_store
from murauer.training.config import load_config

PALM = SKELETONS["nyu14"].centre


@pytest.fixture(scope="module")
def recorded() -> Recorded:
    return simulate_frames(16, views=2)


@pytest.fixture(scope="module")
def config_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The smoke config with two steps of each phase."""
    smoke = load_config("smoke")
    training = msgspec.structs.replace(smoke.training, pretraining_iterations=2, joint_iterations=2)
    path = tmp_path_factory.mktemp("config") / "few_steps.json"
    path.write_bytes(msgspec.json.encode(msgspec.structs.replace(smoke, training=training)))
    return str(path)


def murauer(*words: object) -> None:
    assert main([str(word) for word in words]) == 0


def held_out(index: int) -> str | None:
    return "test" if index >= 12 else None


def test_without_labels(recorded: Recorded, config_file: str, tmp_path: Path) -> None:
    write_capture(tmp_path / "monday", recorded, extrinsics=False)
    store = tmp_path / "store"
    murauer("import", "recording", tmp_path / "monday", "--out", store, "--workers", 1)
    imported = open_store(store)
    real = imported.require("real")
    assert imported.rig is None and imported.centre_kind("real") == "localised"
    assert not real.labelled.any()

    # Where the hand was found, it is there; where it was not, the list says why.
    truth = recorded.joints[:, :, PALM].numpy()
    error = np.linalg.norm(real.centre - truth, axis=-1)
    assert real.valid.mean() > 0.6 and np.median(error[real.valid]) < 25
    assert (error[real.valid] < 60).mean() > 0.85
    with open(store / "problems.csv", newline="") as file:
        problems = list(csv.DictReader(file))
    assert len(problems) == (~real.valid).sum()
    assert real.confidence[real.valid].min() >= 0.3

    murauer("render", "frames", store, "--frames", 12, "--workers", 1)
    murauer(
        "train",
        "--data",
        store,
        "--config",
        config_file,
        "--variant",
        "synth_only",
        "--labels",
        0,
        "--out",
        tmp_path / "run",
    )


def test_labels_of_the_first_of_two_cameras_whose_poses_are_unknown(
    recorded: Recorded, config_file: str, tmp_path: Path
) -> None:
    write_capture(tmp_path / "monday", recorded, labelled=range(8), extrinsics=False)
    store = tmp_path / "store"
    murauer("import", "recording", tmp_path / "monday", "--out", store, "--workers", 1)
    real = open_store(store).require("real")
    assert real.labelled.tolist() == [index < 8 for index in range(16)]
    assert np.isfinite(real.joints[:8, 0]).all() and np.isnan(real.joints[:, 1]).all()
    murauer(
        "train", "--data", store, "--config", config_file, "--variant", "preview",
        "--labels", 6, "--out", tmp_path / "run",
    )  # fmt: skip


def test_with_ten_labels(
    recorded: Recorded, config_file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_capture(tmp_path / "monday", recorded, labelled=(*range(10), 12, 13, 14, 15), held_out=held_out)
    store = tmp_path / "store"
    murauer("import", "recording", tmp_path / "monday", "--out", store, "--workers", 1)
    imported = open_store(store)
    real, test = imported.require("real"), imported.require("test")
    assert imported.centre_kind("real") == "localised" and imported.centre_kind("test") == "joint"
    assert set(np.flatnonzero(real.labelled)) <= set(range(10)) and real.labelled.sum() >= 7
    moved = imported.rig.transform(recorded.joints[:12, 0], 0, 1).numpy()
    labelled = real.labelled
    np.testing.assert_allclose(real.joints[labelled, 1], moved[labelled], atol=0.02)
    assert test.labelled.all()

    murauer("render", "frames", store, "--frames", 12, "--workers", 1)
    labels = len(real.usable_rows(0, labelled=True))
    runs = []
    for pairs in (False, True):
        if pairs:
            murauer("render", "pairs", store, "--labels", labels)
        runs.append(tmp_path / f"run_{pairs}")
        murauer(
            "train",
            "--data",
            store,
            "--config",
            config_file,
            "--variant",
            "full",
            "--labels",
            labels,
            "--out",
            runs[-1],
        )
        capsys.readouterr()
        murauer("evaluate", runs[-1], "--data", store, "--split", "test", "--json")
        result = json.loads(capsys.readouterr().out)
        assert result["frames"] == 4 and 0 < result["mean_error_mm"] < 200
    murauer("evaluate", *runs, "--report", tmp_path / "report.html")


def test_pairs_that_come_with_the_capture(recorded: Recorded, tmp_path: Path) -> None:
    write_capture(tmp_path / "monday", recorded, labelled=range(16), pairs=True)
    murauer("import", "recording", tmp_path / "monday", "--out", tmp_path / "store", "--workers", 1)
    imported = open_store(tmp_path / "store")
    real, pair = imported.require("real"), imported.require("twin")
    assert len(pair) == len(real) and pair.views == 1
    np.testing.assert_allclose(pair.joints[:, 0], real.joints[:, 0])
    np.testing.assert_allclose(pair.centre[:, 0], real.centre[:, 0])
    hand = pair.depth[:, 0] > 0
    assert (np.abs(real.depth[:, 0].astype(int) - pair.depth[:, 0])[hand] <= 2).mean() > 0.9


def test_synthetic_hands_are_where_the_stores_are(recorded: Recorded, tmp_path: Path) -> None:
    write_capture(tmp_path / "monday", recorded, skeleton="nyu14")
    store = tmp_path / "store"
    murauer("import", "recording", tmp_path / "monday", "--out", store, "--workers", 1)
    murauer("render", "frames", store, "--frames", 100, "--workers", 1, "--seed", 3)
    imported = open_store(store)
    real, synthetic = imported.require("real"), imported.require("synthetic")
    assert len(synthetic) == 100 and synthetic.views == 2 and synthetic.labelled.all()
    rows = real.usable_rows(0)
    for axis in range(3):
        low, high = real.centre[rows, 0, axis].min() - 200, real.centre[rows, 0, axis].max() + 200
        assert (synthetic.centre[:, 0, axis] > low).all() and (synthetic.centre[:, 0, axis] < high).all()
    # Both sets are centred on the same part of the hand, and windows have the same size in mm.
    palm = convert(np.array(synthetic.joints), imported.skeleton.name, "nyu14")[:, :, PALM]
    np.testing.assert_allclose(synthetic.centre, palm, atol=5)  # by conversion
    sides = [f.depth.shape[-1] * f.centre[:, 0, 2] / f.intrinsics[:, 0, 0] for f in (real, synthetic)]
    assert np.median(sides[0]) == pytest.approx(np.median(sides[1]), rel=1e-4)
    # Joints lie in the rendered hand, in both views, through the rig of the store.
    first = torch.from_numpy(np.array(synthetic.joints[:, 0]))
    assert torch.allclose(
        imported.rig.transform(first, 0, 1), torch.from_numpy(np.array(synthetic.joints[:, 1])), atol=0.01
    )
    uvd = xyz_to_uvd(
        torch.from_numpy(np.array(synthetic.centre)), torch.from_numpy(np.array(synthetic.intrinsics))
    )
    u, v = (uvd[..., axis].round().long().numpy() for axis in (0, 1))
    frame, view = np.indices(u.shape)
    surface = synthetic.depth[frame, view, v, u] * DEPTH_UNIT_MM
    in_front = uvd[..., 2].numpy() - surface
    assert ((surface > 0) & (in_front > -5) & (in_front < 250)).mean() > 0.97


def test_synthesis_is_repeatable_and_replaces_only_when_told(
    recorded: Recorded, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_capture(tmp_path / "monday", recorded, extrinsics=False)
    store = tmp_path / "store"
    murauer("import", "recording", tmp_path / "monday", "--out", store, "--workers", 1)
    murauer("render", "frames", store, "--frames", 260, "--workers", 1)
    assert "a guess" in capsys.readouterr().out
    first = open_store(store)
    before = {name: np.array(array) for name, array in vars(first.require("synthetic")).items()}
    assert synthesis_rig(first).camera_from_world.shape == (2, 4, 4)
    assert main(["render", "frames", str(store), "--frames", "10"]) == 2
    assert "give --replace" in capsys.readouterr().err
    assert len(open_store(store).require("synthetic")) == 260
    murauer("render", "frames", store, "--frames", 260, "--workers", 2, "--replace")
    again = vars(open_store(store).require("synthetic"))
    assert all(np.array_equal(before[name], again[name]) for name in before)
    murauer("info", "--data", store, "--verify")
