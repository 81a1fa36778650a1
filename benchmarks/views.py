"""What the confidence of centres in stores says: of one camera, and of two calibrated ones together.

    python benchmarks/views.py [--scenes 300] [--seed 2]

Renders scenes with two cameras: hands and forearms of other people each time, in any orientation, with body,
table, objects and another arm around them, measured by structured light or time of flight; a tenth of them
without a hand. Prints how confidence and error of the centre go together.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from hand_frames import HeldHands
from torch import Generator, Tensor

from murauer.errors import UserError
from murauer.geometry.camera import CAMERAS
from murauer.geometry.rig import nyu_like_rig
from murauer.hand.rooms import PALM
from murauer.hand.sensors import SENSORS
from murauer.handfinder.views import localise, localise_in_views
from murauer.progress import Progress

CAMERA = CAMERAS["nyu"]
RIG = nyu_like_rig(CAMERA, 800.0)
BATCH, VIEWS = 5, 2
NOT_FOUND = torch.full((3,), torch.nan)

CLOSE_MM = 40.0
"""Error of a centre that still leaves the hand in its 300 mm cube."""


@dataclass(frozen=True)
class RenderedFrame:
    """One scene: depth (V, H, W) in mm, true centres (V, 3), infinite without a hand."""

    depth: Tensor
    centre: Tensor


def moments(count: int, seed: int) -> Iterator[RenderedFrame]:
    """Render scenes."""
    held_hands = HeldHands()
    intrinsics = CAMERA.intrinsics().expand(BATCH, 4)
    with Progress("rendering", count, unit="scene") as progress:
        for batch in range(count // BATCH):
            stream = Generator().manual_seed(10_000 * seed + batch)
            without = batch % 10 == 9
            scenes, joints = held_hands.sample(BATCH, stream, hands=not without)
            centre = joints[:, PALM]
            sensor = list(SENSORS.values())[1 + batch % (len(SENSORS) - 1)]()  # the first is exact
            seen = [sensor(scenes.depth(RIG, v, intrinsics, CAMERA.height, CAMERA.width), intrinsics, stream)
                    for v in range(VIEWS)]  # fmt: skip
            centres = torch.stack([RIG.transform(centre, 0, view) for view in range(VIEWS)], 1)
            yield from map(
                RenderedFrame, torch.stack(seen, 1), centres.fill_(torch.inf) if without else centres
            )
            progress.advance(BATCH)


def measure(count: int, seed: int) -> None:
    """Print tables of confidence and error."""
    single, joint = [], []
    for moment in moments(count, seed):
        for view in range(VIEWS):
            try:
                centre, confidence = localise(moment.depth[view], CAMERA)
            except UserError:
                centre, confidence = NOT_FOUND, 0.0
            single.append((confidence, _error(centre, moment.centre[view])))
        try:
            centres, confidences = localise_in_views(moment.depth, RIG)
        except UserError:
            centres, confidences = NOT_FOUND.expand(VIEWS, 3), torch.zeros(VIEWS)
        joint += zip(confidences.tolist(), map(_error, centres, moment.centre), strict=True)
    print_table("one view at a time", np.array(single))
    print_table("two calibrated views together", np.array(joint))


def _error(centre: Tensor, expected: Tensor) -> float:
    """Distance in mm, infinite in a scene without a hand, NaN if its hand was not found."""
    return float((centre - expected).norm()) if bool(expected.isfinite().all()) else float("inf")


def print_table(title: str, results: np.ndarray) -> None:
    """Print confidence against error, which is NaN where nothing was found and infinite without a hand."""
    confidence, error = results.T
    has_hand = ~np.isinf(error)
    close = error < CLOSE_MM
    print(f"\n{title}: {len(error)} frames, {has_hand.mean():.0%} with a hand")
    hands = error[has_hand]
    print(f"of those with a hand: centre within {CLOSE_MM:.0f} mm {close[has_hand].mean():.1%}, "
          f"median error {np.nanmedian(hands):.1f} mm, not found {np.isnan(hands).mean():.1%}")  # fmt: skip
    print("| confidence | frames | mean confidence | within 40 mm | median error, mm | without a hand |")
    print("|---|---|---|---|---|---|")
    edges = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.001)
    for low, high in pairwise(edges):
        rows = (confidence >= low) & (confidence < high) & (confidence > 0)
        if rows.any():
            median = np.median(error[rows])
            print(f"| {low:.1f} to {min(high, 1):.1f} | {rows.sum()} | {confidence[rows].mean():.2f} | "
                  f"{close[rows].mean():.2f} | {median:.0f} | {(~has_hand[rows]).mean():.2f} |")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenes", type=int, default=300)
    parser.add_argument("--seed", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(1)
    measure(options.scenes, options.seed)


if __name__ == "__main__":
    main()
