"""What the parts of the report show; `report.html` says what that is and how it is laid out.

Each function gives the values that its part of the template names. It raises a UserError where the store
or the installation has nothing for it.
"""

from collections.abc import Sequence
from typing import Any

from murauer.evaluation.figures.latent_figures import (
    ALIGNMENT_HEADS,
    alignment_cells,
    distance_distributions,
    embed,
    embedding_figure,
    latent_plane,
)
from murauer.evaluation.figures.method_comparison import MeasuredMethod, comparison_figure
from murauer.evaluation.figures.pictures import overlays, patch_picture, recorded_samples, shaded_patches
from murauer.evaluation.figures.published import is_published_test_set, published_results
from murauer.evaluation.figures.ranked_frames import ranked_frames
from murauer.evaluation.figures.semi_supervised import Measurement, semi_supervised_figure
from murauer.evaluation.figures.success_curves import CurveKind, success_curve_figure
from murauer.evaluation.figures.view_examples import compare_views, held_out_rows
from murauer.evaluation.latent_space import corresponding_frames, encode_pairs
from murauer.evaluation.report.figures import inline_svg
from murauer.evaluation.report.tables import BASELINE
from murauer.evaluation.runs import Predictions, Run, labelled_by_any
from murauer.store.frame_set import spread_rows
from murauer.store.store import Store

Values = dict[str, Any]

FULL = "full"

SAMPLE_PAIRS = 8

DIFFICULTIES = {5: "Easy", 20: "Easy", 45: "Typical", 55: "Typical", 80: "Hard", 95: "Hard"}
"""Percentiles of the error whose frames are shown, and what to call them."""

CURVES: dict[CurveKind, str] = {
    "frames_worst": "Share of frames over the threshold on their worst joint",
    "joints": "Share of joints over the threshold on their error",
}

EXTREMES = 4
"""Best and as many worst frames."""

EMBEDDED_PAIRS = 500

VIEW_EXAMPLES = 4
VIEW_FRAMES = 400
"""Frames over which the error of predicted views is averaged."""


def compared(results: Sequence[Predictions]) -> list[Predictions]:
    """Choose the runs to show side by side: Real&Synth and Full where both are there, else at most two."""
    chosen = [next((own for own in results if own.run.name == name), None) for name in (BASELINE, FULL)]
    both = [own for own in chosen if own is not None]
    return both if len(both) == 2 else list(results[-2:])


def lead(compared: Sequence[Predictions]) -> Values:
    """Give the main result, and by how much it is better than Real&Synth with the same labels."""
    first, last = compared[0], compared[-1]
    same = [own.run.name for own in compared] == [BASELINE, FULL] and first.run.labels == last.run.labels
    return {
        "of": last.run.title,
        "labels": last.run.labels,
        "error_mm": last.metrics.mean_error_mm,
        "baseline_mm": first.metrics.mean_error_mm if same else None,
    }


def published(store: Store, results: Sequence[Predictions]) -> Values | None:
    """Set the runs beside published results of the same test set, and draw error over several n."""
    known = published_results()
    comparable = is_published_test_set(store)
    own = [
        Measurement(one.run.variant.title, one.run.labels, one.run.seed, one.metrics.mean_error_mm)
        for one in results
    ]
    figures = []
    if comparable:
        measured = [MeasuredMethod(one.run.title, "run", one.metrics) for one in results]
        table = comparison_figure(measured, known, known.data, comparable)
        figures.append(inline_svg(table, "table1", "Mean errors of published methods and of the runs"))
    if comparable or len({one.n_labelled for one in own if one.n_labelled}) > 1:
        data = known.data if comparable else f"test split of {store.folder.name}"
        figure = semi_supervised_figure(own, known if comparable else None, data, comparable)
        figures.append(inline_svg(figure, "labels-figure", "Mean error over the number of labelled frames"))
    of = "published methods and of the runs" if comparable else "the runs"
    return {"figures": figures, "of": of} if figures else None


def inputs(store: Store, run: Run) -> Values:
    """Show both domains, pose by pose."""
    frames = corresponding_frames(store, run.labelled_rows(store)).spread(SAMPLE_PAIRS)
    size = run.config.network.patch_size
    real, synthetic = map(shaded_patches, frames.samples(size, store.cube_mm))
    return {"size": size, "pairs": list(zip(synthetic, real, strict=True))}


