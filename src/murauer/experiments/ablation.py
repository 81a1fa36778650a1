"""The paper's variants on a simulated recording, several labels and seeds (the paper's Fig. 4).

    python -m murauer.experiments.ablation --out runs/ablation --results docs/results

Every training is kept in a folder of its own; started again, the command goes on where it was stopped.
"""

import argparse
from pathlib import Path

from murauer.config import load_preset
from murauer.data.recording import Recording, open_recording
from murauer.data.simulated import SimulationConfig, simulate_recording
from murauer.evaluation.ablation_table import write_ablation
from murauer.training.sweep import Job, run_pretrainings, run_sweep
from murauer.training.trainer import PRETRAINED_FILE

VARIANTS = ("real_only", "real_and_synth", "distr_match", "view_pred", "full")
LABELS = 100
OTHER_LABELS = (10, 1_000)
OTHER_LABELS_VARIANTS = ("real_and_synth", "full")


def ablation_jobs(recording: Recording, seeds: list[int], out: Path) -> list[Job]:
    """The trainings of the ablation, seed by seed, so that an unfinished sweep has whole seeds.

    Args:
        recording: says how many frames can be labelled.
        seeds: of the trainings.
        out: folder of pre-trained networks and runs.
    """
    jobs = []
    for seed in seeds:
        cells = [("synth_only", 0), *((variant, LABELS) for variant in VARIANTS)]
        cells += [(variant, n) for n in OTHER_LABELS for variant in OTHER_LABELS_VARIANTS]
        cells.append(("real_and_synth", len(recording.need("real"))))  # the floor: every frame labelled
        pretrained = out / f"pretraining_seed{seed}" / PRETRAINED_FILE
        jobs += [
            Job(variant, n, seed, out / f"{variant}_n{n}_seed{seed}", pretrained) for variant, n in cells
        ]
    return jobs


def main() -> None:
    """Run the sweep and write its table and figure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--out", type=Path, default=Path("runs/ablation"), help="folder of recording and runs"
    )
    parser.add_argument(
        "--results", type=Path, default=Path("docs/results"), help="folder of table and figure"
    )
    parser.add_argument("--preset", default="small")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--workers", type=int, help="trainings at a time (default: all cores)")
    options = parser.parse_args()
    folder = options.out / "recording"
    recording = open_recording(folder) if folder.exists() else simulate_recording(SimulationConfig(), folder)
    config = load_preset(options.preset)
    run_pretrainings(recording, config, options.seeds, options.out, options.workers)
    jobs = ablation_jobs(recording, options.seeds, options.out)
    run_sweep(recording, config, jobs, splits=("validation", "test"), workers=options.workers)
    write_ablation(options.out, options.results)


if __name__ == "__main__":
    main()
