"""What all figures share: a canvas without a window, styles told apart without colour vision, and files."""

from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from murauer.errors import UserError
from murauer.files import written_whole

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""The colour-blind-safe palette of Okabe and Ito (2008) without its yellow, too pale for lines."""

LINE_STYLES = ("-", "--", "-.", ":")
MARKERS = "osD^vPX*"

REAL_COLOUR, SYNTHETIC_COLOUR = "#009E73", "#E69F00"
"""Green and orange as in Fig. 5, in the tones of Okabe and Ito."""

REAL_MARKER, SYNTHETIC_MARKER = "o", "^"

PNG_DPI = 200


def new_figure(width: float, height: float) -> Figure:
    """Make an empty figure that arranges its parts itself.

    Args:
        width: In inches.
        height: In inches.
    """
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def series_style(index: int) -> dict[str, Any]:
    """Colour, line style and marker of the index-th series of a figure.

    The three repeat at different paces, so that series also differ in print.
    """
    return {
        "color": COLOURS[index % len(COLOURS)],
        "linestyle": LINE_STYLES[index % len(LINE_STYLES)],
        "marker": MARKERS[index % len(MARKERS)],
    }


def tidy(axes: Axes) -> None:
    """Give axes a light grid below the data and no frame above and to the right."""
    axes.grid(color="0.88", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def save_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure; the same figure gives the same file.

    Args:
        figure: What to write.
        path: Its suffix (.svg, .png, .pdf) chooses the format.

    Raises:
        UserError: The file cannot be written or its suffix is unknown.
    """
    suffix = Path(path).suffix.lstrip(".").lower()
    if suffix not in figure.canvas.get_supported_filetypes():
        raise UserError(f"cannot write a figure to {path}: use a name that ends in .svg, .png or .pdf")
    # Without a date and with fixed element names the same curves give the same SVG.
    metadata = {"Date": None} if suffix == "svg" else None
    with matplotlib.rc_context({"svg.hashsalt": "murauer"}), written_whole(path) as partial:
        figure.savefig(partial, dpi=PNG_DPI, metadata=metadata)
