"""How well hands are found in simulated frames of people that no training saw.

    python benchmarks/hand_finder.py MODELS [--frames 1000] [--sure 0.97] [--seed 1000000] [--everyday]

MODELS is a folder with the two networks that `python -m murauer.cli.train_finder` wrote. They look at as many
of each of these:

- Hands held before the camera, half a metre to 1.1 m away, in any orientation, left and right ones, with
  forearm, body, table, things and another arm; and the same without the hand.
- A twentieth as many streams, a second long, of a hand that moves before a person, its palm to the camera.
- Rooms, where hands are 0.3 to 1.5 m away, at the image's border, behind things: with one hand, with two, and
  with everything but hands. A hand counts if its centre is in the image and a third of it in sight.
- Everyday rooms (`--everyday`: these alone): a hand of anybody that holds something, up to a metre away; one
  that is seen by its owner; tables with things of household and what hands would hold, without hands; and
  a twentieth as many streams in which a hand that was followed is gone and what it held stays.

Of one hand: error of the centre, of the joints of the packaged model with this centre and with the true one,
and which hand it is said to be.
"""

import argparse
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from hand_frames import GRASPS, HOUSEHOLD, OWN_VIEWS, Frame, held, put_down, rooms, stream
from numpy.typing import NDArray

from murauer import Estimator
from murauer.geometry.skeletons import convert
from murauer.hand.handedness import Handedness
from murauer.handfinder.finder import FoundHand, HandFinder
from murauer.handfinder.handedness import evidence, presumed_handedness
from murauer.handfinder.localisation import LEAST_HAND
from murauer.inference.backends.load import load_backend
from murauer.progress import Progress

AFTER = (1, 3, 10, 30)
"""Frames of a stream."""

FOLLOWED = 5
"""Frames with a hand, before it is gone."""

GONE = (1, 3, 5, 10)
"""Frames after it is gone."""

THRESHOLDS = (0.5, 0.7, 0.9, 0.95, 0.97, 0.99)
Row = NDArray[np.float64]


def one_hand(
    finder: HandFinder, estimator: Estimator, frames: Iterable[Frame], sure: float
) -> tuple[Row, Row]:
    """Find one hand in each frame.

    Returns:
        CPU time in ms; error of the centre, infinite where none is found; whether the likelier side is right,
        and whether the one that the estimator takes it for is; error of the joints with the own and with the
        true centre, mm: (N, 6). And of which hands three quarters are in sight, within a metre, (N,).
    """
    rows, easy = [], []
    for frame in frames:
        start = time.process_time()
        found = _sure(finder(frame.depth, frame.camera), sure)
        row = [1e3 * (time.process_time() - start), np.inf, *4 * [np.nan]]
        if found:
            true_handedness = _handedness(frame)
            row[1] = float(np.linalg.norm(found[0].centre - frame.palms[0]))
            row[2] = (found[0].right > 0.5) != frame.left[0]
            row[3] = presumed_handedness(evidence(found[0].right)) == true_handedness
            for column, place in ((4, found[0].centre), (5, frame.palms[0])):
                pose = estimator(frame.depth, frame.camera, place, true_handedness)
                joints = convert(pose.joints_xyz, pose.skeleton.name, "nyu14")
                row[column] = np.linalg.norm(joints - frame.joints[0], axis=-1).mean()
        rows.append(row)
        easy.append(frame.palms[0, 2] < 1000 and frame.share[0] > 0.75)
    return np.array(rows), np.array(easy)


def print_errors(name: str, table: Row) -> None:
    """Print what `one_hand` measured."""
    milliseconds, centre, right, taken, own, true = table.T
    farthest = np.quantile(centre, 0.95, method="higher")  # between a number and infinity is no number
    both = np.isfinite(own) & np.isfinite(true)
    close = centre < 40
    print(f"{name}: {len(table)} frames")
    print(f"  centre within 40 mm {np.mean(close):.1%}, median {np.median(centre):.1f}, "
          f"95 % {farthest:.0f} mm, not found {np.isinf(centre).mean():.1%}")  # fmt: skip
    print(f"  joint error with own centre {own[both].mean():.2f} mm, with true one {true[both].mean():.2f}: "
          f"{own[both].mean() / true[both].mean():.3f} times; "
          f"medians {np.median(own[both]):.2f} and {np.median(true[both]):.2f}")  # fmt: skip
    print(f"  handedness right {np.nanmean(right):.1%}, within 40 mm {right[close].mean():.1%}; "
          f"as the estimator takes it {np.nanmean(taken):.1%}, {taken[close].mean():.1%}")  # fmt: skip
    print(f"  CPU time to find hands: median {np.median(milliseconds):.2f} ms, "
          f"95 % {np.quantile(milliseconds, 0.95):.2f} ms")  # fmt: skip


