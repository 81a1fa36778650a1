"""What a store holds, in numbers and in words."""

import csv
from collections import Counter
from typing import Any

import numpy as np

from murauer.geometry.skeletons import Skeleton
from murauer.names import shortened
from murauer.store.manifest import CENTRES
from murauer.store.store import PROBLEMS_FILE, Store


def store_facts(store: Store) -> dict[str, Any]:
    """Count what a store holds.

    Returns:
        Joints, cameras and, for each set, frames, views, images that cannot be used, labelled frames, persons
        and where the crop centres come from; as JSON can hold it.
    """
    pair = store.view_pair
    return {
        "folder": str(store.folder),
        "dataset": store.manifest.dataset,
        "format_version": store.manifest.format_version,
        "skeleton": store.skeleton.name,
        "cube_mm": store.cube_mm,
        "cameras_calibrated": store.rig is not None,
        "view_pair": None if pair is None else list(pair),
        "aliases": store.manifest.aliases,
        "left_out": list(store.manifest.left_out),
        "sets": {
            name: {
                "frames": len(frames),
                "views": frames.views,
                "unusable_images": int((~np.asarray(frames.valid)).sum()),
                "labelled_frames": int(frames.labelled.sum()),
                "frames_without_joint": joints_missing(
                    np.asarray(frames.joints[frames.labelled, 0]), store.skeleton
                ),
                "persons": len(set(frames.person.tolist()) - {-1}),
                "centres": store.centre_kind(name),
            }
            for name, frames in store.sets.items()
        },
    }


def summary(store: Store) -> str:
    """Say what a store holds, a line a set, and what is wrong with images that cannot be used."""
    facts = store_facts(store)
    lines = [
        f"{store.folder}: {facts['dataset']}, {len(store.skeleton)} joints ({facts['skeleton']}), "
        f"{store.cube_mm:g} mm cube"
    ]
    for name, own in facts["sets"].items():
        alias = f" (the frames of {facts['aliases'][name]})" if name in facts["aliases"] else ""
        lines.append(
            f"  {name:16} {own['frames']:7,} frames x {own['views']}, {own['labelled_frames']:,} labelled, "
            f"{own['unusable_images']:,} images unusable; centre: {CENTRES[own['centres']]}{alias}"
        )
    for name, own in facts["sets"].items():
        if own["frames_without_joint"] and name not in facts["aliases"]:
            lines.append(f"  {name} labels lack {counted(own['frames_without_joint'])}")
    lines += [f"  left out: {sentence}" for sentence in facts["left_out"]]
    if (endless := store.manifest.endless) is not None:
        lines.append(f"  {'synthetic':16} rendered while training, others every {endless.steps} steps")
    path = store.folder / PROBLEMS_FILE
    if path.exists():
        with open(path, encoding="utf-8", newline="") as file:
            reasons = [row["reason"] for row in csv.DictReader(file)]
        for reason, count in Counter(_kind(reason) for reason in reasons).most_common(3):
            lines.append(f"  {count:,} x {reason}")
        if reasons:
            lines.append(f"  all {len(reasons):,} unusable images: {path}")
    return "\n".join(lines)


def joints_missing(joints: np.ndarray, skeleton: Skeleton) -> dict[str, int]:
    """Count the frames that lack the label of each joint, but have that of another.

    Args:
        joints: mm, NaN where not labelled, (N, J, 3).
        skeleton: names the J joints.

    Returns:
        By the joints' names; only of joints that some frame lacks.
    """
    known = np.isfinite(joints).all(-1)
    lacking = (~known[known.any(-1)]).sum(0).tolist()
    return {name: count for name, count in zip(skeleton.joints, lacking, strict=True) if count}


def counted(joints: dict[str, int]) -> str:
    """Say what `joints_missing` counted, the most frequent first."""
    return shortened([f"{name} in {count:,} frames" for name, count in Counter(joints).most_common()])


def _kind(reason: str) -> str:
    """A reason without what differs from image to image: names of files and numbers."""
    words = ["..." if "/" in word or any(c.isdigit() for c in word) else word for word in reason.split()]
    return " ".join(words)
