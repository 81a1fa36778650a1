"""Train the base model; see `murauer.training.base.train`."""

import argparse
import subprocess
import sys
from pathlib import Path

import torch

from murauer.nets.config import SMALL_DENSE, DenseConfig
from murauer.training.base.pool import Pool
from murauer.training.base.train import BaseTraining, Stage, train

NETWORKS = {"base": DenseConfig(), "small": SMALL_DENSE}
DEFAULT_STAGES = ((420.0, 2e-3), (180.0, 7e-4))


def main() -> None:
    """Render and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="folder of checkpoints, log and frames")
    parser.add_argument(
        "--stage", nargs=2, type=float, action="append", metavar=("MINUTES", "RATE"), help="may be repeated"
    )
    parser.add_argument("--producers", type=int, default=1, help="processes that render (default: 1)")
    parser.add_argument("--threads", type=int, default=1, help="of the training (default: 1)")
    parser.add_argument("--test", type=Path, metavar="STORE", help="a recording to test on meanwhile")
    parser.add_argument("--start", metavar="MODEL", help="go on from a model, such as default")
    parser.add_argument(
        "--network", choices=NETWORKS, default="base", help="which is trained (default: base)"
    )
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    stages = tuple(Stage(minutes, rate) for minutes, rate in options.stage or DEFAULT_STAGES)
    config = BaseTraining(stages, NETWORKS[options.network])
    frames = options.out / "frames"
    frames.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "murauer.training.base.pool", str(frames)]
    producers = [
        subprocess.Popen([*command, "--seed", str(number + 1)]) for number in range(options.producers)
    ]
    try:
        train(config, options.out, Pool(frames, config.chunks), options.test, options.start)
    finally:
        for producer in producers:
            producer.terminate()


if __name__ == "__main__":
    main()
