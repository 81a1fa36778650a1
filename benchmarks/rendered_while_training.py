"""What does a training step cost whose synthetic frames are rendered for it, against frames from the store?

    OMP_NUM_THREADS=1 python benchmarks/rendered_while_training.py [--config small] [--every 5 20]

Joint training of the variant full, one thread, with windows of 96 x 96: blocks of steps with synthetic frames
from the store and with frames that another process renders take turns. The CPU time of the training process
says what it costs to take the frames over; that of the rendering beside it is measured alone. Where a core is
to spare a step costs the former only, as the time that passes shows there; where all are busy it costs both.
Ratios are of neighbouring blocks, median and range.
"""

import argparse
import shutil
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from murauer.nets.network import HandPoseNetwork, make_discriminator
from murauer.prepare.rendering.regions import RENDER_CHUNK
from murauer.prepare.rendering.simulated import SimulationConfig, simulate_store
from murauer.prepare.rendering.synthetic import SynthesisConfig, Synthesiser
from murauer.prepare.rendering.while_training import EndlessConfig, render_while_training
from murauer.store.store import open_store
from murauer.training.batch_source import BatchSource
from murauer.training.config import load_config
from murauer.training.loop import Training
from murauer.training.variants import VARIANTS

LABELS = 100
STORE = SimulationConfig(synthetic_frames=1000, real_frames=500, validation_frames=10, test_frames=10)
SYNTHESIS = SynthesisConfig(frames=RENDER_CHUNK)


def cpu_ms_a_chunk(folder: Path, repeats: int = 3) -> float:
    """CPU time of rendering a chunk, the fastest of some."""
    renderer, times = Synthesiser(SYNTHESIS, folder), []
    for number in range(repeats + 1):  # the first one warms up
        start = time.process_time()
        renderer.chunk("synthetic", number * RENDER_CHUNK, (number + 1) * RENDER_CHUNK)
        times.append(1e3 * (time.process_time() - start))
    return min(times[1:])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", default="small")
    parser.add_argument("--every", type=int, nargs="+", default=[5, 20], help="steps for 250 new moments")
    parser.add_argument("--blocks", type=int, default=5)
    parser.add_argument("--steps", type=int, default=20, help="of a block")
    options = parser.parse_args()
    torch.set_num_threads(1)
    config = load_config(options.config)
    with TemporaryDirectory() as name:
        folders = {"store": Path(name) / "store"}
        simulate_store(STORE, folders["store"])
        for steps in options.every:
            folders[f"every {steps}"] = Path(shutil.copytree(folders["store"], Path(name) / str(steps)))
            render_while_training(folders[f"every {steps}"], EndlessConfig(SYNTHESIS, steps), replace=True)
        network, discriminator = HandPoseNetwork(config.network), make_discriminator(config.network)
        make_step = Training(network, config, discriminator).step
        sources = {}
        for kind, folder in folders.items():
            store = open_store(folder)
            rows = store.labelled_rows(LABELS, 0)
            sources[kind] = BatchSource(store, config, VARIANTS["full"], rows, 0)
            make_step(sources[kind].joint(0))  # the renderers have started
        cpu: dict[str, list[float]] = {kind: [] for kind in sources}
        passed: dict[str, list[float]] = {kind: [] for kind in sources}
        for block in range(options.blocks):
            for kind, source in sources.items():
                starts = time.process_time(), time.perf_counter()
                for step in range(block * options.steps, (block + 1) * options.steps):
                    make_step(source.joint(step))
                cpu[kind].append(1e3 * (time.process_time() - starts[0]) / options.steps)
                passed[kind].append(1e3 * (time.perf_counter() - starts[1]) / options.steps)
        chunk = cpu_ms_a_chunk(folders["store"])
    base = statistics.median(cpu["store"])
    print(f"{options.config}, from the store: {base:.0f} ms of CPU a step")
    for steps in options.every:
        kind = f"every {steps}"
        rendering = chunk / steps
        print(
            f"250 new moments every {steps} steps: CPU of the training {ratio(cpu[kind], cpu['store'])}, and "
            f"{rendering:.0f} ms a step beside it ({1 + rendering / base:.2f} in all); time that passed "
            f"{ratio(passed[kind], passed['store'])}"
        )


def ratio(ours: list[float], base: list[float]) -> str:
    """Median and range of the ratios."""
    ratios = [own / other for own, other in zip(ours, base, strict=True)]
    return f"{statistics.median(ratios):.2f} times ({min(ratios):.2f} to {max(ratios):.2f})"


if __name__ == "__main__":
    main()
