"""Vector figures that live inside the page and follow its colours."""

import html
import io
import re
from collections.abc import Mapping

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor

from murauer.evaluation.frames import spread_rows
from murauer.evaluation.latent_space import LatentPlane

REAL_COLOUR, SYNTHETIC_COLOUR = "#009E73", "#E69F00"
"""Green and orange as in Fig. 5, in the tones of Okabe and Ito (2008)."""

PAGE_COLOURS = {
    "#000000": "currentColor",
    "#ffffff": "var(--card)",
    "#e0e0e0": "var(--rule)",
    "#cccccc": "var(--rule)",
    "#0072b2": "var(--blue)",
    "#d55e00": "var(--orange)",
}
"""Colours as matplotlib writes them, and the page's own, which differ between light and dark."""

SHOWN_PAIRS = 300
"""Pairs in a scatter plot; more would hide each other."""

WIDEST_DISTANCE = 2.0
"""Right end of the distance figure, in units of unrelated pairs; what is farther counts in the last bin."""


def inline_svg(figure: Figure, name: str, description: str) -> str:
    """Turn a figure into an SVG element whose text and lines take the colours of the page.

    Args:
        figure: what to show.
        name: unique on the page; prefixes every id within the element.
        description: what a reader who cannot see it is told.
    """
    file = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}):
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    svg = file.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", svg).replace("xlink:href", "href")
    svg = re.sub(r'id="', f'id="{name}-', svg)
    svg = re.sub(r'(url\(|href=")#', rf"\1#{name}-", svg)
    svg = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", svg)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    for colour, role in PAGE_COLOURS.items():
        svg = svg.replace(colour, role)
    return svg.replace("<svg", f'<svg role="img" aria-label="{html.escape(description)}"', 1)


def latent_plane(plane: LatentPlane, title: str) -> Figure:
    """Draw the latent space of a network in two dimensions, corresponding frames joined by a line."""
    figure = Figure(figsize=(4.0, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    rows = spread_rows(len(plane.real), SHOWN_PAIRS)
    real, synthetic = plane.real[rows].numpy(), plane.synthetic[rows].numpy()
    links = np.stack((real, synthetic, np.full_like(real, np.nan)), axis=1).reshape(-1, 2)
    axes.plot(*links.T, color="0.6", linewidth=0.5, alpha=0.6, zorder=1)
    for points, colour, label in ((synthetic, SYNTHETIC_COLOUR, "synthetic"), (real, REAL_COLOUR, "real")):
        axes.scatter(
            points[:, 0], points[:, 1], s=14, color=colour, linewidths=0, alpha=0.8, label=label, zorder=2
        )
    axes.set_title(f"{title} ({100 * plane.explained:.0f} % of the variance)", fontsize=10)
    axes.set(xticks=[], yticks=[])
    axes.set_aspect("equal", adjustable="datalim")
    axes.spines[:].set_color("#e0e0e0")
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    return figure


def distance_distributions(distances: Mapping[str, Tensor]) -> Figure:
    """Draw how far corresponding frames lie apart, relative to unrelated ones, for several networks."""
    figure = Figure(figsize=(4.0, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    edges = np.linspace(0, WIDEST_DISTANCE, 51)
    for (title, values), colour in zip(distances.items(), ("#D55E00", "#0072B2"), strict=False):
        shares, _ = np.histogram(np.clip(values.numpy(), 0, WIDEST_DISTANCE - 1e-9), edges)
        median = float(values.median())
        axes.stairs(100 * shares / len(values), edges, fill=True, alpha=0.25, color=colour)
        axes.stairs(
            100 * shares / len(values), edges, color=colour, label=f"{title}, median {median:.2f}", lw=1.4
        )
        axes.axvline(median, color=colour, linestyle=":", linewidth=1.2)
    axes.axvline(1, color="#000000", linewidth=0.8)
    axes.annotate(
        "unrelated\npairs", (1, 1), (4, -2), xycoords=axes.get_xaxis_transform(), textcoords="offset points",
        fontsize=8, va="top",
    )  # fmt: skip
    farthest = max(float(values.max()) for values in distances.values())
    axes.set(
        xlabel="Distance of corresponding frames",
        ylabel="Share of the frames (%)",
        xlim=(0, min(WIDEST_DISTANCE, max(1.4, 1.05 * farthest))),
        ylim=(0, None),
    )
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", frameon=False, fontsize=9)
    return figure
