import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from murauer import Camera, Estimator
from murauer.errors import UserError
from murauer.geometry.crop import crop_hand
from murauer.geometry.hand_size import LARGEST_HAND, SMALLEST_HAND, hand_scale
from murauer.geometry.skeletons import convert, find_skeleton
from murauer.hand.model import HandModel
from murauer.inference.export.onnx import export_onnx
from murauer.nets.config import DenseConfig
from murauer.nets.dense_network import DenseHandPoseNetwork
from murauer.nets.deployed import joints_around
from murauer.nets.model_file import load_model
from murauer.store.frame_set import Region
from murauer.training.base import package, pool, train
from murauer.training.base.pool import Pool, chunk_files, produce
from murauer.training.base.samples import Variation, make_batch
from murauer.training.base.scenes import BaseScenes, _shown
from murauer.training.base.testing import error_mm, stored_hands
from murauer.training.base.train import BaseTrainer, BaseTraining, Stage

SMALL = DenseConfig(
    patch_size=32, widths=(8, 12, 16), encoder_blocks=(0, 0, 1), decoder_blocks=(1, 0), hidden=8
)
CONFIG = BaseTraining((Stage(1.0, 3e-3),), network=SMALL, batch=8, half_precision=False)


@pytest.fixture(scope="module")
def chunks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three chunks of 10 frames, of five that were rendered."""
    folder = tmp_path_factory.mktemp("frames")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool, "CHUNK", 10)
        patch.setattr(pool, "PART", 6)
        original, made = pool.random_stream, []

        def limited(*keys: object) -> torch.Generator:
            if len(made) == 5:
                raise KeyboardInterrupt
            made.append(keys)
            return original(*keys)

        patch.setattr(pool, "random_stream", limited)
        with pytest.raises(KeyboardInterrupt):
            produce(folder, BaseScenes(window_px=64), seed=4, keep=3)
    return folder


def test_the_newest_chunks_stay(chunks: Path) -> None:
    assert [path.name for path in chunk_files(chunks)] == [f"chunk_4_{n:06d}.safetensors" for n in (2, 3, 4)]
    arrays = load_file(chunk_files(chunks)[0])
    assert arrays["depth"].shape == (10, 64, 64) and arrays["depth"].dtype == torch.uint16
    assert arrays["joints"].shape == (10, 21, 3) and arrays["intrinsics"].shape == (10, 4)


def test_a_pool_forgets_what_is_old(chunks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "CHUNK", 10)
    held = Pool(chunks, chunks=2)
    assert held.refresh(most=1) == 10
    held.wait(2)  # two are left, and there is room for both
    assert held.frames == 30
    assert held.refresh() == held.refresh() == 30  # nothing is read twice
    frames = held.draw(64, torch.Generator().manual_seed(0))
    assert frames.depth.shape == (64, 64, 64)
    newest = load_file(chunk_files(chunks)[-1])["joints"]
    assert (frames.joints[:, None] == newest[None]).flatten(2).all(2).any(1).float().mean() > 0.2
    measured = frames.depth[frames.depth > 0]
    assert 100 < measured.median() < 3000  # mm


def test_hidden_hands_are_left_out() -> None:
    joints = torch.tensor([[[0.0, 0.0, 500.0], [20.0, 0.0, 500.0]]]).expand(3, -1, -1)
    intrinsics = torch.tensor([[100.0, 100.0, 16.0, 16.0]]).expand(3, 4)
    depth = torch.full((3, 32, 32), 480.0)
    depth[1] = 300.0
    depth[2, :, 18:] = 300.0
    assert _shown(depth, intrinsics, joints).tolist() == [1.0, 0.0, 0.5]


def test_scenes_are_those_of_their_seed() -> None:
    model, scenes = HandModel(), BaseScenes(window_px=48)
    first, again = (scenes.render(model, 5, torch.Generator().manual_seed(3)) for _ in range(2))
    assert all(torch.equal(first[name].int(), again[name].int()) for name in first)
    middle = first["joints"][:, 9, :2] / first["joints"][:, 9, 2:] * first["intrinsics"][:, :2]
    torch.testing.assert_close(
        middle + first["intrinsics"][:, 2:], torch.full_like(middle, 23.5), atol=0.01, rtol=0
    )


def test_the_rate_rises_and_falls_in_each_stage() -> None:
    training = BaseTraining((Stage(100.0, 1e-3), Stage(50.0, 5e-4)))
    rates = [training.rate(minute) for minute in (0.0, 3.0, 50.0, 99.9, 101.5, 149.9, 150.0)]
    assert rates[0] == 0 and rates[-1] is None
    assert rates[1] == pytest.approx(1e-3, rel=0.01)
    assert rates[2] == pytest.approx(5e-4, rel=0.01)
    assert rates[3] < 1e-6 and rates[5] < 1e-6
    assert rates[4] == pytest.approx(5e-4, rel=0.01)


@pytest.fixture(scope="module")
def run(chunks: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training of 60 steps on one batch, saved."""
    folder = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool, "CHUNK", 10)
        held = Pool(chunks, 3)
        held.wait(3)
        trainer = BaseTrainer(CONFIG, folder)
        still = Variation(turned=0.0, lost=0.0)
        batch = make_batch(held.draw(8, trainer.generator), 32, still, trainer.generator)
        losses = [trainer.step(batch, 3e-3) for _ in range(60)]
    assert losses[-1]["joints"] < 0.6 * losses[0]["joints"]
    assert losses[-1]["votes"] < 0.9 * losses[0]["votes"]
    assert losses[-1]["error"] < losses[0]["error"]
    trainer.minutes = 0.5
    trainer.save()
    return folder


