"""Whether labels and images belong together: projected joints must land on the surface of a hand.

Wrong intrinsics, units, axes or order of the frames all show here, before hours are spent on them.
"""

import numpy as np
import torch
from torch import Tensor

from murauer.datasets.dataset import Dataset, DatasetView
from murauer.errors import UserError
from murauer.geometry.camera import xyz_to_uvd

BESIDE_MM = 8.0
"""How far a joint may lie beside a measured surface: half a finger, as sensors lose edges."""

OVER_MM, BEHIND_MM = 80.0, 30.0
"""How far the surface may be in front of a joint (that another finger hides) and behind it."""

LANDING_SHARE = 3 / 4
"""Share of its joints that a label needs on the hand."""

PROBES = 24
"""Images looked at of each set and camera."""


def landing_share(frame: DatasetView) -> float:
    """Share of the joints in front of which, or just beside them, the image shows a surface at their depth.

    Args:
        frame: With a label; joints that are NaN do not count.
    """
    assert frame.joints is not None
    known = frame.joints[torch.isfinite(frame.joints).all(-1)]
    joints = known[known[:, 2] > 0]
    if not len(joints):
        return 0.0
    landed = [
        _lands(frame.depth, uvd, BESIDE_MM * frame.camera.fx)
        for uvd in xyz_to_uvd(joints, frame.camera.intrinsics())
    ]
    return sum(landed) / len(known)


def _lands(depth: Tensor, uvd: Tensor, radius_mm_px: float) -> bool:
    u, v, d = uvd.tolist()
    radius = radius_mm_px / d
    top, left = max(round(v - radius), 0), max(round(u - radius), 0)
    seen = depth[top : max(round(v + radius) + 1, 0), left : max(round(u + radius) + 1, 0)]
    return bool(((seen > max(d - OVER_MM, 0)) & (seen < d + BEHIND_MM)).any())


def probe_labels(dataset: Dataset) -> dict[str, bool]:
    """Look at some images of each set and camera, spread evenly; those that cannot be read are passed over.

    Returns:
        For each set, whether the skeleton's centre joint is labelled in all the images looked at.

    Raises:
        UserError: The labels of a camera's images miss the hand in most of them, or there are no frames.
    """
    labelled = {}
    for name, info in dataset.sets.items():
        if not info.frames:
            raise UserError(f"the {dataset.name} dataset has no {name} frames; give a folder that holds them")
        probes = [
            _probe_view(dataset, name, view) for view in range(info.views)
        ]  # each view, for what it raises
        labelled[name] = all(probes)
    return labelled


def _probe_view(dataset: Dataset, set_name: str, view: int) -> bool:
    count = dataset.sets[set_name].frames
    readable, labelled, centred, astray = 0, 0, 0, []
    for index in np.unique(np.arange(PROBES) * count // PROBES).tolist():
        try:
            frame = dataset.view(set_name, index, view)
        except UserError:
            continue
        if not frame.shows_hand:
            continue
        readable += 1
        known = None if frame.joints is None else torch.isfinite(frame.joints).all(-1)
        if known is not None and bool(known.any()):
            labelled += 1
            centred += bool(known[dataset.skeleton.centre])
            if landing_share(frame) < LANDING_SHARE:
                astray.append(frame.name)
    if 2 * len(astray) > labelled:
        raise UserError(
            f"the joints of the {set_name} frames of view {view + 1} miss the hand in {len(astray)} of "
            f"{labelled} images looked at, such as {astray[0]}; correct the intrinsics of the camera, or the "
            "unit, axes or order of the labels"
        )
    return centred == readable
