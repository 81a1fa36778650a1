"""Error over the number of labelled real frames for the paper's variants (Figure 4): trains all of them.

murauer experiment figure4 --data stores/nyu --config paper --out figures/nyu

Each training has a folder of its own in OUT/runs. Given again after it was stopped, or with more labels,
variants or seeds, the command trains what is missing. A training that fails is told at the end, when all
others are finished. On NYU's test set the published errors are drawn beside the measured ones.
"""

import argparse
from collections.abc import Sequence
from dataclasses import asdict

from murauer.arguments import add_data, add_run_folder, add_small_cube, positive_int
from murauer.errors import UserError
from murauer.evaluation.figures.published import PublishedSeries, is_published_test_set, published_results
from murauer.experiments.ablation_figure import ablation_figure
from murauer.experiments.ablation_table import error_curves, summarise, sweep_results, sweep_rows
from murauer.experiments.arguments import with_small_cube
from murauer.experiments.outputs import write_outputs
from murauer.experiments.sweeping import add_sweep, add_work, config_of, images_per_step, sweep_runner
from murauer.provenance import provenance
from murauer.store.manifest import CENTRES, data_digest
from murauer.store.store import Store, open_store
from murauer.sweeps.sweep import make_jobs, run_sweep
from murauer.training.batch_source import BatchSource
from murauer.training.config import Config
from murauer.training.variants import VARIANTS, find_variant

PAPER_VARIANTS = ("synth_only", "real_only", "real_and_synth", "distr_match", "view_pred", "full")
LABELS = (10, 100, 1_000, 10_000)
ALL = "all"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_data(parser)
    add_run_folder(parser)
    parser.add_argument(
        "--labels",
        type=lambda text: text if text == ALL else positive_int(text),
        nargs="+",
        metavar="N",
        help="numbers of labelled frames, or 'all' (default: 10 100 1000 10000 all, where there are so many)",
    )
    parser.add_argument(
        "--variants",
        nargs="+",
        metavar="NAME",
        help=f"of {', '.join(VARIANTS)} (default: the paper's six, as far as the store allows)",
    )
    parser.add_argument("--split", choices=("validation", "test"), default="test", help="default: test")
    add_small_cube(parser)
    add_work(parser)
    add_sweep(parser)


def run(args: argparse.Namespace) -> None:
    """Carry the experiment out."""
    store, config = open_store(args.data), config_of(args)
    runner = sweep_runner(args)
    _check_split(store, args.split)
    counts = _label_counts(store, args.labels)
    cells = _cells(store, config, args.variants, counts)
    jobs = make_jobs(cells, args.seeds, args.out / "runs")
    measured = args.split if args.small_cube is None else f"{args.split}@{args.small_cube}"
    sweep = run_sweep(store, config, jobs, splits=(measured,), runner=runner, device=args.device)
    if sweep.results:
        results = sweep_results(sweep, measured)
        published = _published(store, args.split)
        data = published_results().data if published else f"{args.split} split of {store.folder.name}"
        data = with_small_cube(data, args.small_cube)
        values = {
            "data": data,
            "centres": CENTRES[store.centre_kind(args.split)],
            "small_cube_person": args.small_cube,
            "config": args.config,
            "images_per_step": images_per_step(store, config, dict.fromkeys(name for name, _ in cells)),
            "results": [result.row() for result in results],
            "summaries": [asdict(summary) for summary in summarise(results)],
            "failures": sweep.failures,
            "published_source": published_results().source if published else None,
        }
        figure = ablation_figure(error_curves(results), published, data)
        made = provenance(data=data_digest(store.folder), config=config)
        write_outputs(args.out, "figure4", figure, sweep_rows(results, published), values, made)
    sweep.check()


def _check_split(store: Store, split: str) -> None:
    """See to it, before hours of training, that their results can be measured."""
    if not len(store.require(split).usable_rows(0, labelled=True)):
        raise UserError(
            f"the {split} frames of {store.folder} have no labels to measure errors with; choose another "
            "--split"
        )


def _label_counts(store: Store, asked: Sequence[int | str] | None) -> list[int]:
    """Numbers of labelled frames, ascending, each once."""
    held = 0 if store.real is None else len(store.real.usable_rows(0, labelled=True))
    if asked is None:
        counts = [n for n in LABELS if n < held] + [held]
    else:
        counts = [held if n == ALL else int(n) for n in asked]
    for n in counts:
        store.labelled_rows(n, seed=0)  # raises a sentence if there are not so many
    return sorted({n for n in counts if n})


def _cells(
    store: Store, config: Config, asked: Sequence[str] | None, counts: Sequence[int]
) -> list[tuple[str, int]]:
    """Which variants to train with how many labels: n = 0 where no real frame is used.

    Raises:
        UserError: The store lacks what a variant that was asked for needs, or all of them.
    """
    cells: list[tuple[str, int]] = []
    for name in dict.fromkeys(asked or PAPER_VARIANTS):
        variant = find_variant(name)
        own = [(name, n) for n in counts] if variant.real else [(name, 0)]
        try:
            for _, n in own[:1]:
                BatchSource(store, config, variant, store.labelled_rows(n, seed=0), seed=0)
        except UserError as error:
            if asked:
                raise
            print(f"left out: {variant.title}: {error}")
        else:
            cells += own
    if not cells:
        raise UserError(f"{store.folder} has too little for any of the variants (see above)")
    return cells


def _published(store: Store, split: str) -> dict[str, PublishedSeries]:
    """The paper's errors by variant, if they were measured on this split."""
    if split != "test" or not is_published_test_set(store):
        return {}
    names = {variant.title: name for name, variant in VARIANTS.items()}
    return {names[series.method]: series for series in published_results().variants}
