"""t-SNE of the latent representations of corresponding real and synthetic frames (Figure 5).

murauer experiment figure5 runs/full --out figures

Beside the points are depth images of some pairs, synthetic on the left, real on the right. t-SNE keeps
neighbours together, not distances: figure6 measures those.
"""

import argparse
from dataclasses import asdict

from murauer.arguments import positive_int
from murauer.evaluation.figures.latent_figures import embed, embedding_figure
from murauer.evaluation.latent_space import corresponding_frames, encode_pairs
from murauer.evaluation.runs import load_runs, provenance_of, store_of
from murauer.experiments.arguments import add_runs, run_facts
from murauer.experiments.outputs import write_outputs
from murauer.training.device import open_device

PAIRS = 500


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_runs(parser, nargs=None)
    parser.add_argument(
        "--pairs", type=positive_int, default=PAIRS, metavar="N", help=f"frames of each (default: {PAIRS})"
    )


def run(args: argparse.Namespace) -> None:
    """Carry the experiment out."""
    (run,) = load_runs([args.runs], open_device(args.device))
    store = store_of([run], args.data)
    frames = corresponding_frames(store, run.labelled_rows(store)).spread(args.pairs)
    pairs = encode_pairs(run.network, frames, store.cube_mm, limit=args.pairs)
    embedding = embed(pairs)
    shown = embedding.examples()
    rows = [
        {"frame": int(frame), "domain": domain, "x": float(x), "y": float(y), "shown": index in shown}
        for domain, points in (("real", embedding.real), ("synthetic", embedding.synthetic))
        for index, (frame, (x, y)) in enumerate(zip(frames.rows, points, strict=True))
    ]
    values = {"run": run_facts(run), "frames": frames.name, "alignment": asdict(pairs.alignment())}
    title = f"{run.title}: {len(frames.rows):,} {frames.name} and their synthetic pairs"
    size = run.config.network.patch_size
    figure = embedding_figure(embedding, frames, size, store.cube_mm, title)
    write_outputs(args.out, "figure5", figure, rows, values, provenance_of([run], store))
