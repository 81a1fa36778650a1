"""The table of joints below the pictures, as HTML."""

from collections.abc import Sequence
from html import escape

import numpy as np

from murauer.geometry.overlay import FINGER_COLOURS
from murauer.geometry.skeletons import Skeleton
from murauer.studio.albums.album import Floats

STYLE = (
    "width:100%;font:12px/1.45 ui-monospace,monospace;border-collapse:collapse;"
    "font-variant-numeric:tabular-nums;text-align:right"
)


def joint_table(
    skeleton: Skeleton,
    joints: Floats | None,
    errors: Sequence[tuple[str, Floats | None]],
    selected: int | None,
) -> str:
    """Lay joints out in a table.

    Args:
        skeleton: Their names.
        joints: Mm, (J, 3); None if there are none.
        errors: Distances in mm, (J,), under the names of what they are of; None where not known.
        selected: The joint to mark.

    Returns:
        HTML.
    """
    if joints is None:
        return ""
    known = [(name, values) for name, values in errors if values is not None]
    heads = ["x", "y", "z mm", *(f"{name} off" for name, _ in known)]
    rows = []
    for index, name in enumerate(skeleton.joints):
        colour = "#{:02x}{:02x}{:02x}".format(*FINGER_COLOURS[skeleton.groups[index]])
        cells = [*(f"{value:.0f}" for value in joints[index]), *(f"{v[index]:.1f}" for _, v in known)]
        cells = ["–" if cell == "nan" else cell for cell in cells]
        mark = "background:rgba(255,255,255,.14);" if index == selected else ""
        rows.append(
            f'<tr style="{mark}"><td style="text-align:left"><span style="color:{colour}">●</span> '
            f"{escape(name)}</td>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
        )
    if known:
        means = "".join(f"<td>{float(np.nanmean(values)):.1f}</td>" for _, values in known)
        rows.append(f'<tr style="border-top:1px solid #888"><td style="text-align:left">mean</td>'
                    f"<td></td><td></td><td></td>{means}</tr>")  # fmt: skip
    head = '<th style="text-align:left">joint</th>' + "".join(f"<th>{escape(text)}</th>" for text in heads)
    table = f'<table style="{STYLE}"><tr>{head}</tr>{"".join(rows)}</table>'
    return f'<div style="padding:0 10px">{table}</div>'  # as the pictures above it