def test_a_training_goes_on_where_it_was(run: Path) -> None:
    first, second = BaseTrainer(CONFIG, run), BaseTrainer(CONFIG, run)
    assert (first.minutes, first.images) == (0.5, 480)
    batch = make_batch_of_noise()
    mm = [float(trainer.step(batch, 1e-3)["mm"]) for trainer in (first, second)]
    assert mm[0] == mm[1]
    for one, other in zip(first.network.parameters(), second.network.parameters(), strict=True):
        assert torch.equal(one, other)
    fresh = BaseTrainer(CONFIG, run / "nowhere")
    assert float(fresh.step(batch, 1e-3)["mm"]) != mm[0]


def make_batch_of_noise() -> train.Batch:
    stream = torch.Generator().manual_seed(11)
    patch = torch.rand(4, 32, 32, generator=stream) * 2 - 1
    return train.Batch(patch, torch.rand(4, 21, 3, generator=stream) - 0.5, torch.full((4,), 150.0))


def test_train_ends_with_its_stages(
    chunks: Path, run: Path, tmp_path: Path, tiny_store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "CHUNK", 10)
    config = BaseTraining(
        (Stage(0.02, 1e-3),), network=SMALL, batch=4, half_precision=False, test_minutes=0.01, chunks=3
    )
    train.train(config, tmp_path, Pool(chunks, 3), tiny_store.folder)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert lines and lines[-1]["minutes"] >= 0.01 and lines[-1]["test_mm"] > 0
    assert BaseTrainer(config, tmp_path).minutes >= 0.02


@pytest.fixture(scope="module")
def model(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("model") / "base.safetensors"
    facts = json.loads(package.write_model(run, out))
    assert facts == {"minutes": 0.5, "images": 480}
    return out


def test_the_model_is_the_moving_average(run: Path, model: Path) -> None:
    network, config = load_model(model)
    assert config.skeleton == "hand21" and config.cube_mm == 300.0 and config.dense == SMALL
    average = BaseTrainer(CONFIG, run).average.module.eval()
    patch = torch.rand(2, 1, 32, 32) * 2 - 1
    torch.testing.assert_close(network(patch, True), average(patch, True), atol=5e-3, rtol=0)
    raw = BaseTrainer(CONFIG, run).network.eval()
    assert (average(patch, True) - raw(patch, True)).abs().max() > 1e-3
    weights = load_file(model)
    assert weights["network.pose_head.votes"].dtype == torch.float16
    assert not any("view_generator" in name for name in weights)


def test_a_training_starts_from_a_model(model: Path, tmp_path: Path) -> None:
    started = BaseTrainer(CONFIG, tmp_path, model)
    assert (started.minutes, started.images) == (0.0, 0)
    patch = torch.rand(2, 1, 32, 32) * 2 - 1
    expected = load_model(model)[0](patch, False)
    for network in (started.network, started.average.module):
        torch.testing.assert_close(network.eval()(patch, False), expected, atol=1e-5, rtol=0)


@torch.no_grad()
def looked_twice(network: DenseHandPoseNetwork, region: Region, cube_mm: float, real: bool) -> torch.Tensor:
    """Joints by PyTorch alone: the reference of `predict_joints`, whose crops are NumPy's."""
    skeleton, centre = find_skeleton(network.config.skeleton), region.centre
    cube = torch.full((len(centre),), cube_mm)
    for _ in range(2):
        patch, geometry = crop_hand(
            region.depth, region.intrinsics, centre, cube_mm=cube, patch_size=network.config.patch_size
        )
        xyz = geometry.from_patch(network(patch[:, None], real))
        centre = xyz[:, skeleton.centre]
        cube = cube_mm * hand_scale(convert(xyz, skeleton.name, "hand21")).clamp(SMALLEST_HAND, LARGEST_HAND)
    return xyz


def test_backends_and_training_agree_on_a_dense_model(model: Path, tmp_path: Path, tiny_store) -> None:
    export_onnx(model, tmp_path / "base.onnx")
    network, _ = load_model(model)
    (region, *_) = stored_hands(tiny_store, "test")
    expected = looked_twice(network, region, 300.0, True).numpy()
    ours = joints_around(network, region.depth, region.intrinsics, region.centre, 300.0, True)
    np.testing.assert_allclose(ours, expected, atol=0.01)
    for path in (model, tmp_path / "base.onnx"):
        estimator = Estimator.load(path)
        assert estimator.skeleton.name == "hand21"
        for row in range(3):
            fx, fy, u0, v0 = region.intrinsics[row].tolist()
            size = region.depth.shape[-1]
            camera = Camera(fx=fx, fy=fy, u0=u0, v0=v0, width=size, height=size, is_crop=True)
            pose = estimator(region.depth[row], camera, region.centre[row], "right")
            np.testing.assert_allclose(pose.joints_xyz, expected[row], atol=0.5)
            assert 0 < pose.size < 3 and 0 <= pose.confidence <= 1


def test_errors_are_those_of_the_converted_joints(model: Path, tiny_store) -> None:
    network, _ = load_model(model)
    errors = error_mm(network, stored_hands(tiny_store, "test"), tiny_store.skeleton.name, 300.0)
    assert errors.shape[1] == len(tiny_store.skeleton)
    assert 5 < errors.mean() < 200


def test_the_best_quality_is_for_dense_models(small_model: Path) -> None:
    with pytest.raises(UserError, match="dense"):
        Estimator.load(small_model, quality="best")
