"""The quick benchmarks together: a table, and runs/bench.json.

    make bench        or        python benchmarks/bench.py [--out runs/bench.json] [--only NAME ...]

A few minutes on two cores. Each ratio is measured within one run, murauer and its peer in turn; the script
that measures it alone says how, and measures more. Rates are of CPU time of one thread, so that other
programs on the machine disturb them little; only `pipeline_fps` goes by the clock.
"""

import argparse
import json
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import data_path
import numpy as np
import render_speed
import torch
import training_step
from training_step import spread

import inference

Rows = dict[str, Any]


def training(result: Rows) -> None:
    """Joint step of the configs paper and small."""
    for config_name, steps in (("paper", 3), ("small", 8)):
        measured = training_step.measure(config_name, steps)
        name = "joint_step" if config_name == "paper" else f"joint_step_{config_name}"
        for kind in ("", "_bfloat16"):
            result[f"{name}_ratio{kind}"] = measured[f"ratio{kind}"]
            result[f"{name}_ratio_one_pass{kind}"] = measured[f"ratio_one_pass{kind}"]
            result[f"{name}_images_per_s{kind}"] = measured[f"murauer{kind}_images_per_s"]
            result[f"{name}_share_of_peak{kind}"] = (
                measured[f"floor{kind}_ms"] / measured[f"murauer{kind}_ms"]
            )
        for term, difference in measured["loss_differences"].items():
            result[f"{name}_difference_of_{term}"] = difference


def data(result: Rows) -> None:
    """Store to augmented batch."""
    measured = data_path.measure("paper", seconds=2.0, steps=2)
    result["data_path_ratio"] = measured["ratio"]
    result["data_path_samples_per_s"] = measured["store_samples_per_s"]
    for stage in ("joint", "pretraining"):
        result[f"{stage}_step_with_data_over_constant"] = measured[f"{stage}_step_with_data_over_constant"]


def renderer(result: Rows) -> None:
    """Pose to 128 x 128 depth, against skinning and ray casting with trimesh and Embree."""
    torch.set_num_threads(1)
    ratios, rates = [], []
    for _ in range(3):
        measured = render_speed.measure(size=128, hands=128, repeats=5, rays=16)
        own = measured["skinning_ms"] + measured["rasterising_ms"]
        ratios.append((measured["skinning_ms"] + measured["ray_casting_ms"]) / own)
        rates.append(measured["pose_to_depth_hands_per_s"])
    result["renderer_ratio"] = spread(ratios)
    result["renderer_hands_per_second_per_core"] = spread(rates)


def pipeline(result: Rows) -> None:
    """Frame in to joints out with the packaged model, following a hand; batch 1, one thread."""
    frames, palms = inference.render_sequence()
    own, _, eager = inference.take_turns(frames, palms, repeats=200, threads=1).values()
    result["pipeline_fps"] = 1 / float(np.median(own.wall))
    result["pipeline_fps_of_cpu_time"] = 1 / float(own.cpu.mean())
    result["pipeline_over_eager_network"] = float(eager.cpu.sum() / own.cpu.sum())


BENCHMARKS: dict[str, Callable[[Rows], None]] = {
    function.__name__: function for function in (training, data, renderer, pipeline)
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("runs/bench.json"))
    parser.add_argument("--only", nargs="+", choices=BENCHMARKS, default=list(BENCHMARKS))
    options = parser.parse_args()
    torch.set_num_threads(1)
    result: Rows = {}
    seconds = {}
    for name in options.only:
        started = time.perf_counter()
        BENCHMARKS[name](result)
        seconds[name] = round(time.perf_counter() - started, 1)
    machine = {
        "date": time.strftime("%Y-%m-%d"),
        "processor": _processor(),
        "torch": torch.__version__,
        "peak_gflops": training_step.peak_flops(torch.float32) / 1e9,
        "peak_gflops_bfloat16": training_step.peak_flops(torch.bfloat16) / 1e9,
        "copy_gigabytes_per_s": data_path.bytes_per_second() / 1e9,
    }
    # The median stands for the figure, with the spread beside it.
    figures = {name: value["median"] if isinstance(value, dict) else value for name, value in result.items()}
    spreads = {name: value for name, value in result.items() if isinstance(value, dict)}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(
        json.dumps(figures | {"spread": spreads, "machine": machine, "seconds": seconds}, indent=1) + "\n"
    )
    for name, value in (machine | figures).items():
        text = f"{value:.4g}" if isinstance(value, float) else str(value)
        if name in spreads:
            text += " ({least:.4g} to {most:.4g})".format(**spreads[name])
        print(f"{name:44s} {text}")
    print(f"written to {options.out} after {sum(seconds.values()):.0f} s")


def _processor() -> str:
    """Name of the processor, as far as the system tells."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]}, {len(names)} cores" if names else platform.processor()


if __name__ == "__main__":
    main()
