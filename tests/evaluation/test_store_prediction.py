"""All frames of a set: the same in one piece, in shards, by several processes, and after a kill."""

from pathlib import Path

import numpy as np
import pytest

from murauer.cli.main import main
from murauer.errors import UserError
from murauer.evaluation import store_prediction
from murauer.evaluation.store_prediction import ChunkPrediction, predict_store
from murauer.inference.frames import predict_frames
from murauer.nets.model_file import load_model
from murauer.store.store import Store


@pytest.fixture
def expected(tiny_store: Store, small_model: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """Joints of the real frames, 40 in chunks of 7."""
    monkeypatch.setattr(store_prediction, "PREDICTION_CHUNK", 7)
    return predict_frames(load_model(small_model)[0], tiny_store.require("real"), tiny_store.cube_mm)


def test_a_killed_prediction_goes_on(
    tiny_store: Store, small_model: Path, tmp_path: Path, expected: np.ndarray, monkeypatch
) -> None:
    predicted = []

    class Killed(ChunkPrediction):
        def __call__(self, start: int) -> int:
            if len(predicted) == 3:
                raise KeyboardInterrupt
            predicted.append(start)
            return super().__call__(start)

    out = tmp_path / "joints.npy"
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(store_prediction, "ChunkPrediction", Killed)
        predict_store(tiny_store, "real", small_model, out, workers=1)
    assert not out.exists()
    seen = []

    class Seen(ChunkPrediction):
        def __call__(self, start: int) -> int:
            seen.append(start)
            return super().__call__(start)

    monkeypatch.setattr(store_prediction, "ChunkPrediction", Seen)
    assert predict_store(tiny_store, "real", small_model, out, workers=1)
    assert predicted == [0, 7, 14] and seen == [21, 28, 35]
    np.testing.assert_allclose(np.load(out), expected, atol=1e-3)
    assert list(tmp_path.iterdir()) == [out]


def test_shards_together_are_the_whole(
    tiny_store: Store, small_model: Path, tmp_path: Path, expected: np.ndarray, capsys
) -> None:
    out = tmp_path / "joints.npy"
    command = ["predict", str(tiny_store.folder), "--split", "real", "--model", str(small_model)]
    command += ["--out", str(out), "--workers", "1"]
    for shard in ("2/2", "1/2"):
        assert main([*command, "--shard", shard]) == 0
        assert not out.exists()
    assert len(list((tmp_path / "joints.npy.chunks").glob("*.npy"))) == 6
    assert main(command) == 0
    np.testing.assert_allclose(np.load(out), expected, atol=1e-3)
    for wrong in ("3/2", "0/2", "two"):
        assert main([*command, "--shard", wrong]) == 2
        assert "shard" in capsys.readouterr().err


def test_processes_share_the_work_and_unusable_frames_are_left_out(
    tiny_store: Store, small_model: Path, tmp_path: Path, monkeypatch
) -> None:
    out = tmp_path / "joints.npy"
    assert predict_store(tiny_store, "validation", small_model, out, workers=2)
    joints = np.load(out)
    frames = tiny_store.require("validation")
    assert joints.shape == (len(frames), 14, 3) and np.isfinite(joints).all()

    class OneUnusable(ChunkPrediction):
        def __init__(self, *arguments) -> None:
            super().__init__(*arguments)
            valid = self.frames.valid.copy()
            valid[2] = False
            self.frames = type(frames)(**{**vars(self.frames), "valid": valid})

    monkeypatch.setattr(store_prediction, "ChunkPrediction", OneUnusable)
    assert predict_store(tiny_store, "validation", small_model, out, workers=1)
    assert np.isnan(np.load(out)[2]).all() and np.isfinite(np.delete(np.load(out), 2, 0)).all()


def test_what_does_not_fit_is_refused(tiny_store: Store, small_model: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"written as \.npy"):
        predict_store(tiny_store, "real", small_model, tmp_path / "joints.csv")
    chunks = tmp_path / "joints.npy.chunks"
    chunks.mkdir()
    (chunks / store_prediction.IDENTITY_FILE).write_text("another")
    with pytest.raises(UserError, match="part of another prediction"):
        predict_store(tiny_store, "real", small_model, tmp_path / "joints.npy")
