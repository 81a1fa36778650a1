"""Vector figures that live inside the page and follow its colours."""

import html
import io
import re

import matplotlib
from matplotlib.figure import Figure

PAGE_COLOURS = {
    "#000000": "currentColor",
    "#ffffff": "var(--card)",
    "#e0e0e0": "var(--rule)",
    "#cccccc": "var(--rule)",
    "#0072b2": "var(--blue)",
    "#d55e00": "var(--orange)",
}
"""Colours as matplotlib writes them, and the page's own, which differ between light and dark."""


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
