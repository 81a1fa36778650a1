"""Pictures of the latent space: principal plane, t-SNE with depth images (Fig. 5), distances (Fig. 6)."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch
from sklearn.manifold import TSNE
from torch import Tensor

from murauer.evaluation.figures.drawing import (
    REAL_COLOUR,
    REAL_MARKER,
    SYNTHETIC_COLOUR,
    SYNTHETIC_MARKER,
    new_figure,
    series_style,
)
from murauer.evaluation.figures.pictures import shaded_patches
from murauer.evaluation.latent_space import (
    EXAMPLES_A_SIDE,
    Alignment,
    CorrespondingFrames,
    Embedding,
    LatentPairs,
)
from murauer.store.frame_set import spread_rows

SHOWN_PAIRS = 300
"""Pairs in the plane; more would hide each other."""

WIDEST_DISTANCE = 2.0
"""Right end of the distance figure, in units of unrelated pairs; what is farther counts in the last bin."""

PERPLEXITY = 30.0
"""Neighbours that t-SNE keeps together, its usual value; fewer where there are few points."""


def latent_plane(plane: Embedding, explained: float, title: str) -> Figure:
    """Draw the latent space of a network in two dimensions, corresponding frames joined by a line.

    Args:
        plane: Where the frames are.
        explained: Share of the variance that lies in it.
        title: Name of the network.
    """
    figure = new_figure(4.0, 4.2)
    axes = figure.add_subplot()
    rows = spread_rows(len(plane.real), SHOWN_PAIRS)
    draw_pairs(axes, plane.real[rows], plane.synthetic[rows])
    axes.set_title(f"{title} ({100 * explained:.0f} % of the variance)", fontsize=10)
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    return figure


def draw_pairs(axes: Axes, real: np.ndarray, synthetic: np.ndarray) -> None:
    """Draw corresponding points, (N, 2) each, with a line between the two of a pair."""
    links = np.stack((real, synthetic, np.full_like(real, np.nan)), axis=1).reshape(-1, 2)
    axes.plot(*links.T, color="0.6", linewidth=0.5, alpha=0.6, zorder=1)
    # Synthetic points are larger, so that they still show behind real ones that coincide with them.
    for points, colour, marker, size, label in (
        (synthetic, SYNTHETIC_COLOUR, SYNTHETIC_MARKER, 26, "synthetic"),
        (real, REAL_COLOUR, REAL_MARKER, 12, "real"),
    ):
        axes.scatter(
            points[:, 0], points[:, 1], s=size, color=colour, marker=marker, linewidths=0, alpha=0.8,
            label=label, zorder=2,
        )  # fmt: skip
    axes.set(xticks=[], yticks=[])
    axes.set_aspect("equal", adjustable="datalim")
    axes.spines[:].set_color("#e0e0e0")


def embed(pairs: LatentPairs, seed: int = 0) -> Embedding:
    """Embed both domains together in two dimensions by t-SNE, starting from their principal plane."""
    count = len(pairs.real)
    both = np.concatenate((pairs.real.numpy(), pairs.synthetic.numpy()))
    perplexity = min(PERPLEXITY, (2 * count - 1) / 3)
    points = TSNE(perplexity=perplexity, init="pca", random_state=seed, n_jobs=1).fit_transform(both)
    return Embedding(points[:count], points[count:])


def embedding_figure(
    embedding: Embedding, frames: CorrespondingFrames, patch_size: int, cube_mm: float, title: str
) -> Figure:
    """Draw an embedding with the depth images of some pairs beside it (Fig. 5).

    Args:
        embedding: Embedding of the frames.
        frames: What was embedded, pair by pair.
        patch_size: Side of the depth images in pixels.
        cube_mm: Side of the hand cube in mm.
        title: What is shown.
    """
    figure = new_figure(8.6, 5.8)
    figure.set_layout_engine("none")
    axes = figure.add_axes((0.225, 0.07, 0.55, 0.85))
    draw_pairs(axes, embedding.real, embedding.synthetic)
    axes.set_title(title, fontsize=10)
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=2, frameon=False, fontsize=9)
    chosen = embedding.examples()
    examples = replace(frames, rows=frames.rows[chosen])
    real, synthetic = map(shaded_patches, examples.samples(patch_size, cube_mm))
    images = dict(zip(chosen, zip(synthetic, real, strict=True), strict=True))
    middles = (embedding.real + embedding.synthetic) / 2
    height = 0.85 / EXAMPLES_A_SIDE
    for column, starts, edge in zip(
        _columns(middles, chosen), ((0.012, 0.108), (0.794, 0.890)), (0.204, 0.792), strict=True
    ):
        for place, pair in enumerate(column):
            bottom = 0.92 - (place + 1) * height
            for picture, colour, start in zip(
                images[pair], (SYNTHETIC_COLOUR, REAL_COLOUR), starts, strict=True
            ):
                cell = figure.add_axes((start, bottom + 0.004, 0.094, height - 0.008))
                cell.imshow(picture, interpolation="nearest")
                cell.set(xticks=[], yticks=[])
                cell.spines[:].set(color=colour, linewidth=2)
            figure.add_artist(ConnectionPatch(
                xyA=(edge, bottom + height / 2), coordsA=figure.transFigure,
                xyB=tuple(middles[pair]), coordsB=axes.transData, color="#000000", linewidth=0.7,
            ))  # fmt: skip
            axes.plot(*middles[pair], "o", markersize=9, mfc="none", color="#000000", mew=0.9)
    return figure


def _columns(middles: np.ndarray, pairs: list[int]) -> tuple[list[int], list[int]]:
    """Place half of the pairs on either side, from the top down, so that few lines cross."""
    by_column = sorted(pairs, key=lambda pair: middles[pair, 0])
    half = len(by_column) // 2
    left, right = (
        sorted(part, key=lambda pair: -middles[pair, 1]) for part in (by_column[:half], by_column[half:])
    )
    return left, right


def draw_distances(axes: Axes, distances: Mapping[str, Tensor]) -> None:
    """Draw how far corresponding frames lie apart, relative to unrelated ones, for several networks."""
    edges = np.linspace(0, WIDEST_DISTANCE, 51)
    for index, (title, values) in enumerate(distances.items()):
        style = series_style(index)
        shares, _ = np.histogram(np.clip(values.numpy(), 0, WIDEST_DISTANCE - 1e-9), edges)
        median = float(values.quantile(0.5))
        axes.stairs(100 * shares / len(values), edges, fill=True, alpha=0.2, color=style["color"])
        axes.stairs(
            100 * shares / len(values), edges, color=style["color"], linestyle=style["linestyle"],
            label=f"{title}, median {median:.2f}", lw=1.5,
        )  # fmt: skip
        # Triangles, and not lines, at the medians: a line of this colour is one of the distributions.
        axes.plot([median], [0], marker=10, color=style["color"], markersize=7, clip_on=False, zorder=4)
    axes.axvline(1, color="#000000", linewidth=0.8)
    axes.annotate(
        "unrelated\npairs", (1, 1), (4, -2), xycoords=axes.get_xaxis_transform(), textcoords="offset points",
        fontsize=8, va="top",
    )  # fmt: skip
    farthest = max(float(values.max()) for values in distances.values())
    axes.set(
        xlabel="Distance of corresponding frames\n(1: mean distance of different poses)",
        ylabel="Share of the frames (%)",
        xlim=(0, min(WIDEST_DISTANCE, max(1.4, 1.05 * farthest))),
        ylim=(0, None),
    )
    axes.spines[["top", "right"]].set_visible(False)


def distance_distributions(distances: Mapping[str, Tensor]) -> Figure:
    """Draw `draw_distances` alone, for a page that has the numbers elsewhere."""
    figure = new_figure(4.0, 4.2)
    draw_distances(figure.add_subplot(), distances)
    figure.legend(loc="outside lower center", frameon=False, fontsize=9)
    return figure


ALIGNMENT_HEADS = ("Median distance", "True pair nearest", "Median rank of pair", "Accuracy of probe")
"""Columns of `alignment_cells`."""


def alignment_cells(alignment: Alignment) -> list[str]:
    """Format the numbers of an alignment, with what they are out of."""
    return [
        f"{alignment.median_distance:.3f}",
        f"{100 * alignment.true_pair_first:.1f} %",
        f"{alignment.median_rank:,.0f} of {alignment.pairs:,}",
        f"{100 * alignment.probe_accuracy:.1f} %",
    ]


def distance_figure(distances: Mapping[str, Tensor], alignments: Mapping[str, Alignment]) -> Figure:
    """Draw the distributions with the scale-free numbers below them (Fig. 6).

    Args:
        distances: Distances of each corresponding pair, (N,), by network; see `LatentPairs.distances`.
        alignments: Alignments of the same networks.
    """
    figure = new_figure(7.0, 4.0 + 0.24 * len(alignments))
    upper, lower = figure.subplots(2, 1, height_ratios=(3.2, 0.5 + 0.25 * len(alignments)))
    draw_distances(upper, distances)
    upper.legend(fontsize=9, frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    lower.axis("off")
    table = lower.table(
        [alignment_cells(alignment) for alignment in alignments.values()],
        rowLabels=list(alignments), colLabels=ALIGNMENT_HEADS, cellLoc="center", loc="center", edges="B",
    )  # fmt: skip
    table.auto_set_font_size(False)
    table.set_fontsize(8.5)
    table.scale(1, 1.25)
    return figure
