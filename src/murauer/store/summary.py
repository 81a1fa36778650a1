"""What a store holds, in numbers and in words."""

from collections import Counter
from typing import Any

import msgspec
import numpy as np

from murauer.geometry.skeletons import Skeleton
from murauer.names import shortened
from murauer.store.makers import HandFacts
from murauer.store.manifest import CENTRES, data_digest
from murauer.store.store import PROBLEMS_FILE, Store
from murauer.text_files import read_table

SURE_LOG_ODDS = 6.0
"""Evidence against what was said that is worth a word: two frames that could not be clearer."""

MIXED_SHARE = 0.25
"""Share of frames with the other hand above which a person may have shown both."""


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
        "digest": data_digest(store.folder),
        "provenance": msgspec.to_builtins(store.manifest.provenance),
        "hands": [msgspec.to_builtins(hand) for hand in store.manifest.hands],
        "sets": {
            name: {
                "frames": len(frames),
                "views": frames.views,
                "unusable_images": int((~np.asarray(frames.valid)).sum()),
                "labelled_frames": int(frames.labelled.sum()),
                "frames_without_joint": joints_missing(
                    np.asarray(frames.joints[frames.labelled, 0]), store.skeleton
                ),
                "left_hands": int(frames.left.sum()),
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
        left = f", {own['left_hands']:,} left hands" if own["left_hands"] else ""
        alias = f" (the frames of {facts['aliases'][name]})" if name in facts["aliases"] else ""
        lines.append(
            f"  {name:16} {own['frames']:7,} frames x {own['views']}{left}, "
            f"{own['labelled_frames']:,} labelled, "
            f"{own['unusable_images']:,} images unusable; centre: {CENTRES[own['centres']]}{alias}"
        )
    for name, own in facts["sets"].items():
        if own["frames_without_joint"] and name not in facts["aliases"]:
            lines.append(f"  {name} frames whose label lacks a joint: {counted(own['frames_without_joint'])}")
    lines += [f"  left out: {sentence}" for sentence in facts["left_out"]]
    lines += [f"  {doubt}" for hand in store.manifest.hands if (doubt := doubt_about(hand))]
    if (endless := store.manifest.endless) is not None:
        lines.append(f"  {'synthetic':16} rendered while training, others every {endless.steps} steps")
    path = store.folder / PROBLEMS_FILE
    if path.exists():
        reasons = [row["reason"] for row in read_table(path, ("reason",))]
        for reason, count in Counter(_kind(reason) for reason in reasons).most_common(3):
            lines.append(f"  {count:,} x {reason}")
        if reasons:
            lines.append(f"  all {len(reasons):,} unusable images: {path}")
    return "\n".join(lines)


def doubt_about(hand: HandFacts) -> str | None:
    """Say what the hand finder saw, if it is not what the frames are taken for or not the same in all."""
    left, right = hand.seen_left, hand.looked - hand.seen_left
    against, other = (left, "left") if hand.handedness == "right" else (right, "right")
    contrary = hand.log_odds if other == "right" else -hand.log_odds
    who = "" if hand.person < 0 else f"person {hand.person}: "
    seen = f"{against} of {hand.looked} frames that were looked at show {other} ones"
    if hand.given and contrary > SURE_LOG_ODDS:
        return f"{who}said to be {hand.handedness} hands, but {seen}; see --handedness of 'murauer import'"
    if not hand.given and against > MIXED_SHARE * hand.looked:
        return f"{who}taken for {hand.handedness} hands, but {seen}; say which is which in persons.csv"
    return None


def joints_missing(joints: np.ndarray, skeleton: Skeleton) -> dict[str, int]:
    """Count the frames that lack the label of each joint, but have that of another.

    Args:
        joints: Mm, NaN where not labelled, (N, J, 3).
        skeleton: Names the J joints.

    Returns:
        By the joints' names; only of joints that some frame lacks.
    """
    known = np.isfinite(joints).all(-1)
    lacking = (~known[known.any(-1)]).sum(0).tolist()
    return {name: count for name, count in zip(skeleton.joints, lacking, strict=True) if count}


def counted(joints: dict[str, int]) -> str:
    """Say what `joints_missing` counted, the most frequent first."""
    return shortened([f"{name} ({count:,})" for name, count in Counter(joints).most_common()])


def _kind(reason: str) -> str:
    """A reason without what differs from image to image: names of files and numbers."""
    words = ["..." if "/" in word or any(c.isdigit() for c in word) else word for word in reason.split()]
    return " ".join(words)
