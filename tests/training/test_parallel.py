"""Two processes, or parts one after the other, train what one process does with whole mini-batches."""

import copy
import dataclasses
import os
import shutil
import socket
import subprocess
import sys
from collections import defaultdict
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from torch import nn

from changed_store import resealed
from murauer.errors import UserError
from murauer.nets.backbone import Backbone, register_backbone
from murauer.nets.config import NetworkConfig
from murauer.nets.model_file import MODEL_FILE, read_tensors
from murauer.nets.network import HandPoseNetwork, make_discriminator
from murauer.store.store import Store, open_store
from murauer.training import log, parallel
from murauer.training.batch_source import BatchSource
from murauer.training.checkpoint import CHECKPOINT_FILE
from murauer.training.config import Config, load_config
from murauer.training.loop import Training
from murauer.training.parallel import own_parts, processes, share_statistics
from murauer.training.train import PRETRAINED_FILE, train
from murauer.training.variants import VARIANTS

STEPS = 50


class NormalisedByPytorch(nn.Module):
    """f with three of PyTorch's own layers that normalise, one of which stands in two places."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(1, 8, 3, stride=4, padding=1), nn.BatchNorm2d(8), nn.ReLU())
        again = nn.SyncBatchNorm(8)
        self.second = nn.Sequential(again, nn.Conv2d(8, 8, 3, padding=1), again)
        self.last = nn.Sequential(nn.Linear(8, config.features), nn.BatchNorm1d(config.features))

    def forward(self, patch: torch.Tensor) -> torch.Tensor:
        return self.last(self.second(self.first(patch)).mean((2, 3)))


register_backbone("normalised_by_pytorch", Backbone(NormalisedByPytorch))

State = dict[str, np.ndarray]
"""Losses of each step and final weights."""


def states(config: Config, folder: Path, precision: torch.dtype) -> dict[str, State]:
    """Pre-training and joint training of 50 steps each, by this process and those that it has joined."""
    store = open_store(folder)
    source = BatchSource(store, config, VARIANTS["full"], store.labelled_rows(10, 0), seed=0)
    torch.manual_seed(0)
    network = HandPoseNetwork(config.network).to(precision)
    discriminator = make_discriminator(config.network).to(precision)
    trained = {
        "pretraining": (Training(copy.deepcopy(network), config, pretraining=True), source.pretraining),
        "joint": (Training(network, config, discriminator), source.joint),
    }
    result = {}
    parts = own_parts(config.training.accumulation, 4)
    for name, (training, batch) in trained.items():
        losses = [
            training.step(*(in_precision(batch(step, part), precision) for part in parts))
            for step in range(STEPS)
        ]
        modules = [training.network, training.average.module]
        if training.discriminator is not None:
            modules.append(training.discriminator)
        result[name] = {
            f"loss {loss}": np.array([float(own[loss]) for own in losses]) for loss in losses[0]
        } | {
            f"{index}.{key}": value.numpy()
            for index, module in enumerate(modules)
            for key, value in module.state_dict().items()
        }
    return result


def in_precision(value: Any, precision: torch.dtype) -> Any:
    """A batch with its floating point tensors in another precision."""
    if isinstance(value, torch.Tensor):
        return value.to(precision) if value.is_floating_point() else value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return type(value)(**{name: in_precision(own, precision) for name, own in fields.items()})
    return value


def _process(rank: int, port: int, results: Any, *arguments: Any) -> None:
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "RANK": str(rank), "WORLD_SIZE": "2"}
    torch.set_num_threads(1)
    with processes() as leading:
        assert leading == (rank == 0)
        results.put((rank, states(*arguments)))


def two_processes(*arguments: Any) -> list[dict[str, State]]:
    """What each of two processes has after `states`."""
    context = get_context("spawn")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    results = context.Queue()
    workers = [context.Process(target=_process, args=(rank, port, results, *arguments)) for rank in (0, 1)]
    for worker in workers:
        worker.start()
    found = dict(results.get(timeout=1000) for _ in workers)
    for worker in workers:
        worker.join()
    return [found[0], found[1]]


def assert_close(first: State, second: State, tolerance: float) -> None:
    """Each loss, and the weights of each network as a whole, relative to their size."""
    assert first.keys() == second.keys()
    squares: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(2))
    for name, values in first.items():
        expected = second[name]
        if name.startswith("loss") or values.dtype.kind != "f":
            np.testing.assert_allclose(values, expected, rtol=tolerance, err_msg=name)
        else:
            values, expected = values.astype(float), expected.astype(float)
            squares[name.split(".")[0]] += ((values - expected) ** 2).sum(), (expected**2).sum()
    for name, (difference, size) in squares.items():
        assert difference <= tolerance**2 * size, (name, np.sqrt(difference / size))


def at_rate(rate: float) -> Config:
    """Configuration of both stages."""
    config = load_config("smoke")
    rates = {"learning_rate": rate, "pretraining_learning_rate": rate}
    return msgspec.structs.replace(config, training=msgspec.structs.replace(config.training, **rates))


@pytest.fixture
def sparse_store(tiny_store: Store, tmp_path: Path) -> Store:
    """A store most of whose labelled frames have no usable pair."""
    folder = tmp_path / "sparse"
    shutil.copytree(tiny_store.folder, folder)
    valid = np.load(folder / "twin" / "valid.npy")
    valid[tiny_store.labelled_rows(10, 0)[:8]] = False
    np.save(folder / "twin" / "valid.npy", valid)
    return open_store(resealed(folder))


@pytest.mark.parametrize("batch_norm", ["mixed", "set_after_set"])
def test_two_processes_are_one_in_float64(sparse_store: Store, batch_norm: Any) -> None:
    """Where rounding stays small whatever the rate, and anything else would show.

    Set after set, one process or both may have none of a set.
    """
    config = at_rate(1e-3)
    step = msgspec.structs.replace(config.training.step, batch_norm=batch_norm)
    training = msgspec.structs.replace(config.training, step=step)
    config = msgspec.structs.replace(config, training=training)
    alone = states(config, sparse_store.folder, torch.float64)
    first, second = two_processes(config, sparse_store.folder, torch.float64)
    for name, expected in alone.items():
        assert_close(first[name], second[name], 0.0)
        assert_close(first[name], expected, 1e-10)
        np.testing.assert_allclose(first[name]["loss total"], expected["loss total"], rtol=1e-12)
        assert expected["loss total"][-10:].mean() < expected["loss total"][:10].mean()  # it did train


def test_two_processes_are_one_with_the_normalisation_of_pytorch(tiny_store: Store) -> None:
    """In a backbone of one's own, whose layers know nothing of this package."""
    base = at_rate(1e-3)
    network = msgspec.structs.replace(base.network, extractor="normalised_by_pytorch")
    config = msgspec.structs.replace(base, network=network)
    alone = states(config, tiny_store.folder, torch.float64)
    first, second = two_processes(config, tiny_store.folder, torch.float64)
    for name, expected in alone.items():
        assert sum("running_var" in key for key in expected) >= 6  # in f and in its average
        assert_close(first[name], second[name], 0.0)
        assert_close(first[name], expected, 1e-9)


