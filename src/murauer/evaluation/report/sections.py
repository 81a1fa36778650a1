"""The parts of the report: what each shows and how it is made."""

import html
from collections.abc import Mapping, Sequence

import numpy as np

from murauer.evaluation.figures.latent_figures import (
    ALIGNMENT_HEADS,
    alignment_cells,
    distance_distributions,
    embed,
    embedding_figure,
    latent_plane,
)
from murauer.evaluation.figures.method_comparison import MeasuredMethod, comparison_figure
from murauer.evaluation.figures.pictures import overlays, patch_picture, shaded_patches
from murauer.evaluation.figures.published import is_published_test_set, published_results
from murauer.evaluation.figures.ranked_frames import RankedFrame, ranked_frames
from murauer.evaluation.figures.semi_supervised import Measurement, semi_supervised_figure
from murauer.evaluation.figures.success_curves import CurveKind, success_curve_figure
from murauer.evaluation.figures.view_examples import compare_views, predict_views, two_view_rows
from murauer.evaluation.latent_space import corresponding_frames, encode_pairs
from murauer.evaluation.report.figures import inline_svg
from murauer.evaluation.report.page import (
    Section,
    cards,
    data_table,
    fact_list,
    numbers,
    panel,
    picture,
    picture_grid,
)
from murauer.evaluation.report.tables import BASELINE, all_facts, headline_table
from murauer.evaluation.runs import Predictions, Run, labelled_by_any
from murauer.inference.frames import batches
from murauer.store.augmentation import Samples
from murauer.store.frame_set import FrameSet, spread_rows
from murauer.store.store import Store

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


def title(run: Run) -> str:
    """Head the page with what the main model is about."""
    return f"3D hand poses from {run.labels:,} labelled depth frames"


def lead(compared: Sequence[Predictions]) -> str:
    """Say the result in a sentence or two."""
    last = compared[-1]
    error = last.metrics.mean_error_mm
    text = f"{last.run.title} finds the joints of a hand with a mean error of {error:.2f} mm."
    if (
        len(compared) == 2
        and [own.run.name for own in compared] == [BASELINE, FULL]
        and compared[0].run.labels == last.run.labels
    ):
        first = compared[0].metrics.mean_error_mm
        change = f"{abs(100 * (error / first - 1)):.1f} % {'less' if error < first else 'more'}"
        text += (
            f" That is {change} than the {first:.2f} mm of Real&Synth, which learns from the same labelled "
            "frames but from none of the unlabelled ones."
        )
    return text


def results(results: Sequence[Predictions]) -> Section:
    """Compare all runs in a table."""
    return Section(
        anchor="results",
        title="Results",
        shown="Distance of the predicted from the true joints, and the share of frames in which even the "
        f"worst joint is near, over {results[0].metrics.frames:,} test frames that no training saw.",
        look_for="errors that fall from row to row, and the gap to a person whom training has not seen.",
        body=headline_table(results),
    )


def published(store: Store, results: Sequence[Predictions]) -> list[Section]:
    """Set the runs beside published results of the same test set, and draw error over several n."""
    known = published_results()
    comparable = is_published_test_set(store)
    own = [
        Measurement(one.run.variant.title, one.run.labels, one.run.seed, one.metrics.mean_error_mm)
        for one in results
    ]
    several = len({one.n_labelled for one in own if one.n_labelled}) > 1
    figures = []
    if comparable:
        measured = [MeasuredMethod(one.run.title, "run", one.metrics) for one in results]
        table = comparison_figure(measured, known, known.data, comparable)
        figures.append(panel(inline_svg(table, "table1", "Mean errors of published methods and of the runs")))
    if comparable or several:
        data = known.data if comparable else f"test split of {store.folder.name}"
        figure = semi_supervised_figure(own, known if comparable else None, data, comparable)
        figures.append(panel(inline_svg(figure, "labels", "Mean error over the number of labelled frames")))
    if not figures:
        return []
    others = "published methods and of the runs" if comparable else "the runs"
    return [
        Section(
            anchor="labels",
            title="Labels and errors",
            shown=f"Mean joint error of {others}, and how it falls with the number of labelled real frames.",
            look_for="how few labels reach the error of methods that need all of them.",
            body=cards(figures, least_rem=24),
        )
    ]


