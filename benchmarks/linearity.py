"""Does a frame cost the same in a set of a thousand and in one of a hundred thousand?

    python benchmarks/linearity.py [--sizes 1000 10000 100000] [--out runs/linearity.json]

Import of a set, synthesis of one and prediction of that, as the commands do them, by one process and thread.
CPU time of the process, so that other programs on the machine disturb it little; sizes take turns, small ones
come several times, and the median counts. Images are small, and the same 64 files again and again, to save
disk: import of 96 x 96 pixels to windows of 32 x 32, synthesis of such windows, prediction by the config
small with random weights. What a command does once, such as loading PyTorch, is not in these times; a first
small round of everything is thrown away.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from PIL import Image

from murauer.capture.depth import DEPTH_UNIT_MM, read_depth
from murauer.datasets.dataset import DatasetView, FrameSetInfo
from murauer.evaluation.store_prediction import predict_store
from murauer.geometry.camera import Camera
from murauer.geometry.skeletons import SKELETONS
from murauer.nets.model_file import save_model
from murauer.nets.network import HandPoseNetwork
from murauer.prepare.importing.images import ImportSettings
from murauer.prepare.importing.run import import_dataset
from murauer.prepare.rendering.simulated import SimulationConfig, Simulator
from murauer.prepare.rendering.synthetic import SynthesisConfig, synthesise
from murauer.store.store import open_store
from murauer.training.config import load_config

COMMANDS = ("import", "synthesis", "prediction")  # predicted are the frames that were synthesised
FILES = 64
IMAGE_SIZE, WINDOW_SIZE = 96, 32
MOST_FRAMES = 20_000
"""Frames of a size that are measured at least, in as many repetitions as it takes, up to `MOST_REPEATS`."""
MOST_REPEATS = 5


class FewFiles:
    """A dataset of any size, whose images are a few files in turn; see `Dataset`.

    Args:
        folder: for the images.
        frames: in its only set.
    """

    name = "few files"
    skeleton = SKELETONS["nyu14"]
    rig = None
    view_pair = None
    aliases: dict[str, str] = {}  # noqa: RUF012
    unseen_persons: frozenset[int] = frozenset()

    def __init__(self, folder: Path, frames: int) -> None:
        config = SimulationConfig(test_frames=FILES, region_size=IMAGE_SIZE, sensor="clean", clutter=0.0)
        hands = Simulator(config).chunk("test", 0, FILES)
        self.folder = folder
        self.joints = hands["joints"][:, 0]
        self.cameras = [
            Camera(*intrinsics, IMAGE_SIZE, IMAGE_SIZE) for intrinsics in hands["intrinsics"][:, 0].tolist()
        ]
        for index, depth in enumerate(hands["depth"][:, 0].numpy().astype(np.uint16)):
            Image.fromarray(depth).save(folder / f"{index}.png")
        self.sets = {"real": FrameSetInfo(frames, 1, real=True, person=np.zeros(frames, np.int16))}

    def view(self, set_name: str, index: int, view: int) -> DatasetView:
        """Read one image."""
        name, camera = f"{index % FILES}.png", self.cameras[index % FILES]
        depth = torch.from_numpy(read_depth(self.folder / name, camera, DEPTH_UNIT_MM))
        return DatasetView(name, depth, camera, self.joints[index % FILES], 0)


def cpu_seconds(function: Callable[[], object]) -> float:
    """CPU time of a call, of all threads of this process."""
    start = time.process_time()
    function()
    return time.process_time() - start


def measure(frames: int, model: Path, only: list[str]) -> dict[str, float]:
    """CPU microseconds a frame of each command."""
    with TemporaryDirectory() as name:
        folder = Path(name)

        few, many = FewFiles(folder, FILES), FewFiles(folder, frames)

        def imported(dataset: FewFiles, store: Path) -> None:
            settings = ImportSettings(region_size=WINDOW_SIZE)
            import_dataset(dataset, folder, store, settings=settings, workers=1)

        imported(few, folder / "few")
        calls: dict[str, Callable[[], object]] = {
            "import": lambda: imported(many, folder / "many"),
            "synthesis": lambda: synthesise(folder / "few", SynthesisConfig(frames=frames), workers=1),
            "prediction": lambda: predict_store(
                open_store(folder / "few"), "synthetic", model, folder / "joints.npy", workers=1
            ),
        }
        return {call: 1e6 * cpu_seconds(calls[call]) / frames for call in calls if call in only}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--out", type=Path, default=Path("runs/linearity.json"))
    parser.add_argument("--only", nargs="+", choices=COMMANDS, default=list(COMMANDS))
    options = parser.parse_args()
    torch.set_num_threads(1)
    found: dict[int, list[dict[str, float]]] = {size: [] for size in options.sizes}
    with TemporaryDirectory() as name:
        model, config = Path(name) / "model.safetensors", load_config("small")
        save_model(model, HandPoseNetwork(config.network), config)
        measure(FILES, model, options.only)
        for turn in range(MOST_REPEATS):
            for size in options.sizes:
                if turn == 0 or turn * size < MOST_FRAMES:
                    found[size].append(measure(size, model, options.only))
    result = {
        str(size): {
            call: {
                "microseconds": statistics.median(run[call] for run in runs),
                "least": min(run[call] for run in runs),
                "most": max(run[call] for run in runs),
            }
            for call in runs[0]
        }
        for size, runs in found.items()
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=1) + "\n")
    for size, calls in result.items():
        for call, value in calls.items():
            print(
                f"{size:>9} {call:10} " + "{microseconds:8.1f} us ({least:.1f} to {most:.1f})".format(**value)
            )


if __name__ == "__main__":
    main()