def test_a_layer_that_cannot_share_its_statistics_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Frozen(nn.BatchNorm2d):
        pass

    network = nn.Sequential(nn.BatchNorm2d(3), nn.Sequential(Frozen(3)))
    share_statistics(network)
    assert type(network[0]) is nn.BatchNorm2d  # there is nothing to share in one process
    monkeypatch.setattr(parallel, "processes_joined", lambda: True)
    with pytest.raises(UserError, match="a layer Frozen cannot have the statistics of several processes"):
        share_statistics(network)


def test_two_processes_are_one_in_float32_as_far_as_float32_goes(tiny_store: Store) -> None:
    """At the rate of the paper's first epoch.

    l_c and l_m are small differences of large numbers: one process alone is as far from what it would do in
    float64 as from two processes.
    """
    config = at_rate(3.3e-5)
    alone, exact = (states(config, tiny_store.folder, dtype) for dtype in (torch.float32, torch.float64))
    first, second = two_processes(config, tiny_store.folder, torch.float32)
    for name, expected in alone.items():
        assert_close(first[name], second[name], 0.0)
        tolerances = defaultdict(lambda: 1e-5)
        for loss in ("correspondence", "mapping"):
            key = f"loss {loss}"
            if key in expected:
                tolerances[key] = 3 * np.abs(expected[key] / exact[name][key] - 1).max()
        for key in (key for key in expected if key.startswith("loss")):
            np.testing.assert_allclose(first[name][key], expected[key], rtol=tolerances[key], err_msg=key)
        weights = [
            {key: value for key, value in state.items() if not key.startswith("loss")}
            for state in (first[name], expected)
        ]
        assert_close(*weights, 1e-5)


