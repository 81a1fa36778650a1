"""Which container for the windows of a store: memory-mapped arrays, Zarr, LMDB or Arrow.

    pip install zarr lmdb pyarrow
    python benchmarks/store_formats.py [--windows 4000] [--seconds 4]

Takes windows of a simulated store (noise of a sensor, clutter) of the size that an import stores,
192 x 192, writes them in each format, and reads batches of 64 in random order back to depth in mm, on one
core with warm file caches; times are CPU times. Formats whose package is missing are passed over.
"""

import argparse
import importlib.util
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from murauer.capture.depth import DEPTH_UNIT_MM
from murauer.prepare.rendering.simulated import SimulationConfig, simulate_store

BATCH, SIZE = 64, 192
Read = Callable[[np.ndarray], list[np.ndarray] | np.ndarray]


def memory_mapped(windows: np.ndarray, folder: Path) -> Read:
    array = np.lib.format.open_memmap(folder / "depth.npy", "w+", windows.dtype, windows.shape)
    for start in range(0, len(windows), BATCH):
        array[start : start + BATCH] = windows[start : start + BATCH]
    array.flush()
    opened = np.load(folder / "depth.npy", mmap_mode="c")
    return lambda rows: opened[rows]


def zarr_chunks(compressed: bool) -> Callable[[np.ndarray, Path], Read]:
    def write(windows: np.ndarray, folder: Path) -> Read:
        import zarr

        codecs = zarr.codecs.BloscCodec(cname="lz4", clevel=5, shuffle="bitshuffle") if compressed else None
        array = zarr.create_array(
            store=str(folder / "depth.zarr"),
            shape=windows.shape,
            chunks=(1, SIZE, SIZE),
            dtype=windows.dtype,
            compressors=codecs,
        )
        array[:] = windows
        opened = zarr.open_array(str(folder / "depth.zarr"), mode="r")
        return lambda rows: [opened[int(row)] for row in rows]

    return write


def lmdb_values(windows: np.ndarray, folder: Path) -> Read:
    import lmdb

    with (
        lmdb.open(str(folder / "depth.lmdb"), map_size=4 * windows.nbytes) as environment,
        environment.begin(write=True) as transaction,
    ):
        for row, window in enumerate(windows):
            transaction.put(row.to_bytes(8, "big"), window.tobytes())
    opened = lmdb.open(str(folder / "depth.lmdb"), readonly=True, lock=False).begin(buffers=True)

    def read(rows: np.ndarray) -> list[np.ndarray]:
        values = (opened.get(int(row).to_bytes(8, "big")) for row in rows)
        return [np.frombuffer(value, np.uint16).reshape(SIZE, SIZE) for value in values]

    return read


def arrow_file(windows: np.ndarray, folder: Path) -> Read:
    import pyarrow as pa

    path, width = str(folder / "depth.arrow"), SIZE * SIZE * 2
    schema = pa.schema([("depth", pa.binary(width))])
    with pa.OSFile(path, "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for window in windows:  # one record batch each: taking single rows out of large ones copies them
            writer.write_batch(
                pa.record_batch([pa.array([window.tobytes()], pa.binary(width))], schema=schema)
            )
    reader = pa.ipc.open_file(pa.memory_map(path))

    def read(rows: np.ndarray) -> list[np.ndarray]:
        buffers = (reader.get_batch(int(row)).column(0).buffers()[1] for row in rows)
        return [np.frombuffer(buffer, np.uint16, SIZE * SIZE).reshape(SIZE, SIZE) for buffer in buffers]

    return read


FORMATS: dict[str, tuple[str | None, Callable[[np.ndarray, Path], Read]]] = {
    "memory-mapped array": (None, memory_mapped),
    "Zarr, one chunk a window": ("zarr", zarr_chunks(compressed=False)),
    "Zarr, with LZ4": ("zarr", zarr_chunks(compressed=True)),
    "LMDB": ("lmdb", lmdb_values),
    "Arrow, one record a window": ("pyarrow", arrow_file),
}


def to_depth(values: list[np.ndarray] | np.ndarray) -> torch.Tensor:
    """As `FrameSet.regions` does."""
    return torch.from_numpy(np.asarray(values).astype(np.float32) * np.float32(DEPTH_UNIT_MM))


def measure(
    write: Callable[[np.ndarray, Path], Read], windows: np.ndarray, seconds: float
) -> dict[str, float]:
    folder = Path(tempfile.mkdtemp())
    try:
        cpu = time.process_time()
        read = write(windows, folder)
        written = time.process_time() - cpu
        order = np.random.default_rng(0)
        rows = order.integers(len(windows), size=BATCH)
        expected = windows[rows].astype(np.float32) * np.float32(DEPTH_UNIT_MM)
        assert np.array_equal(to_depth(read(rows)).numpy(), expected)
        done, started = 0, time.process_time()
        while time.process_time() - started < seconds:
            to_depth(read(order.integers(len(windows), size=BATCH)))
            done += BATCH
        files = [path for path in folder.rglob("*") if path.is_file()]
        return {
            "windows_per_s": done / (time.process_time() - started),
            "written_per_s": len(windows) / written,
            "kilobytes_per_window": sum(path.stat().st_blocks for path in files) * 512 / len(windows) / 1000,
            "files": float(len(files)),
        }
    finally:
        shutil.rmtree(folder)


def sample_windows(count: int) -> np.ndarray:
    """Windows of the real domain, repeated up to the number wanted."""
    with tempfile.TemporaryDirectory() as folder:
        config = SimulationConfig(
            synthetic_frames=1, real_frames=120, validation_frames=1, test_frames=1, region_size=SIZE
        )
        depth = simulate_store(config, Path(folder) / "recording", workers=1).require("real").depth
        flat = np.array(depth).reshape(-1, SIZE, SIZE)
    return np.resize(flat, (count, SIZE, SIZE))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--windows", type=int, default=4000)
    parser.add_argument("--seconds", type=float, default=4.0, help="CPU time of each measurement")
    options = parser.parse_args()
    torch.set_num_threads(1)
    windows = sample_windows(options.windows)
    results = {}
    for name, (package, write) in FORMATS.items():
        if package is not None and importlib.util.find_spec(package) is None:
            print(f"{name}: passed over, the package {package} is not installed", file=sys.stderr)
            continue
        own = measure(write, windows, options.seconds)
        results[name] = {key: round(value, 1) for key, value in own.items()}
        print(f"{name}: {results[name]}", file=sys.stderr)
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
