"""Vector figures that live inside the page and follow its colours."""

import io

import matplotlib
from markupsafe import Markup
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

NAMESPACES = {
    ' xmlns="http://www.w3.org/2000/svg"': "",
    ' xmlns:xlink="http://www.w3.org/1999/xlink"': "",
    "xlink:href": "href",
}
"""What SVG needs in a file of its own, and a part of a page does not."""

NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))


def inline_svg(figure: Figure, name: str, description: str) -> Markup:
    """Turn a figure into an SVG element whose text and lines take the colours of the page.

    Args:
        figure: What to show.
        name: Unique on the page; prefixes every id within the element.
        description: What a reader who cannot see it is told.
    """
    file = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}):
        figure.savefig(file, format="svg", transparent=True, metadata=NO_METADATA)
    svg = file.getvalue()
    svg = svg[svg.index("<svg") :]
    names = {'id="': f'id="{name}-', "url(#": f"url(#{name}-", 'href="#': f'href="#{name}-'}
    for old, new in (NAMESPACES | names | PAGE_COLOURS).items():
        svg = svg.replace(old, new)
    return Markup(svg.replace("<svg", Markup('<svg role="img" aria-label="{}"').format(description), 1))