def test_parts_one_after_the_other_are_the_whole(tiny_store: Store) -> None:
    """Where BatchNorm does not look at the batch."""
    config = load_config("smoke")
    labelled = tiny_store.labelled_rows(10, 0)
    source = BatchSource(tiny_store, config, VARIANTS["full"], labelled, seed=0)
    found = []
    for accumulation in (1, 3):
        torch.manual_seed(0)
        network, discriminator = HandPoseNetwork(config.network), make_discriminator(config.network)
        training = Training(network, config, discriminator)
        network.eval()  # which concerns BatchNorm alone
        losses = {}
        for step in range(3):
            losses = training.step(*(source.joint(step, part) for part in own_parts(accumulation, 4)))
        state = network.state_dict() | {
            f"h.{key}": value for key, value in discriminator.state_dict().items()
        }
        found.append({name: value.numpy() for name, value in (state | losses).items()})
    assert_close(found[1], found[0], 1e-5)


def test_a_set_that_is_too_small_to_share_is_refused() -> None:
    with pytest.raises(UserError, match="a set of 4 samples cannot be shared by 1 processes"):
        own_parts(5, smallest_set=4)


def test_torchrun_goes_on_where_one_process_was_stopped(tiny_store: Store, tmp_path: Path) -> None:
    """And ends with the same model; one of the processes writes, once, what one process would write."""
    config = load_config("smoke")
    training = msgspec.structs.replace(
        config.training, pretraining_iterations=3, joint_iterations=6, checkpoint_every=2
    )
    config = msgspec.structs.replace(config, training=training)
    (tmp_path / "config.json").write_bytes(msgspec.json.encode(config))
    settings = {"variant": "full", "labels": 10, "seed": 0}
    train(tiny_store, config, out=tmp_path / "alone", **settings)  # type: ignore[arg-type]

    class Stopped(Exception):
        pass

    class Stops(log.Progress):
        def advance(self, units: int = 1, **values: object) -> None:
            super().advance(units, **values)
            if self._name == "full" and values["step"] == 3:
                raise Stopped

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Stopped):
        patch.setattr(log, "Progress", Stops)
        train(tiny_store, config, out=tmp_path / "run", **settings)  # type: ignore[arg-type]
    logs = len(list((tmp_path / "run" / "log").iterdir()))
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    murauer = [
        "-m",
        "murauer",
        "train",
        "--data",
        tiny_store.folder,
        "--out",
        tmp_path / "run",
        "--resume",
    ]
    options = ["--config", tmp_path / "config.json", "--labels", "10"]
    done = subprocess.run(
        [*map(str, [*torchrun, *murauer, *options])], capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("mm on the validation frames") == 1
    assert len(list((tmp_path / "run" / "log").iterdir())) == logs + 1
    for file in (PRETRAINED_FILE, MODEL_FILE, CHECKPOINT_FILE):
        own, expected = (
            {
                name: value.numpy()
                for name, value in read_tensors(tmp_path / folder / file)[0].items()
                if not name.startswith("optimiser")
            }
            for folder in ("run", "alone")
        )
        assert_close(own, expected, 1e-4)
