"""How well hands are found in simulated rooms of people that no training saw.

    python benchmarks/hand_finder.py MODELS [--rooms 1000] [--sure 0.97] [--seed 1000000]

MODELS is a folder with the two networks that `python -m murauer.training.finder` wrote. Renders as many
rooms with one hand, with two, and with everything but hands, whole frames of three cameras in turn, each
sensor model in turn. Of one hand: error of the centre, and of the joints of the packaged model with this
centre and with the true one, in all rooms and in those with a hand within a metre of which three quarters are
in sight. A room counts as one with a hand if its centre is in the image and a third of it in sight.
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from murauer import Camera, Estimator
from murauer.camera import CAMERAS, xyz_to_uvd
from murauer.data.rendered import random_stream
from murauer.hand.room_sampler import RoomSampler
from murauer.hand.rooms import RoomPrior
from murauer.hand.sensors import SENSORS
from murauer.inference.hand_finder import FoundHand, HandFinder
from murauer.inference.localisation import LEAST_HAND
from murauer.progress import Progress
from murauer.training.finder_rooms import SEEN

TESTED = (CAMERAS["nyu"], CAMERAS["sr305"], Camera(365.0, 365.0, 255.5, 211.5, 512, 424))
BATCH = 5

Row = NDArray[np.float64]


@dataclass(frozen=True)
class Room:
    """A frame (H, W) in mm and its camera; joints (K, 14, 3), palms (K, 3), sides and shares of hands."""

    depth: NDArray[np.float32]
    camera: Camera
    joints: NDArray[np.float32]
    palms: NDArray[np.float32]
    left: NDArray[np.bool_]
    share: NDArray[np.float32]


def rooms(count: int, hands: int, seed: int) -> Iterator[Room]:
    """Render rooms in which exactly so many hands are in sight."""
    sampler = RoomSampler(RoomPrior(first=float(hands > 0), second=float(hands > 1)))
    given = number = 0
    with Progress(f"rooms with {hands} hands", count, unit="room") as progress:
        while given < count:
            stream = random_stream(seed, "benchmark", hands, number)
            camera = TESTED[number % len(TESTED)]
            sensor = list(SENSORS.values())[number // len(TESTED) % len(SENSORS)]()
            number += 1
            scene, intrinsics = sampler.sample(BATCH, stream), camera.intrinsics().expand(BATCH, 4)
            exact, share = scene.depth(intrinsics, camera.height, camera.width)
            depth = sensor(exact, intrinsics, stream)
            uvd = xyz_to_uvd(scene.palms, intrinsics)
            inside = ((uvd[..., :2] >= 0) & (uvd[..., :2] < torch.tensor([camera.width, camera.height]))).all(
                -1
            )
            seen = inside & (share > SEEN)
            for row in torch.nonzero((seen.sum(1) == hands) & (depth > 0).any(2).any(1))[:, 0].tolist():
                if given == count:
                    return
                parts = (
                    scene.joints[row, seen[row]],
                    scene.palms[row, seen[row]],
                    scene.left[row, seen[row]],
                    share[row, seen[row]],
                )
                yield Room(depth[row].numpy(), camera, *(part.numpy() for part in parts))
                given += 1
                progress.advance()


def one_hand(finder: HandFinder, estimator: Estimator, count: int, sure: float, seed: int) -> None:
    """Print errors of centre and joints, handedness, and time."""
    rows, easy = [], []
    for room in rooms(count, 1, seed):
        start = time.process_time()
        found = _sure(finder(room.depth, room.camera), sure)
        row = [1e3 * (time.process_time() - start), np.inf, np.nan, np.nan, np.nan]
        if found:
            side = "left" if room.left[0] else "right"
            row[1] = float(np.linalg.norm(found[0].centre - room.palms[0]))
            row[2] = (found[0].right > 0.5) != room.left[0]
            for column, place in ((3, found[0].centre), (4, room.palms[0])):
                pose = estimator(room.depth, room.camera, place, side)
                row[column] = np.linalg.norm(pose.joints_xyz - room.joints[0], axis=-1).mean()
        rows.append(row)
        easy.append(room.palms[0, 2] < 1000 and room.share[0] > 0.75)
    table = np.array(rows)
    for name, part in (("all", table), ("near, in sight", table[easy])):
        print(f"one hand, {name}: {len(part)} rooms")
        _print_errors(*part.T)


def _print_errors(milliseconds: Row, centre: Row, right: Row, own: Row, true: Row) -> None:
    farthest = np.quantile(centre, 0.95, method="higher")  # between a number and infinity is no number
    both = np.isfinite(own) & np.isfinite(true)
    close = centre < 40
    print(f"  centre within 40 mm {np.mean(close):.1%}, median {np.median(centre):.1f}, "
          f"95 % {farthest:.0f} mm, not found {np.isinf(centre).mean():.1%}")  # fmt: skip
    print(f"  joint error with own centre {own[both].mean():.2f} mm, with true one {true[both].mean():.2f}: "
          f"{own[both].mean() / true[both].mean():.3f} times; "
          f"medians {np.median(own[both]):.2f} and {np.median(true[both]):.2f}")  # fmt: skip
    print(
        f"  handedness right {np.nanmean(right):.1%}; of hands found within 40 mm {right[close].mean():.1%}"
    )
    print(f"  CPU time to find hands: median {np.median(milliseconds):.2f} ms, "
          f"95 % {np.quantile(milliseconds, 0.95):.2f} ms")  # fmt: skip


def two_hands(finder: HandFinder, count: int, sure: float, seed: int) -> None:
    """Print how many of two hands are found."""
    close, alarms = [], 0
    for room in rooms(count, 2, seed):
        found = np.array([hand.centre for hand in _sure(finder(room.depth, room.camera), sure)]).reshape(
            -1, 3
        )
        away = np.linalg.norm(found[:, None] - room.palms, axis=-1)
        close += (away < 40).any(0).tolist()
        alarms += int((away.min(1) > 80).sum()) if len(found) else 0
    print(
        f"two hands: {np.mean(close):.1%} of them found within 40 mm, {alarms / count:.3f} false ones a room"
    )


def no_hand(finder: HandFinder, count: int, seed: int) -> None:
    """Print false alarms over the threshold."""
    best = []
    for room in rooms(count, 0, seed):
        found = finder(room.depth, room.camera)
        best.append(found[0].confidence if found else 0.0)
    sure = (0.5, 0.7, 0.9, 0.95, 0.97, 0.99)
    alarms = ", ".join(f"{np.mean(np.array(best) >= least):.1%} at {least}" for least in sure)
    print(f"no hand: false alarms {alarms}")


def _sure(hands: list[FoundHand], sure: float) -> list[FoundHand]:
    return [hand for hand in hands if hand.confidence >= sure]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", type=Path)
    parser.add_argument("--rooms", type=int, default=1000)
    parser.add_argument("--sure", type=float, default=LEAST_HAND)
    parser.add_argument("--seed", type=int, default=1_000_000)
    options = parser.parse_args()
    torch.set_num_threads(1)
    finder = HandFinder(options.models)
    one_hand(finder, Estimator.load("default"), options.rooms, options.sure, options.seed)
    two_hands(finder, options.rooms, options.sure, options.seed)
    no_hand(finder, options.rooms, options.seed)


if __name__ == "__main__":
    main()
