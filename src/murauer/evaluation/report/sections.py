"""The parts of the report: what each shows and how it is made."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from murauer.data.augmentation import Samples
from murauer.data.frame_set import FrameSet
from murauer.data.recording import Recording
from murauer.evaluation.frames import batches, spread_rows
from murauer.evaluation.latent_space import encode_pairs
from murauer.evaluation.metrics import joint_errors
from murauer.evaluation.report.figures import distance_distributions, inline_svg, latent_plane
from murauer.evaluation.report.page import Section, cards, fact_list, numbers, panel, picture, picture_grid
from murauer.evaluation.report.pictures import overlays, patch_picture, shaded_patches
from murauer.evaluation.report.runs import BASELINE, Run, predict_test
from murauer.evaluation.report.tables import all_facts, headline_table
from murauer.evaluation.success_curves import CurveKind, success_curve_figure
from murauer.evaluation.view_examples import predict_views, unlabelled_rows

SAMPLE_PAIRS = 8

DIFFICULTIES = {5: "Easy", 20: "Easy", 45: "Typical", 55: "Typical", 80: "Hard", 95: "Hard"}
"""Percentiles of the error whose frames are shown, and what to call them."""

CURVES: dict[CurveKind, str] = {
    "frames_worst": "Share of frames over the threshold on their worst joint",
    "joints": "Share of joints over the threshold on their error",
}

VIEW_EXAMPLES = 4
VIEW_FRAMES = 400
"""Frames over which the error of predicted views is averaged."""


def title(run: Run) -> str:
    """Head the page with what the main model is about."""
    return f"3D hand poses from {run.labels:,} labelled depth frames"


def lead(compared: Sequence[Run]) -> str:
    """Say the result in a sentence or two."""
    last = compared[-1]
    error = last.metrics.mean_error_mm
    text = f"{last.title} finds the joints of a hand with a mean error of {error:.2f} mm."
    if len(compared) == 2 and compared[0].name == BASELINE and compared[0].labels == last.labels:
        first = compared[0].metrics.mean_error_mm
        change = f"{abs(100 * (error / first - 1)):.1f} % {'less' if error < first else 'more'}"
        text += (
            f" That is {change} than the {first:.2f} mm of Real&Synth, which learns from the same labelled "
            "frames but from none of the unlabelled ones."
        )
    return text


def results(runs: Sequence[Run]) -> Section:
    """Compare all variants in a table."""
    return Section(
        anchor="results",
        title="Results",
        shown="Distance of the predicted from the true joints, and the share of frames in which even the "
        f"worst joint is near, over {runs[0].metrics.frames:,} test frames that no training or tuning "
        "decision saw.",
        look_for="errors that fall from row to row, and the gap to a person whom training has not seen.",
        body=headline_table(runs),
    )


def inputs(recording: Recording, run: Run) -> Section:
    """Show both domains, pose by pose."""
    validation, twin = recording.need("validation"), recording.need("validation_twin")
    rows = spread_rows(len(validation), SAMPLE_PAIRS)
    synthetic, real = (
        [
            picture(image, f"{kind} depth patch", pixelated=True)
            for image in shaded_patches(_samples(recording, frames, rows, run))
        ]
        for frames, kind in ((twin, "synthetic"), (validation, "real"))
    )
    pairs = [picture_grid(["Synthetic", "Real"], [pair]) for pair in zip(synthetic, real, strict=True)]
    size = run.config.network.patch_size
    return Section(
        anchor="inputs",
        title="Two domains",
        shown=f"What the network sees: {size} × {size} pixels of depth around a hand, near in light and far "
        "in dark tones. Each pair is one pose, rendered on the left and in the real domain on the right.",
        look_for="what renderings lack: the person’s own hand shape, ragged edges, holes, things around it.",
        body=cards(map(panel, pairs), least_rem=13),
    )


def predictions(recording: Recording, compared: Sequence[Run]) -> Section:
    """Show test frames from easy to hard, as the last of the compared models finds them."""
    test = recording.need("test")
    truth = torch.from_numpy(np.array(test.joints[:, 0]))
    predicted = [torch.from_numpy(predict_test(run, recording)) for run in compared]
    errors = [joint_errors(joints, truth).mean(dim=1) for joints in predicted]
    ranked = errors[-1].argsort(stable=True)
    rows = ranked[[percent * (len(ranked) - 1) // 100 for percent in DIFFICULTIES]].numpy()
    samples = _samples(recording, test, rows, compared[-1])
    heads = ["Ground truth", *(run.title for run in compared)]
    columns = [overlays(samples, joints[rows], recording.skeleton) for joints in (truth, *predicted)]
    figures = []
    for row, label, images in zip(rows, DIFFICULTIES.values(), zip(*columns, strict=True), strict=True):
        frame_errors = ", ".join(
            f"{run.title} {float(own[row]):.1f} mm" for run, own in zip(compared, errors, strict=True)
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
        f"mean error of {compared[-1].title}, they stand at {percentiles} % of the test frames.",
        look_for="fingers that are swapped, bent or too short, mostly where hidden or without depth.",
        body=cards(figures, least_rem=24),
    )


def curves(runs: Sequence[Run]) -> Section:
    """Draw the success curves of all variants."""
    metrics = {run.title: run.metrics for run in runs}
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


def views(recording: Recording, run: Run) -> Section:
    """Show what the view generator predicts from real and synthetic input of one pose."""
    rows = unlabelled_rows(recording, run.labels, run.seed, VIEW_FRAMES)
    rendered = recording.need("synthetic")
    synthetic_rows = spread_rows(len(rendered), VIEW_FRAMES)
    real = predict_views(run.network, recording.need("real"), recording, rows, real=True)
    twin = predict_views(run.network, recording.need("twin"), recording, rows, real=False)
    synthetic = predict_views(run.network, rendered, recording, synthetic_rows, real=False)
    columns = {
        "Real input": real.input,
        "Other camera’s view": real.truth,
        "Predicted from real": real.predicted,
        "Predicted from synthetic": twin.predicted,
        "Synthetic input": twin.input,
    }
    pictures = [
        [
            picture(patch_picture(patches[row]), head.lower(), pixelated=True)
            for head, patches in columns.items()
            if patches is not None
        ]
        for row in spread_rows(len(rows), VIEW_EXAMPLES)
    ]
    difference = float((real.predicted - twin.predicted).abs().mean())
    return Section(
        anchor=f"views-{run.name}",
        title="Predicted views",
        shown=f"From one camera’s image {run.title} predicts what another camera sees; that needs no labels, "
        "but an understanding of the pose. Frames of the unlabelled training data, the only ones with a "
        "second view; their synthetic counterparts were never trained with.",
        look_for="the same hand in both predictions though the inputs differ in domain; blur means doubt.",
        body=panel(picture_grid(list(columns), pictures))
        + numbers(
            f"Mean absolute error, depth scaled to [−1, 1], over {len(rows):,} real frames: "
            f"{float(real.errors().mean()):.3f} (best constant picture: {real.constant_error():.3f}); over "
            f"{len(synthetic_rows):,} synthetic frames: {float(synthetic.errors().mean()):.3f} "
            f"({synthetic.constant_error():.3f}). Predictions from the real and the synthetic image of one "
            f"pose differ by {difference:.3f}."
        ),
    )


def latent_space(recording: Recording, compared: Sequence[Run]) -> Section:
    """Show how near real and synthetic images of one pose are in the latent space."""
    real, rendered = recording.need("validation"), recording.need("validation_twin")
    pairs = {run.title: encode_pairs(run.network, real, rendered, recording.cube_mm) for run in compared}
    planes = [
        panel(
            inline_svg(latent_plane(own.principal_plane(), name), f"plane-{index}", f"Latent space of {name}")
        )
        for index, (name, own) in enumerate(pairs.items())
    ]
    distances = distance_distributions({name: own.distances() for name, own in pairs.items()})
    description = "Distribution of the distances between corresponding real and synthetic frames"
    count = len(next(iter(pairs.values())).real)
    nearest = ", ".join(f"{name} {100 * own.retrieval_share():.1f} %" for name, own in pairs.items())
    return Section(
        anchor="latent",
        title="Latent alignment",
        shown=f"Latent representations of {count:,} validation frames and of renderings of the same poses: "
        "in the plane of their main directions (PCA; lines join pairs), and the distance within pairs, where "
        "1 is the mean distance between different poses.",
        look_for="mixed colours and short lines; distances that unlabelled frames move to the left.",
        body=cards([*planes, panel(inline_svg(distances, "distances", description))], least_rem=19)
        + numbers(
            "Share of real frames whose nearest rendering, among all of them, is that of the same pose: "
            f"{nearest} (by chance {100 / count:.1f} %)."
        ),
    )


def facts(recording: Recording, runs: Sequence[Run], given: Mapping[str, str]) -> Section:
    """List what made these results."""
    return Section(
        anchor="facts",
        title="How this came about",
        shown="Commands, data, sizes, seeds, times and versions behind everything above.",
        look_for="equal amounts of data and labels before you compare these numbers with others.",
        body=fact_list(all_facts(runs, recording, given)),
    )


def _samples(recording: Recording, frames: FrameSet, rows: np.ndarray, run: Run) -> Samples:
    """Cut a few frames, fewer than a batch, into patches."""
    (samples,) = batches(frames, run.config.network.patch_size, recording.cube_mm, rows)
    return samples