def in_streams(finder: HandFinder, count: int, seed: int) -> None:
    """Print which hand it is said to be in the course of streams of a second."""
    estimator = Estimator(load_backend("default"), lambda: finder)
    right = []
    with Progress("streams", count, unit="stream") as progress:
        for number in range(count):
            frames = list(stream(number, max(AFTER), seed))
            poses = estimator.track((frame.depth for frame in frames), frames[0].camera)
            right.append([pose.handedness == _handedness(frames[0]) for pose in poses])
            progress.advance()
    shares = ", ".join(f"{np.mean(right, 0)[after - 1]:.1%} after {after}" for after in AFTER)
    print(f"{count} streams: handedness right in {shares} frames")


def two_hands(finder: HandFinder, frames: Iterable[Frame], sure: float) -> None:
    """Print how many of two hands are found."""
    close, alarms = [], []
    for frame in frames:
        centres = [hand.centre for hand in _sure(finder(frame.depth, frame.camera), sure)]
        found = np.array(centres).reshape(-1, 3)
        away = np.linalg.norm(found[:, None] - frame.palms, axis=-1)
        close += (away < 40).any(0).tolist()
        alarms.append(int((away.min(1) > 80).sum()) if len(found) else 0)
    print(f"rooms with two hands: {np.mean(close):.1%} of them found within 40 mm, "
          f"{np.mean(alarms):.3f} false ones a room")  # fmt: skip


def no_hand(name: str, finder: HandFinder, frames: Iterable[Frame]) -> None:
    """Print false alarms over the threshold."""
    best = []
    for frame in frames:
        found = _sure(finder(frame.depth, frame.camera), 0.0)
        best.append(found[0].confidence if found else 0.0)
    alarms = ", ".join(f"{np.mean(np.array(best) >= least):.1%} at {least}" for least in THRESHOLDS)
    print(f"{name} without a hand: false alarms {alarms}")


def let_go(finder: HandFinder, count: int, seed: int) -> None:
    """Print for how long a thing is taken for the hand that held it."""
    estimator = Estimator(load_backend("default"), lambda: finder)
    taken = []
    for frames in put_down(count, FOLLOWED, max(GONE), seed):
        poses = list(estimator.track((frame.depth for frame in frames), frames[0].camera))
        if poses[FOLLOWED - 1]:
            taken.append([bool(pose) for pose in poses[FOLLOWED:]])
    shares = ", ".join(f"{np.mean(taken, 0)[after - 1]:.1%} in frame {after}" for after in GONE)
    print(f"{len(taken)} of {count} streams, the hand that was followed is gone: taken for one {shares}")


def everyday(finder: HandFinder, estimator: Estimator, count: int, seed: int, sure: float) -> None:
    """Print all about everyday rooms."""
    for name, prior in (("grasps", GRASPS), ("own views", OWN_VIEWS)):
        table, easy = one_hand(finder, estimator, rooms(count, 1, seed, prior, name), sure)
        print_errors(name, table)
        print_errors("of these near and in sight", table[easy])
    no_hand("tables and things", finder, rooms(count, 0, seed, HOUSEHOLD, "household"))
    let_go(finder, count // 20, seed)


def _sure(hands: list[FoundHand], sure: float) -> list[FoundHand]:
    return [hand for hand in hands if hand.confidence >= sure]


def _handedness(frame: Frame) -> Handedness:
    return "left" if frame.left[0] else "right"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", type=Path)
    parser.add_argument("--frames", type=int, default=1000)
    parser.add_argument("--sure", type=float, default=LEAST_HAND)
    parser.add_argument("--seed", type=int, default=1_000_000)
    parser.add_argument("--everyday", action="store_true", help="everyday rooms alone")
    options = parser.parse_args()
    torch.set_num_threads(1)
    finder, estimator = HandFinder(options.models), Estimator.load("default")
    count, seed = options.frames, options.seed
    everyday(finder, estimator, count, seed, options.sure)
    if options.everyday:
        return
    table, _ = one_hand(finder, estimator, held(count, 1, seed), options.sure)
    print_errors("held before the camera", table)
    no_hand("the same", finder, held(count, 0, seed))
    in_streams(finder, count // 20, seed)
    table, easy = one_hand(finder, estimator, rooms(count, 1, seed), options.sure)
    print_errors("rooms with one hand", table)
    print_errors("of these near and in sight", table[easy])
    two_hands(finder, rooms(count, 2, seed), options.sure)
    no_hand("rooms", finder, rooms(count, 0, seed))


if __name__ == "__main__":
    main()