def predictions(store: Store, compared: Sequence[Predictions]) -> Values:
    """Show test frames from easy to hard, as the last of the compared models finds them."""
    last = compared[-1]
    errors = [own.errors.nanmean(dim=1) for own in compared]
    ranked = errors[-1].argsort(stable=True)
    chosen = ranked[[percent * (len(ranked) - 1) // 100 for percent in DIFFICULTIES]]
    rows = last.rows[chosen.numpy()]
    size = last.run.config.network.patch_size
    samples = recorded_samples(store.require("test"), rows, 0, size, store.cube_mm)
    columns = [
        overlays(samples, joints[chosen], store.skeleton)
        for joints in (last.truth, *(own.joints for own in compared))
    ]
    frames = []
    for place, row, label, *images in zip(chosen, rows, DIFFICULTIES.values(), *columns, strict=True):
        own_errors = (
            f"{own.run.title} {float(error[place]):.1f} mm"
            for own, error in zip(compared, errors, strict=True)
        )
        frames.append({"row": row, "images": images, "caption": f"{label}: {', '.join(own_errors)}"})
    return {
        "ranked_by": last.run.title,
        "percentiles": list(DIFFICULTIES),
        "heads": ["Ground truth", *(own.run.title for own in compared)],
        "frames": frames,
    }


def extremes(store: Store, own: Predictions) -> Values:
    """Show the best and the worst test frames with the nearest pose that training had the label of."""
    count = min(EXTREMES, len(own.rows))
    places = [*range(count), *(-1 - place for place in range(count))]
    frames = ranked_frames(own.run, store, "test", own, places)
    return {"count": count, "of": own.run.title, "frames": frames}


def curves(results: Sequence[Predictions]) -> list[str]:
    """Draw the success curves of all runs."""
    metrics = {own.run.title: own.metrics for own in results}
    return [
        inline_svg(success_curve_figure(metrics, kind), f"curve-{kind}", description)
        for kind, description in CURVES.items()
    ]


def views(store: Store, run: Run) -> Values:
    """Show what the view generator predicts from real and synthetic input of one pose."""
    rows = held_out_rows(store, VIEW_FRAMES)
    both = compare_views(run.network, store, rows)
    columns = {
        "Real input": both.real.input,
        "Other camera’s view": both.real.truth,
        "Predicted from real": both.real.predicted,
    }
    if both.synthetic is not None:
        columns |= {
            "Predicted from synthetic": both.synthetic.predicted,
            "Synthetic input": both.synthetic.input,
        }
    shown = {head: patches for head, patches in columns.items() if patches is not None}
    difference = both.difference()
    return {
        "anchor": f"views-{run.name}-{run.labels}-{run.seed}",
        "of": run.title,
        "heads": list(shown),
        "rows": [
            [patch_picture(patches[row]) for patches in shown.values()]
            for row in spread_rows(len(rows), VIEW_EXAMPLES)
        ],
        "errors": [
            (domain, len(own.input), own.errors().mean(), own.constant_error())
            for domain, own in both.known().items()
        ],
        "difference": None if difference is None else difference.mean(),
    }


def latent_space(store: Store, runs: Sequence[Run]) -> Values:
    """Show how near real and synthetic images of one pose are in the latent space."""
    frames = corresponding_frames(store, labelled_by_any(runs, store))
    pairs = {run.title: encode_pairs(run.network, frames, store.cube_mm) for run in runs}
    planes = [
        inline_svg(latent_plane(*own.principal_plane(), name), f"plane-{index}", f"Latent space of {name}")
        for index, (name, own) in enumerate(pairs.items())
    ]
    distances = distance_distributions({name: own.distances() for name, own in pairs.items()})
    description = "Distribution of the distances between corresponding real and synthetic frames"
    return {
        "count": len(next(iter(pairs.values())).real),
        "frames": frames.name,
        "figures": [*planes, inline_svg(distances, "distances", description)],
        "heads": ["Variant", *ALIGNMENT_HEADS],
        "rows": [[name, *alignment_cells(own.alignment())] for name, own in pairs.items()],
    }


def embedding(store: Store, run: Run) -> Values:
    """Show the latent space by t-SNE with depth images."""
    frames = corresponding_frames(store, run.labelled_rows(store)).spread(EMBEDDED_PAIRS)
    pairs = encode_pairs(run.network, frames, store.cube_mm)
    size = run.config.network.patch_size
    figure = embedding_figure(embed(pairs), frames, size, store.cube_mm, run.title)
    return {
        "of": run.title,
        "count": len(frames.rows),
        "frames": frames.name,
        "figure": inline_svg(figure, "tsne", "t-SNE of real and synthetic latents"),
    }