def inputs(store: Store, run: Run) -> Section:
    """Show both domains, pose by pose."""
    frames = corresponding_frames(store, run.labelled_rows(store)).spread(SAMPLE_PAIRS)
    size = run.config.network.patch_size
    real, synthetic = (
        [picture(image, f"{kind} depth patch", pixelated=True) for image in shaded_patches(samples)]
        for samples, kind in zip(frames.samples(size, store.cube_mm), ("real", "synthetic"), strict=True)
    )
    pairs = [picture_grid(["Synthetic", "Real"], [pair]) for pair in zip(synthetic, real, strict=True)]
    return Section(
        anchor="inputs",
        title="Two domains",
        shown=f"What the network sees: {size} × {size} pixels of depth around a hand, near in light and far "
        "in dark tones. Each pair is one pose, rendered on the left and in the real domain on the right.",
        look_for="what renderings lack: the person’s own hand shape, ragged edges, holes, things around it.",
        body=cards(map(panel, pairs), least_rem=13),
    )


def predictions(store: Store, compared: Sequence[Predictions]) -> Section:
    """Show test frames from easy to hard, as the last of the compared models finds them."""
    last = compared[-1]
    errors = [own.errors.mean(dim=1) for own in compared]
    ranked = errors[-1].argsort(stable=True)
    chosen = ranked[[percent * (len(ranked) - 1) // 100 for percent in DIFFICULTIES]]
    rows = last.rows[chosen.numpy()]
    samples = _samples(store, store.require("test"), rows, last.run)
    heads = ["Ground truth", *(own.run.title for own in compared)]
    columns = [
        overlays(samples, joints[chosen], store.skeleton)
        for joints in (last.truth, *(own.joints for own in compared))
    ]
    figures = []
    for place, row, label, images in zip(
        chosen, rows, DIFFICULTIES.values(), zip(*columns, strict=True), strict=True
    ):
        frame_errors = ", ".join(
            f"{own.run.title} {float(error[place]):.1f} mm"
            for own, error in zip(compared, errors, strict=True)
        )
        shown = [
            picture(image, f"{head}, test frame {row}") for head, image in zip(heads, images, strict=True)
        ]
        figures.append(panel(picture_grid(heads, [shown], f"{label}: {frame_errors}")))
    percentiles = ", ".join(map(str, DIFFICULTIES))
    return Section(
        anchor="predictions",
        title="Predictions",
        shown="Skeletons over the depth they were predicted from. Nobody picked the frames: ranked by the "
        f"mean error of {last.run.title}, they stand at {percentiles} % of the test frames.",
        look_for="fingers that are swapped, bent or too short, mostly where hidden or without depth.",
        body=cards(figures, least_rem=24),
    )


def extremes(store: Store, own: Predictions) -> Section:
    """Show the best and the worst test frames with the nearest pose that training had the label of."""
    count = min(EXTREMES, len(own.rows))
    best = ranked_frames(own.run, store, "test", own, range(count))
    worst = ranked_frames(own.run, store, "test", own, [-1 - place for place in range(count)])
    return Section(
        anchor="extremes",
        title="Best and worst frames",
        shown=f"The {count} test frames that {own.run.title} predicts best and the {count} it predicts "
        "worst, each with the labelled training frame whose joints are nearest to the true ones.",
        look_for="worst frames far from anything in training: a pose it lacks, not a slip of the network.",
        body=cards(map(_extreme, (*best, *worst)), least_rem=24),
    )


def _extreme(frame: RankedFrame) -> str:
    heads = ["Ground truth", "Prediction", "Nearest training pose"]
    images = (frame.truth, frame.prediction, frame.nearest_picture)
    shown = [
        picture(image, f"{head}, test frame {frame.row}") for head, image in zip(heads, images, strict=True)
    ]
    nearest = frame.nearest
    caption = f"Error {frame.error_mm:.1f} mm; nearest {nearest.distance_mm:.1f} mm away ({nearest.split})"
    return panel(picture_grid(heads, [shown], caption))


def curves(results: Sequence[Predictions]) -> Section:
    """Draw the success curves of all runs."""
    metrics = {own.run.title: own.metrics for own in results}
    figures = [
        panel(inline_svg(success_curve_figure(metrics, kind), f"curve-{kind}", description))
        for kind, description in CURVES.items()
    ]
    return Section(
        anchor="curves",
        title="Success curves",
        shown="First: frames in which every joint lies within the threshold. Second: single joints that do.",
        look_for="curves nearer to the upper left; the first plot, which asks most, parts methods best.",
        body=cards(figures, least_rem=24),
    )


def views(store: Store, run: Run) -> Section:
    """Show what the view generator predicts from real and synthetic input of one pose."""
    rows = two_view_rows(store, run.labelled_rows(store), VIEW_FRAMES)
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
    pictures = [
        [
            picture(patch_picture(patches[row]), head.lower(), pixelated=True)
            for head, patches in columns.items()
            if patches is not None
        ]
        for row in spread_rows(len(rows), VIEW_EXAMPLES)
    ]
    errors = [
        f"over {len(rows):,} real frames: {float(both.real.errors().mean()):.3f} (best constant picture: "
        f"{both.real.constant_error():.3f})"
    ]
    rendered = store.synthetic
    if rendered is not None and run.variant.synthetic and store.view_pair is not None:
        usable = rendered.usable_rows(*store.view_pair)
        usable = usable[spread_rows(len(usable), VIEW_FRAMES)]
        synthetic = predict_views(run.network, rendered, store, usable, real=False)
        errors.append(
            f"over {len(usable):,} synthetic frames: {float(synthetic.errors().mean()):.3f} "
            f"({synthetic.constant_error():.3f})"
        )
    text = f"Mean absolute error, depth scaled to [−1, 1], {'; '.join(errors)}."
    difference = both.difference()
    if difference is not None:
        text += (
            " Predictions from the real and the synthetic image of one pose differ by "
            f"{float(difference.mean()):.3f}."
        )
    return Section(
        anchor=f"views-{run.name}-{run.labels}-{run.seed}",
        title="Predicted views",
        shown=f"From one camera’s image {run.title} predicts what another camera sees; that needs no labels, "
        "but an understanding of the pose. Frames of the unlabelled training data, the only ones with a "
        "second view; their synthetic counterparts were never trained with.",
        look_for="the same hand in both predictions though the inputs differ in domain; blur means doubt.",
        body=panel(picture_grid(list(columns), pictures)) + numbers(text),
    )


def latent_space(store: Store, runs: Sequence[Run]) -> Section:
    """Show how near real and synthetic images of one pose are in the latent space."""
    frames = corresponding_frames(store, labelled_by_any(runs, store))
    pairs = {run.title: encode_pairs(run.network, frames, store.cube_mm) for run in runs}
    planes = [
        panel(
            inline_svg(latent_plane(own.principal_plane(), name), f"plane-{index}", f"Latent space of {name}")
        )
        for index, (name, own) in enumerate(pairs.items())
    ]
    distances = distance_distributions({name: own.distances() for name, own in pairs.items()})
    description = "Distribution of the distances between corresponding real and synthetic frames"
    count = len(next(iter(pairs.values())).real)
    table = data_table(
        ["Variant", *ALIGNMENT_HEADS],
        [[html.escape(name), *alignment_cells(own.alignment())] for name, own in pairs.items()],
    )
    return Section(
        anchor="latent",
        title="Latent alignment",
        shown=f"Latent representations of {count:,} {frames.name} and of renderings of the same poses: "
        "in the plane of their main directions (PCA; lines join pairs), and the distance within pairs, where "
        "1 is the mean distance between different poses.",
        look_for="mixed colours and short lines; distances that unlabelled frames move to the left.",
        body=cards([*planes, panel(inline_svg(distances, "distances", description))], least_rem=19)
        + table
        + numbers(
            "Of all renderings, sorted by their distance from a real frame, where is that of the same pose? "
            f"By chance it is nearest for {100 / count:.1f} %. The probe is a fresh linear classifier that "
            "tells real from synthetic frames which it was not fitted to; 50 % means that it cannot."
        ),
    )


def embedding(store: Store, run: Run) -> Section:
    """Show the latent space by t-SNE with depth images."""
    frames = corresponding_frames(store, run.labelled_rows(store)).spread(EMBEDDED_PAIRS)
    pairs = encode_pairs(run.network, frames, store.cube_mm)
    size = run.config.network.patch_size
    figure = embedding_figure(embed(pairs), frames, size, store.cube_mm, run.title)
    return Section(
        anchor="embedding",
        title="Neighbourhoods",
        shown=f"The same space by t-SNE, which keeps neighbours together but not distances: {run.title}, "
        f"{len(frames.rows):,} {frames.name} and renderings of the same poses, with depth images of some.",
        look_for="real and rendered images of a pose at one place, and like poses near each other.",
        body=panel(inline_svg(figure, "tsne", "t-SNE of real and synthetic latents"), wide=True),
    )


def facts(store: Store, results: Sequence[Predictions], given: Mapping[str, str]) -> Section:
    """List what made these results."""
    return Section(
        anchor="facts",
        title="How this came about",
        shown="Commands, data, sizes, seeds, times and versions behind everything above.",
        look_for="equal amounts of data and labels before you compare these numbers with others.",
        body=fact_list(all_facts(results, store, given)),
    )


def _samples(store: Store, frames: FrameSet, rows: np.ndarray, run: Run) -> Samples:
    """Cut a few frames, fewer than a batch, into patches."""
    (samples,) = batches(frames, run.config.network.patch_size, store.cube_mm, rows)
    return samples
