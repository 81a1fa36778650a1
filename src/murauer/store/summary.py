"""What a store holds, in numbers and in words."""

import csv
from collections import Counter
from typing import Any

import numpy as np

from murauer.store.store import CENTRES, ENDLESS, PROBLEMS_FILE, Store


def store_facts(store: Store) -> dict[str, Any]:
    """Count what a store holds.

    Returns:
        Joints, cameras and, for each set, frames, views, images that cannot be used, labelled frames, persons
        and where the crop centres come from; as JSON can hold it.
    """
    pair = store.view_pair
    return {
        "folder": str(store.folder),
        "dataset": store.description.get("dataset", "simulated"),
        "format_version": store.description["format_version"],
        "skeleton": store.skeleton.name,
        "cube_mm": store.cube_mm,
        "cameras_calibrated": store.rig is not None,
        "view_pair": None if pair is None else list(pair),
        "aliases": store.description.get("aliases", {}),
        "sets": {
            name: {
                "frames": len(frames),
                "views": frames.views,
                "unusable_images": int((~np.asarray(frames.valid)).sum()),
                "labelled_frames": int(frames.labelled.sum()),
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
    if (endless := store.description.get(ENDLESS)) is not None:
        lines.append(f"  {'synthetic':16} rendered while training, others every {endless['steps']} steps")
    path = store.folder / PROBLEMS_FILE
    if path.exists():
        with open(path, encoding="utf-8", newline="") as file:
            reasons = [row["reason"] for row in csv.DictReader(file)]
        for reason, count in Counter(_kind(reason) for reason in reasons).most_common(3):
            lines.append(f"  {count:,} x {reason}")
        if reasons:
            lines.append(f"  all {len(reasons):,} unusable images: {path}")
    return "\n".join(lines)


def _kind(reason: str) -> str:
    """A reason without what differs from image to image: names of files and numbers."""
    words = ["..." if "/" in word or any(c.isdigit() for c in word) else word for word in reason.split()]
    return " ".join(words)
