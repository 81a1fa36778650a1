"""Random access to training samples: from the store, and by decoding the original 640 x 480 PNG.

    python benchmarks/store_access.py [--frames 60] [--seconds 5]

Writes a folder in the format of the NYU dataset (as the tests do), imports it, and reads its real frames in
random order from both, on one core in the same run: to depth in mm with what a crop needs, and to the patch
that a network sees. Times are CPU times of one thread with warm file caches, so that other processes on the
machine disturb them little. With MURAUER_SHARED set to the folder of reference data, decoding and importing
are timed on a genuine NYU frame too, whose noise makes it slower to decode than those of the tests.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch

from murauer.capture.depth import read_depth
from murauer.datasets import DATASETS
from murauer.datasets.dataset import Dataset, DatasetView, FrameSetInfo
from murauer.geometry.camera import CAMERAS, uvd_to_xyz
from murauer.geometry.crop import crop_hand
from murauer.geometry.skeletons import SKELETONS
from murauer.prepare.importing.run import import_dataset
from murauer.store.augmentation import still, to_samples
from murauer.store.store import Store

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from dataset_folders.nyu import write_nyu

PAPER_IMAGES = 72_757 * 5 + 8_252
"""Of the NYU dataset: training frames of two cameras, their renderings from three, test frames."""

BATCH = 64
PATCH = 128


class GenuineFrame:
    """A dataset that is one genuine frame, over and over."""

    name, rig, view_pair = "genuine", None, None
    skeleton = SKELETONS["nyu14"]
    aliases: Mapping[str, str] = {}
    unseen_persons: frozenset[int] = frozenset()

    def __init__(self, shared: Path, frames: int):
        self.path = shared / "real" / "nyu_test_depth_1_0000001.png"
        with open(shared / "nyu" / "nyu_test_groundtruth_label.txt", encoding="utf-8") as file:
            uvd = torch.tensor([float(word) for word in file.readline().split()]).view(-1, 3)
        self.joints = uvd_to_xyz(uvd, CAMERAS["nyu"].intrinsics())
        person = np.zeros(frames, np.int16)
        self.sets = {"real": FrameSetInfo(frames, views=1, real=True, person=person)}

    def view(self, set_name: str, index: int, view: int) -> DatasetView:
        """Read the frame, see `Dataset.view`."""
        camera = CAMERAS["nyu"]
        depth = torch.from_numpy(read_depth(self.path, camera))
        return DatasetView(self.path.name, depth, camera, self.joints, 0)


def rate(read: Callable[[np.ndarray], object], count: int, batch: int, seconds: float) -> float:
    """Samples per second of CPU time, in random order."""
    order = np.random.default_rng(0)
    read(order.integers(count, size=batch))
    done, started = 0, time.process_time()
    while time.process_time() - started < seconds:
        read(order.integers(count, size=batch))
        done += batch
    return done / (time.process_time() - started)


def from_images(dataset: Dataset, rows: np.ndarray) -> list[torch.Tensor]:
    return [dataset.view("real", int(row), 0).depth for row in rows]


def patches_from_images(dataset: Dataset, rows: np.ndarray) -> list[torch.Tensor]:
    patches = []
    for row in rows:
        frame = dataset.view("real", int(row), 0)
        assert frame.joints is not None
        centre = frame.joints[dataset.skeleton.centre][None]
        intrinsics = frame.camera.intrinsics()[None]
        patches.append(crop_hand(frame.depth[None], intrinsics, centre, patch_size=PATCH)[0])
    return patches


def patches_from_store(store: Store, rows: np.ndarray) -> torch.Tensor:
    region = store.require("real").regions(rows)
    return to_samples(region, still(len(rows)), patch_size=PATCH, cube_mm=store.cube_mm).patch


def measure(folder: Path, frames: int, seconds: float) -> dict[str, float]:
    """All rates in samples per second, and the ratios."""
    write_nyu(folder / "nyu", train=frames, test=2, synthetic=False, synthetic_test=False)
    dataset = DATASETS["nyu"](folder / "nyu")
    started, cpu = time.perf_counter(), time.process_time()
    store = import_dataset(dataset, folder / "nyu", folder / "store", workers=1)
    images = sum(int(own.valid.size) for own in store.sets.values())
    result = {
        "images_imported": float(images),
        "import_images_per_cpu_s": images / (time.process_time() - cpu),
        "import_images_per_s": images / (time.perf_counter() - started),
        "png_kilobytes": np.mean([path.stat().st_size for path in folder.rglob("depth_*.png")]) / 1000,
        "decoded_per_s": rate(lambda rows: from_images(dataset, rows), frames, 8, seconds),
        "decoded_patches_per_s": rate(lambda rows: patches_from_images(dataset, rows), frames, 8, seconds),
        "store_single_per_s": rate(store.require("real").regions, frames, 1, seconds),
        "store_batches_per_s": rate(store.require("real").regions, frames, BATCH, seconds),
        "store_patches_per_s": rate(lambda rows: patches_from_store(store, rows), frames, BATCH, seconds),
    }
    result["ratio_single"] = result["store_single_per_s"] / result["decoded_per_s"]
    result["ratio_batches"] = result["store_batches_per_s"] / result["decoded_per_s"]
    result["ratio_patches"] = result["store_patches_per_s"] / result["decoded_patches_per_s"]
    shared = Path(os.environ.get("MURAUER_SHARED", "")) / "data"
    if shared.is_dir():
        result |= measure_genuine(GenuineFrame(shared, 256), folder / "genuine", seconds)
    for key in ("import_images_per_cpu_s", "genuine_import_images_per_cpu_s"):
        if key in result:
            minutes = PAPER_IMAGES / (8 * result[key]) / 60
            result[key.replace("images_per_cpu_s", "minutes_of_paper_on_8_cores")] = minutes
    return result


def measure_genuine(dataset: "GenuineFrame", folder: Path, seconds: float) -> dict[str, float]:
    count = dataset.sets["real"].frames
    cpu = time.process_time()
    import_dataset(dataset, dataset.path.parent, folder, workers=1)
    return {
        "genuine_png_kilobytes": dataset.path.stat().st_size / 1000,
        "genuine_import_images_per_cpu_s": count / (time.process_time() - cpu),
        "genuine_decoded_per_s": rate(lambda rows: from_images(dataset, rows), count, 8, seconds),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=5.0, help="CPU time of each measurement")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        result = measure(Path(folder), options.frames, options.seconds)
    print(json.dumps({name: round(value, 2) for name, value in result.items()}, indent=1))


if __name__ == "__main__":
    main()
