"""The step of joint training against the same step as a reader of the paper would write it.

    python benchmarks/training_step.py [--config paper] [--steps 3] [--json]

The naive step runs the networks once for each set of the mini-batch, layer after layer in float32 and in
the layout that PyTorch has by default, with `torch.optim.Adam` as it comes; "naive_one_pass" runs f once
over all sets, as murauer does with `batch_norm` "mixed". Each step has a process of its own, the naive ones
as Python starts it, murauer's with the memory settings of `murauer train`; they take turns.

All train what the losses train in the paper, whatever the config says: g from both domains, m alone by l_m.

The losses are compared from the same weights on the same mini-batches, with BatchNorm's running statistics,
and with those of the batch, for which naive f passes set after set or all sets at once as the config says.

Times are CPU times of one thread, so that other programs on the machine disturb them little; a ratio is the
median of those of neighbouring steps. The floor is the step's multiplications at the speed of a large matrix
product or convolution.
"""

import argparse
import copy
import json
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from murauer.nets.fused.normalisation import BatchNorm
from murauer.nets.network import HandPoseNetwork, make_discriminator
from murauer.prepare.rendering.simulated import SimulationConfig, simulate_store
from murauer.store.store import open_store
from murauer.training.batch import INPUT_ROWS, REAL_ROWS, TARGETS, Batch
from murauer.training.batch_source import BatchSource
from murauer.training.config import Config, load_config
from murauer.training.device import Precision, keep_freed_memory
from murauer.training.forward import forward_pass
from murauer.training.loop import Training
from murauer.training.loss_terms import discriminator, loss_factors, losses_of
from murauer.training.variants import VARIANTS

KINDS = ("naive", "naive_one_pass", "murauer", "murauer_bfloat16")
CHECKED_BATCHES = 5
LOSSES = ("total", "pose", "correspondence", "view", "mapping")

TOLERANCE = 1e-3
"""Largest relative difference between the losses of the two steps in float32."""

FRAMES = SimulationConfig(
    synthetic_frames=256, real_frames=256, validation_frames=8, test_frames=8, sensor="clean"
)


@dataclass
class NaiveStep:
    """The losses of the paper, set by set."""

    network: HandPoseNetwork
    discriminator: nn.Module
    config: Config

    def __post_init__(self) -> None:
        training = self.config.training
        settings = {"lr": training.learning_rate, "weight_decay": training.weight_decay}
        self.network.train()
        for module in self.network.modules():
            if isinstance(module, BatchNorm):
                module.__class__ = nn.BatchNorm2d  # the same parameters in PyTorch's own layer
        self.average = copy.deepcopy(self.network)
        self.optimiser = torch.optim.Adam(self.network.parameters(), **settings)
        self.discriminator_optimiser = torch.optim.Adam(self.discriminator.parameters(), **settings)
        self.steps = 0

    def features(self, patch: Tensor) -> Tensor:
        """f, layer by layer."""
        extractor = self.network.extractor
        stem = extractor.stem
        maps = functional.conv2d(patch, stem.weight, stride=stem.stride, padding=stem.padding)
        maps = extractor.stages(functional.max_pool2d(maps, 2))
        return extractor.features(functional.relu(extractor.norm(maps)).flatten(1))

    def z(self, features: Tensor, real: bool) -> Tensor:
        """The latent representation of one set."""
        z = functional.relu(self.network.mapping(features) if real else features)
        normalised = self.network.config.latent_normalisation == "layer"
        return functional.layer_norm(z, z.shape[-1:]) if normalised else z

    def view(self, hidden: Tensor, centre_mm: Tensor) -> Tensor:
        """g, layer by layer; the condition as the supplement says."""
        centre = ((centre_mm - torch.tensor([0.0, 0.0, 775.0])) / 725).clamp(-1, 1)
        view = self.network.view_generator.layers(torch.cat([hidden, centre], dim=1)[:, :, None, None])
        size = self.network.config.patch_size
        return torch.tanh(
            functional.interpolate(view, size=(size, size), mode="bilinear", align_corners=True)
        )

    def losses(self, batch: Batch, one_pass: bool) -> dict[str, Tensor]:
        """All losses; with `one_pass`, f and g see all sets at once."""
        patches = {name: batch.patch[batch.rows[name]] for name in INPUT_ROWS}
        if one_pass:
            sizes = [len(patch) for patch in patches.values()]
            split = self.features(torch.cat(list(patches.values()))).split(sizes)
            features = dict(zip(patches, split, strict=True))
        else:
            features = {name: self.features(patch) for name, patch in patches.items()}
        z = {name: self.z(own, name in REAL_ROWS) for name, own in features.items()}

        counts = torch.zeros(len(batch.patch), dtype=torch.bool)
        counts[batch.posed.start + batch.labelled] = True
        pose = torch.zeros(())
        hidden = {}
        for name in INPUT_ROWS:
            if name == "unlabelled_real":
                continue
            rows, output = batch.rows[name], self.network.pose_head(z[name])
            hidden[name] = output.hidden
            pose = pose + ((output.joints - batch.joints[rows]) ** 2)[counts[rows]].sum()
        correspondence = ((z["labelled_real"][batch.paired] - z["pairs"].detach()) ** 2).sum()
        view = torch.zeros(())
        for names in [tuple(TARGETS)] if one_pass else [(name,) for name in TARGETS]:
            condition = torch.cat([batch.condition[batch.rows[name]] for name in names])
            shown = self.view(torch.cat([hidden[name] for name in names]), condition)
            target = torch.cat([batch.patch[batch.rows[TARGETS[name]]] for name in names])
            view = view + (shown - target).abs().sum()
        unlabelled = self.z(features["unlabelled_real"].detach(), True)
        mapping = 0.5 * (self.discriminator(unlabelled) ** 2).sum()
        weights = self.config.loss_weights.scaled(self.config.network)
        total = (
            pose + weights.correspondence * correspondence + weights.view * view + weights.mapping * mapping
        )
        compared = (z["unlabelled_real"], z["unlabelled_synthetic"])
        real_score, synthetic_score = (self.discriminator(own.detach()) for own in compared)
        score = 0.5 * ((real_score - 1) ** 2).sum() + 0.5 * (synthetic_score**2).sum()
        return {
            "total": total, "pose": pose, "correspondence": correspondence, "view": view,
            "mapping": mapping, "discriminator": score,
        }  # fmt: skip

    def __call__(self, batch: Batch, one_pass: bool = False) -> dict[str, Tensor]:
        """Make the step; returns the losses before it."""
        losses = self.losses(batch, one_pass)
        self.optimiser.zero_grad()
        losses["total"].backward()
        self.optimiser.step()
        self.discriminator_optimiser.zero_grad()
        losses["discriminator"].backward()
        self.discriminator_optimiser.step()
        decay = self.config.training.ema_decay
        if decay:
            with torch.no_grad():
                for old, new in zip(
                    self.average.state_dict().values(), self.network.state_dict().values(), strict=True
                ):
                    old.copy_(decay * old + (1 - decay) * new)
        return {name: loss.detach() for name, loss in losses.items()}


