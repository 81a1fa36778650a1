"""Does memory stay flat over many training steps and many rendered frames, and how much does a config take?

    python benchmarks/memory.py [--steps 20000] [--frames 1000000] [--out runs]

Training is joint training of the config smoke with log and checkpoints as in `murauer train`; frames are
simulated as `murauer render session` does, hands of both domains with clutter and sensor, at 32 x 32 pixels.
Resident memory is read every 100 steps and every chunk of frames; the slope is a least-squares line through
what comes after the first fifth. The peak of a config is that of a process that makes a few steps of each
stage.

Every measurement has a process of its own. Writes memory.json and memory.svg.
"""

import argparse
import json
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import numpy as np
import torch
from training_step import FRAMES, networks

from murauer.evaluation.figures.drawing import new_figure, save_figure, tidy
from murauer.prepare.rendering.regions import RENDER_CHUNK
from murauer.prepare.rendering.simulated import SimulationConfig, Simulator, simulate_store
from murauer.progress import Progress
from murauer.store.store import open_store
from murauer.training.batch import Batch
from murauer.training.batch_source import BatchSource
from murauer.training.config import config_names, load_config
from murauer.training.device import keep_freed_memory
from murauer.training.loop import Training
from murauer.training.plan import Plan, Stage
from murauer.training.variants import VARIANTS

MEGABYTE = 1 << 20
WARM_UP = 0.2
"""Share of a measurement before the line through the rest."""

SMALL_WINDOWS = SimulationConfig(region_size=32)


@dataclass(frozen=True)
class Series:
    """Resident memory in bytes after each number of steps or frames."""

    done: list[int]
    resident: list[int]

    def growth(self) -> dict[str, float]:
        """Line through the memory after the warm-up, and its extremes, in megabytes."""
        done, resident = np.array(self.done), np.array(self.resident) / MEGABYTE
        after = done > WARM_UP * done[-1]
        slope = np.polyfit(done[after], resident[after], 1)[0]
        return {
            "megabytes_per_million": float(slope * 1e6),
            "growth_megabytes": float(slope * (done[-1] - done[after][0])),
            "least_megabytes": float(resident[after].min()),
            "most_megabytes": float(resident[after].max()),
        }


def resident_bytes(process: int | str = "self") -> int:
    """Memory of a process that is in RAM."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def peak_bytes() -> int:
    """Largest resident memory of this process so far; `getrusage` also counts the process that started it."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)
    return int(line.split()[1]) * 1024


def over_training_steps(folder: Path, count: int) -> Series:
    """Joint training, as `murauer train` runs it."""
    torch.set_num_threads(1)
    smoke = load_config("smoke")
    settings = msgspec.structs.replace(smoke.training, joint_iterations=count, checkpoint_every=500)
    config = msgspec.structs.replace(smoke, training=settings)
    store = open_store(folder)
    source = BatchSource(store, config, VARIANTS["full"], store.labelled_rows(100, 0), seed=0)
    network, discriminator = networks(config)
    series = Series([], [])

    def draw(step: int) -> list[Batch]:
        if step % 100 == 0:
            series.done.append(step)
            series.resident.append(resident_bytes())
        return [source.joint(step)]

    training = Training(network, config, discriminator)
    plan = Plan((Stage("training", training.iterations, source.images),))
    training.run("training", draw, folder / "checkpoint.safetensors", "", plan)
    return series


def over_rendered_frames(count: int) -> Series:
    """Chunks of both domains in turn; a frame is one image of one camera."""
    torch.set_num_threads(1)
    sizes = msgspec.structs.replace(SMALL_WINDOWS, synthetic_frames=count, real_frames=count)
    simulator = Simulator(sizes)
    series, done, start = Series([], []), 0, 0
    with Progress("rendering", count, unit="frame") as progress:
        while done < count:
            for name in ("synthetic", "real"):
                rendered = simulator.chunk(name, start, start + RENDER_CHUNK)["depth"].shape[:2].numel()
                done += rendered
                progress.advance(rendered)
            start += RENDER_CHUNK
            series.done.append(done)
            series.resident.append(resident_bytes())
    return series


def peak_of_config(folder: Path, config_name: str, steps: int) -> dict[str, float]:
    """Largest resident memory in megabytes of a few steps of each stage, and before them."""
    torch.set_num_threads(1)
    config = load_config(config_name)
    store = open_store(folder)
    source = BatchSource(store, config, VARIANTS["full"], store.labelled_rows(100, 0), seed=0)
    keep_freed_memory()  # as `murauer train` does
    result = {"before": resident_bytes() / MEGABYTE}
    network, discriminator = networks(config)
    kinds: dict[str, Callable[[], Callable[[int], Any]]] = {
        "pretraining": lambda: _of(Training(network, config, pretraining=True).step, source.pretraining),
        "joint": lambda: _of(Training(network, config, discriminator).step, source.joint),
    }
    for name, make in kinds.items():
        step = make()
        for index in range(steps):
            step(index)
        result[name] = peak_bytes() / MEGABYTE
    return result


def _of(make_step: Callable[[Any], Any], batch: Callable[[int], Any]) -> Callable[[int], Any]:
    return lambda index: make_step(batch(index))


def apart(*calls: Callable[[], Any]) -> list[Any]:
    """Results of calls, each in a process of its own, all at once."""
    context = get_context("spawn")
    with ProcessPoolExecutor(len(calls), context, max_tasks_per_child=1) as pool:
        return [task.result() for task in [pool.submit(call) for call in calls]]


def draw(series: dict[str, Series], path: Path) -> None:
    """Memory over steps and over frames, side by side."""
    figure = new_figure(7.5, 3.2)
    for axes, (name, own) in zip(
        figure.subplots(1, len(series), squeeze=False)[0], series.items(), strict=True
    ):
        axes.plot(own.done, np.array(own.resident) / MEGABYTE, linewidth=1)
        axes.set_xlabel(name)
        axes.set_ylabel("Resident memory (MB)")
        axes.set_ylim(0, 1.2 * max(own.resident) / MEGABYTE)
        tidy(axes)
    save_figure(figure, path)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--frames", type=int, default=1_000_000)
    parser.add_argument("--out", type=Path, default=Path("runs"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as name:
        folder = Path(name) / "store"
        simulate_store(FRAMES, folder, workers=1)
        peaks = {
            config_name: apart(partial(peak_of_config, folder, config_name, steps=4))[0]
            for config_name in config_names()
        }
        steps, frames = apart(
            partial(over_training_steps, folder, options.steps), partial(over_rendered_frames, options.frames)
        )
    series = {"Training steps": steps, "Rendered frames": frames}
    growth = {name: own.growth() for name, own in series.items()}
    points = {name: msgspec.to_builtins(own) for name, own in series.items()}
    document = {"peak_megabytes": peaks, "growth": growth, "series": points}
    (options.out / "memory.json").write_text(json.dumps(document) + "\n")
    draw(series, options.out / "memory.svg")
    print(json.dumps({"peak_megabytes": peaks, "growth": growth}, indent=1))


if __name__ == "__main__":
    main()
