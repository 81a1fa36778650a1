"""How far the latent representations of corresponding real and synthetic frames lie apart (Figure 6).

murauer experiment figure6 runs/real_and_synth runs/full --out figures

The unit is the mean distance between frames of different poses, since networks differ in the scale of z.
Below the distributions: the median; the share of real frames whose nearest synthetic frame is their own
synthetic pair, and the median rank of the synthetic pair; and how often a fresh linear classifier tells
held-out real from synthetic latents (50 % where it cannot).
"""

import argparse
from dataclasses import asdict

from murauer.evaluation.figures.latent_figures import ALIGNMENT_HEADS, alignment_cells, distance_figure
from murauer.evaluation.latent_space import corresponding_frames, encode_pairs
from murauer.evaluation.runs import labelled_by_any, load_runs, provenance_of, store_of
from murauer.experiments.arguments import add_runs, run_facts
from murauer.experiments.outputs import write_outputs
from murauer.training.device import open_device


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_runs(parser)


def run(args: argparse.Namespace) -> None:
    """Carry the experiment out."""
    runs = load_runs(args.runs, open_device(args.device))
    store = store_of(runs, args.data)
    frames = corresponding_frames(store, labelled_by_any(runs, store)).spread(1000)
    pairs = {run.title: encode_pairs(run.network, frames, store.cube_mm) for run in runs}
    distances = {title: own.distances() for title, own in pairs.items()}
    alignments = {title: own.alignment() for title, own in pairs.items()}
    rows = [
        {"run": title, "frame": int(frame), "distance": distance, "rank": rank}
        for title, own in pairs.items()
        for frame, distance, rank in zip(
            frames.rows, distances[title].tolist(), own.retrieval_ranks().tolist(), strict=True
        )
    ]
    values = {
        "frames": frames.name,
        "runs": [run_facts(run) | {"alignment": asdict(alignments[run.title])} for run in runs],
    }
    figure, made = distance_figure(distances, alignments), provenance_of(runs, store)
    write_outputs(args.out, "figure6", figure, rows, values, made)
    for title, alignment in alignments.items():
        cells = zip(ALIGNMENT_HEADS, alignment_cells(alignment), strict=True)
        print(f"{title}: {', '.join(f'{head.lower()} {cell}' for head, cell in cells)}")