def paper_gradients(config_name: str) -> Config:
    """A config whose losses train what they train in the paper, which is what the naive step does."""
    config = load_config(config_name)
    training = msgspec.structs.replace(
        config.training, generator_learns_from="both", matching_reaches="mapping"
    )
    return msgspec.structs.replace(config, training=training)


def differences(first: dict[str, Tensor], second: dict[str, Tensor]) -> dict[str, float]:
    """Relative differences of losses, by name."""
    return {name: float((first[name] - second[name]).abs() / second[name].abs()) for name in second}


def peak_flops(precision: torch.dtype, repeats: int = 10) -> float:
    """Operations per second of CPU time in a large matrix product or convolution, whichever is faster.

    They are of two libraries, one of which has half the speed of the other in float32 on AMD's processors.
    """
    left, right = (torch.randn(1024, 1024).to(precision) for _ in range(2))
    maps = torch.randn(16, 64, 32, 32).to(precision, memory_format=torch.channels_last)
    kernels = torch.randn(64, 64, 3, 3).to(precision)
    products: list[tuple[int, Callable[[], Tensor]]] = [
        (2 * 1024**3, lambda: left @ right),
        (2 * 16 * 32**2 * 64**2 * 9, lambda: functional.conv2d(maps, kernels, padding=1)),
    ]
    return max(
        operations / min(cpu_seconds(product) for _ in range(repeats)) for operations, product in products
    )


def cpu_seconds(function: Callable[[], object]) -> float:
    start = time.process_time()
    function()
    return time.process_time() - start


def mini_batches(config: Config, folder: Path, count: int) -> list[Batch]:
    """Mini-batches of the variant "full"."""
    store = open_store(folder)
    source = BatchSource(store, config, VARIANTS["full"], store.labelled_rows(100, 0), seed=0)
    return [source.joint(step) for step in range(count)]


class Candidate:
    """A kind of step in a process of its own."""

    def __init__(self, kind: str, config_name: str, folder: Path, steps: int) -> None:
        self.process = ProcessPoolExecutor(1, get_context("spawn"))
        self.process.submit(_prepare, kind, config_name, folder, steps).result()

    def __call__(self, index: int) -> tuple[float, dict[str, Tensor]]:
        """CPU seconds and losses of the step with one of the mini-batches."""
        return self.process.submit(_step, index).result()


_state: tuple[Callable[[Batch], dict[str, Tensor]], list[Batch]]
"""What the process of a candidate works with."""


def _prepare(kind: str, config_name: str, folder: Path, steps: int) -> None:
    global _state
    torch.set_num_threads(1)
    config = paper_gradients(config_name)
    network, discriminator = networks(config)
    batches = mini_batches(config, folder, steps)
    if kind.startswith("naive"):
        naive = NaiveStep(network, discriminator, config)
        _state = partial(naive, one_pass=kind == "naive_one_pass"), batches
        return
    keep_freed_memory()
    precision: Precision = "bfloat16" if kind.endswith("bfloat16") else "float32"
    training = msgspec.structs.replace(config.training, precision=precision)
    config = msgspec.structs.replace(config, training=training)
    _state = Training(network, config, discriminator).step, batches


