"""Fit and measure the localiser: error of the centre, and what its confidence says of it.

    python benchmarks/localisation.py [--scenes 600] [--seed 0] [--fit]

Renders scenes with two cameras: hands and forearms of other people each time, in any orientation, with body,
table, objects and another arm around them, measured by structured light or time of flight; a tenth of them
without a hand. Prints how confidence and error go together. `--fit` fits the weights of
`murauer.inference.localisation` to these scenes instead; measure with another seed.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Generator, Tensor

from murauer.camera import CAMERAS
from murauer.data.simulated import nyu_like_rig
from murauer.errors import UserError
from murauer.hand.clutter import sample_clutter
from murauer.hand.model import HandModel
from murauer.hand.pose_prior import PosePrior
from murauer.hand.scenes import Scenes
from murauer.hand.sensors import SENSORS
from murauer.hand.shape import ShapePrior
from murauer.hand.viewpoint import sample_viewpoints
from murauer.inference import localisation
from murauer.inference.candidates import Candidate, find_candidates, to_surface
from murauer.progress import Progress
from murauer.skeletons import SKELETONS

CAMERA = CAMERAS["nyu"]
RIG = nyu_like_rig(CAMERA, 800.0)
BATCH, VIEWS = 5, 2
NOT_FOUND = torch.full((3,), torch.nan)
OUT_OF_SIGHT = torch.tensor([1e4, 0.0, 0.0])


@dataclass(frozen=True)
class Moment:
    """One scene: depth (V, H, W) in mm, true centres (V, 3), infinite without a hand."""

    depth: Tensor
    centre: Tensor


def moments(count: int, seed: int) -> Iterator[Moment]:
    """Render scenes."""
    hand, poses, shapes = HandModel(), PosePrior(), ShapePrior()
    intrinsics = CAMERA.intrinsics().expand(BATCH, 4)
    with Progress("rendering", count, unit="scene") as progress:
        for batch in range(count // BATCH):
            stream = Generator().manual_seed(10_000 * seed + batch)
            z = 500 + 600 * torch.rand(BATCH, generator=stream)
            x, y = (torch.rand(2, BATCH, generator=stream) * 2 - 1) * 0.15 * z
            scenes = Scenes(
                hand(poses.sample(BATCH, stream), shapes.sample(BATCH, stream)),
                hand.faces,
                sample_viewpoints(BATCH, stream),
                torch.stack((x, y, z), -1),
            )
            centre = scenes.joints("nyu14")[:, SKELETONS["nyu14"].centre]
            scenes = replace(scenes, clutter=sample_clutter(centre, stream))
            without = batch % 10 == 9
            if without:
                scenes = replace(scenes, position=scenes.position + OUT_OF_SIGHT)
            sensor = list(SENSORS.values())[1 + batch % (len(SENSORS) - 1)]()  # the first is exact
            seen = [sensor(scenes.depth(RIG, v, intrinsics, CAMERA.height, CAMERA.width), intrinsics, stream)
                    for v in range(VIEWS)]  # fmt: skip
            centres = torch.stack([RIG.transform(centre, 0, view) for view in range(VIEWS)], 1)
            yield from map(Moment, torch.stack(seen, 1), centres.fill_(torch.inf) if without else centres)
            progress.advance(BATCH)


def fit(count: int, seed: int) -> None:
    """Print weights of both models."""
    seen = [
        (
            [find_candidates(to_surface(depth.double().numpy(), CAMERA)) for depth in moment.depth],
            moment.centre.numpy(),
        )
        for moment in moments(count, seed)
    ]
    frames = [each for found, centres in seen for each in zip(found, centres, strict=True) if each[0]]
    measured = [np.stack([localisation.measurements(each) for each in found]) for found, _ in frames]
    right = [_right(found, centre) for found, centre in frames]
    scale = np.concatenate(measured).std(0)

    def choice_loss(weights: np.ndarray) -> float:
        losses = [
            np.logaddexp.reduce(scores) - np.logaddexp.reduce(scores[hits])
            for scores, hits in (
                (each / scale @ weights, hits) for each, hits in zip(measured, right, strict=True)
            )
            if hits.any()
        ]
        return float(np.mean(losses) + 1e-3 * (weights**2).sum())

    choice = minimize(choice_loss, np.zeros(len(scale))).x / scale
    print("CHOICE =", np.round(choice, 5).tolist())
    rows, hit = [], []
    for (found, _), each, hits in zip(frames, measured, right, strict=True):
        scores = each @ choice
        best = int(scores.argmax())
        rows.append(localisation.evidence(found, each, scores, best))
        hit.append(hits[best])
    confidence = _logistic(np.stack(rows), np.array(hit))
    print("CONFIDENCE =", np.round(confidence, 5).tolist())

    localisation.CHOICE, localisation.CONFIDENCE = choice, confidence  # what the views are weighed by
    rows, hit = [], []
    for found, centres in seen:
        for place in localisation.places(found, RIG):
            rows.append(localisation.joint_evidence(place))
            hit.append(np.linalg.norm(place.centres - centres, axis=-1).max() < localisation.CLOSE_MM)
    print("VIEWS =", np.round(_logistic(np.stack(rows), np.array(hit)), 5).tolist())


def _right(found: list[Candidate], centre: np.ndarray) -> np.ndarray:
    errors = np.linalg.norm(np.stack([each.centre for each in found]) - centre, axis=-1)
    return errors < localisation.CLOSE_MM


def _logistic(rows: np.ndarray, hit: np.ndarray) -> np.ndarray:
    scale = rows.std(0)
    scale[-1] = 1

    def loss(weights: np.ndarray) -> float:
        log_odds = rows / scale @ weights
        return float(
            np.logaddexp(0, np.where(hit, -log_odds, log_odds)).mean() + 1e-3 * (weights[:-1] ** 2).sum()
        )

    return minimize(loss, np.zeros(len(scale))).x / scale


def measure(count: int, seed: int) -> None:
    """Print tables of confidence and error."""
    single, joint = [], []
    for moment in moments(count, seed):
        for view in range(VIEWS):
            try:
                centre, confidence = localisation.localise_with_confidence(moment.depth[view], CAMERA)
            except UserError:
                centre, confidence = NOT_FOUND, 0.0
            single.append((confidence, _error(centre, moment.centre[view])))
        try:
            centres, confidences = localisation.localise_in_views(moment.depth, RIG)
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
    close = error < localisation.CLOSE_MM
    print(f"\n{title}: {len(error)} frames, {has_hand.mean():.0%} with a hand")
    hands = error[has_hand]
    print(f"of those with a hand: centre within {localisation.CLOSE_MM:.0f} mm {close[has_hand].mean():.1%}, "
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
    parser.add_argument("--scenes", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fit", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    run: Callable[[int, int], None] = fit if options.fit else measure
    run(options.scenes, options.seed)


if __name__ == "__main__":
    main()