def _step(index: int) -> tuple[float, dict[str, Tensor]]:
    step, batches = _state
    start = time.process_time()
    losses = step(batches[index])
    return time.process_time() - start, losses


def networks(config: Config) -> tuple[HandPoseNetwork, nn.Module]:
    """The same initial weights each time."""
    torch.manual_seed(0)
    return HandPoseNetwork(config.network), make_discriminator(config.network)


def loss_differences(config: Config, batches: list[Batch]) -> tuple[dict[str, float], dict[str, float]]:
    """Largest relative differences of murauer's losses from the naive ones, by name.

    Returns:
        With BatchNorm's running statistics; with those of the batch, of each set or of all as configured.
    """
    network, h = networks(config)
    naive = NaiveStep(*networks(config), config)
    factors = loss_factors(config.loss_weights.scaled(config.network))

    def worst(one_pass: bool) -> dict[str, float]:
        largest = dict.fromkeys((*LOSSES, "discriminator"), 0.0)
        for batch in batches:
            seen = forward_pass(network, h, batch, config.training)
            losses = losses_of(seen, factors) | {"discriminator": discriminator(h, *seen.compared())}
            found = differences(losses, naive.losses(batch, one_pass))
            largest = {name: max(largest[name], found[name]) for name in largest}
        return largest

    with torch.no_grad():
        # Fills the running statistics, too.
        together = worst(one_pass=config.training.step.batch_norm == "mixed")
        naive.network.load_state_dict(network.state_dict())
        for own in (network, naive.network):
            own.eval()  # which concerns BatchNorm alone
        return worst(one_pass=False), together


def operations(config: Config, batch: Batch) -> int:
    """Floating point operations of a naive step."""
    with FlopCounterMode(display=False) as counter:
        NaiveStep(*networks(config), config)(batch)
    return counter.get_total_flops()


def measure(config_name: str, steps: int) -> dict[str, Any]:
    """Ratios, rates, floor and differences of the losses.

    Raises:
        AssertionError: a loss in float32 differs by more than `TOLERANCE`.
    """
    config = paper_gradients(config_name)
    with TemporaryDirectory() as name:
        folder = Path(name) / "store"
        simulate_store(FRAMES, folder, workers=1)
        batches = mini_batches(config, folder, CHECKED_BATCHES)
        per_set, together = loss_differences(config, batches)
        flops = operations(config, batches[0])
        candidates = {kind: Candidate(kind, config_name, folder, steps + 2) for kind in KINDS}
        seconds: dict[str, list[float]] = {kind: [] for kind in KINDS}
        first = {kind: step(0)[1] for kind, step in candidates.items()}
        for index in range(1, steps + 2):
            for kind, step in candidates.items():
                seconds[kind].append(step(index)[0])
        for step in candidates.values():
            step.process.shutdown()
    seconds = {kind: times[1:] for kind, times in seconds.items()}  # after one more that warms up
    for name, difference in (*per_set.items(), *together.items()):
        assert difference < TOLERANCE, f"the loss '{name}' differs by {difference}"

    images = len(batches[0].patch[batches[0].inputs])
    result: dict[str, Any] = {
        "config": config_name,
        "images": images,
        "gflop": flops / 1e9,
        "floor_ms": 1e3 * flops / peak_flops(torch.float32),
        "floor_bfloat16_ms": 1e3 * flops / peak_flops(torch.bfloat16),
        "loss_differences_frozen": per_set,
        "loss_differences": together,
        "largest_loss_difference_bfloat16": max(
            differences(first["murauer_bfloat16"], first["murauer"]).values()
        ),
    }
    for name, times in seconds.items():
        result[f"{name}_ms"] = 1e3 * statistics.median(times)
        result[f"{name}_images_per_s"] = images / statistics.median(times)
    for name, other in (
        ("ratio", "naive"), ("ratio_one_pass", "naive_one_pass"),
    ):  # fmt: skip
        for kind in ("", "_bfloat16"):
            pairs = zip(seconds[other], seconds["murauer" + kind], strict=True)
            result[name + kind] = spread([theirs / ours for theirs, ours in pairs])
    return result


def spread(values: list[float]) -> dict[str, float]:
    """Median, smallest and largest."""
    return {"median": statistics.median(values), "least": min(values), "most": max(values)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", default="paper")
    parser.add_argument("--steps", type=int, default=3, help="timed steps of each kind")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    torch.set_num_threads(1)
    result = measure(options.config, options.steps)
    if options.json:
        print(json.dumps(result, indent=1))
        return
    for name, value in result.items():
        if isinstance(value, dict) and "median" in value:
            value = "{median:.2f} ({least:.2f} to {most:.2f})".format(**value)
        elif isinstance(value, dict):
            value = ", ".join(f"{key} {number:.1e}" for key, number in value.items())
        print(f"{name:36s} {value:.4g}" if isinstance(value, float) else f"{name:36s} {value}")


if __name__ == "__main__":
    main()
