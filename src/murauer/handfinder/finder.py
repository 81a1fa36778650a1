"""Hands in a whole depth frame, by two small networks.

The first proposes places in the whole frame, at a low resolution; the refinement network looks at each
through the cube that the pose network would see, moves the cube onto the hand, looks again, and says how sure
it is that this is a hand, and which. See `murauer.handfinder.network` for the networks and
`murauer.handfinder.training` for how they are trained, on simulated rooms. They run by ONNX Runtime; nothing
here needs PyTorch.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from murauer.geometry.camera import Camera, uvd_to_xyz, xyz_to_uvd
from murauer.geometry.patches import Cubes, Floats
from murauer.geometry.skeletons import SKELETONS
from murauer.handfinder.handedness import probability
from murauer.nets.onnx_session import open_session

PROPOSAL, REFINEMENT = "hand_proposal.onnx", "hand_judge.onnx"
INPUT, OUTPUT = "depth", "found"

PIXELS_PER_RADIAN = 160.0
"""Resolution of the search: 4 mm a pixel at 640 mm, a fifth of a finger."""

MOST_PIXELS = 1024
"""Longest side of the searched frame, whatever the camera: no lens of 130 degrees needs more."""

CUBE_MM, PATCH_SIZE = 300.0, 64
"""What the refinement network sees."""

STRIDE, MULTIPLE = 8, 16
"""As in `murauer.handfinder.network`."""

MOST, LEAST_LOG_ODDS = 4, -3.0
"""Proposals that are looked at, at most, and the log-odds of a hand below which one is looked at no more."""

LOOKS = 3
"""Times that the refinement network looks at a place, each time from where it saw the hand the last time."""

LEAST = 0.1
"""Probability of a hand below which a place is none."""

PLACE = slice(2 + 3 * SKELETONS["nyu14"].centre, 5 + 3 * SKELETONS["nyu14"].centre)
"""Where the refinement network says that the joint on which cubes are centred is."""

PALM_MM, INSIDE_MM, ROUGH_MM = 35.0, 15.0, 200.0
"""Half of a palm's width, depth of a centre below the surface, how wrong a proposed depth may be."""

APART_MM = 60.0
"""Places nearer to each other than this are one hand."""

REACH_MM = (100.0, 1600.0)
"""Distances from the camera at which hands are looked for."""

NARROWEST_MM = 200.0
"""Of what an image shows at a hand's distance, at least: one that shows less than a hand is long has a wrong
unit, in which a person may look like a hand."""


@dataclass(frozen=True)
class FoundHand:
    """A hand in a frame.

    Attributes:
        centre: of the hand, inside it near the middle of the palm, as the joint that cubes are centred on in
            training; camera coordinates, mm, float64 (3,).
        confidence: Probability that it is one.
        right: Probability that it is a right one.
    """

    centre: NDArray[np.float64]
    confidence: float
    right: float


@dataclass(frozen=True, eq=False)
class Refined:
    """What the refinement network says of N places.

    Attributes:
        hand: Log-odds that a hand is there, (N,).
        right: Log-odds that it is a right one, (N,).
        centres: Centres of the hands, mm, (N, 3).
    """

    hand: Floats
    right: Floats
    centres: Floats

    @classmethod
    def read(cls, refined: Floats, places: Floats, cube_mm: float = CUBE_MM) -> Self:
        """Read the refinement network's result, see `RefinementNetwork`, on cubes around (N, 3) places."""
        centres = places + refined[:, PLACE] * np.float32(cube_mm / 2)
        centres[:, 2] = np.maximum(centres[:, 2], REACH_MM[0])
        return cls(refined[:, 0], refined[:, 1], centres)

    def likely(self) -> Self:
        """Those that may be hands, each hand once, the surest first."""
        kept: list[int] = []
        for index in np.argsort(-self.hand).tolist():
            away = np.linalg.norm(self.centres[kept] - self.centres[index], axis=-1)
            if self.hand[index] > LEAST_LOG_ODDS and away.min(initial=np.inf) > APART_MM:
                kept.append(index)
        return type(self)(self.hand[kept], self.right[kept], self.centres[kept])


class HandFinder:
    """Finds hands; keeps nothing between calls and may be used from several threads.

    Args:
        folder: Holds the two networks that `murauer.cli.train_finder` wrote.

    Raises:
        UserError: They are missing or damaged, or ONNX Runtime is not installed.
    """

    def __init__(self, folder: Path) -> None:
        made_by = f"python -m murauer.cli.train_finder --out {folder}"
        self._proposal, self._refinement = (
            open_session(folder / name, made_by=made_by, mend="train it again")
            for name in (PROPOSAL, REFINEMENT)
        )

    def __call__(self, depth: NDArray[Any], camera: Camera) -> list[FoundHand]:
        """Find all hands in a frame.

        Args:
            depth: (H, W) in mm, 0 = no measurement.
            camera: Camera that took the frame.

        Returns:
            Hands with a confidence above `LEAST`, the surest first; perhaps none.
        """
        centres = self.propose(depth, camera)
        for _ in range(LOOKS):
            if not len(centres):
                return []
            refined = self.refine(depth, camera, centres).likely()
            centres = refined.centres
        height, width = depth.shape
        nearest = max(REACH_MM[0], NARROWEST_MM / max(width / camera.fx, height / camera.fy))
        return [
            FoundHand(centre, float(sure), float(right))
            for centre, sure, right in zip(
                centres.astype(np.float64), probability(refined.hand), probability(refined.right), strict=True
            )
            if sure > LEAST and nearest < centre[2] < REACH_MM[1]
        ]

    def propose(self, depth: NDArray[Any], camera: Camera) -> Floats:
        """Propose places of hands; arguments as for `__call__`.

        Returns:
            (N, 3) in mm, at most `MOST`, the likeliest first.
        """
        small, intrinsics = reduced(depth, camera)
        places = peaks(self._proposal.run([OUTPUT], {INPUT: small[None]})[0][0], intrinsics)
        return at_surface(places, small, intrinsics)

    def refine(
        self, depth: NDArray[Any], camera: Camera, centres: Floats, cube_mm: float = CUBE_MM
    ) -> Refined:
        """Look closely at places in one frame.

        Args:
            depth: As for `__call__`.
            camera: As for `__call__`.
            centres: (N, 3) in mm.
            cube_mm: Side of the cubes; in those of twice the side, hands of twice the size look like hands.
        """
        cubes = [Cubes(centre[None], camera.intrinsics_array(), cube_mm, PATCH_SIZE) for centre in centres]
        patches = np.concatenate([cube.cut(depth[None]) for cube in cubes])  # no copies of the frame
        refined = self._refinement.run([OUTPUT], {INPUT: patches[:, None]})[0]
        return Refined.read(refined, centres, cube_mm)


def peaks(found: Floats, intrinsics: NDArray[Any]) -> Floats:
    """Read the proposal network's result.

    Args:
        found: (4, H / 8, W / 8), see `murauer.handfinder.network.ProposalNetwork`.
        intrinsics: Intrinsics of the frame that it saw, (4,).

    Returns:
        Places where the heat map has a peak, (N, 3) in mm, at most `MOST`, the likeliest first.
    """
    heat, *place = found
    padded = np.pad(heat, 1, constant_values=-np.inf)
    rows, columns = heat.shape
    around = [padded[i : i + rows, j : j + columns] for i in range(3) for j in range(3)]
    row, column = np.nonzero((heat >= np.max(around, axis=0)) & (heat > LEAST_LOG_ODDS))
    likeliest = np.argsort(-heat[row, column])[:MOST]
    row, column = row[likeliest], column[likeliest]
    across, down, metres = (part[row, column] for part in place)
    u, v = STRIDE * (column + 0.5 + across) - 0.5, STRIDE * (row + 0.5 + down) - 0.5
    uvd = np.stack((u, v, np.maximum(1000 * metres, REACH_MM[0])), -1)
    return uvd_to_xyz(uvd, intrinsics).astype(np.float32)


def at_surface(places: Floats, depth: Floats, intrinsics: NDArray[Any]) -> Floats:
    """Move places along their rays to where something was measured, as the network's depth is but rough.

    Args:
        places: (N, 3) in mm.
        depth: (H, W) in mm, 0 = no measurement.
        intrinsics: Intrinsics of it, (4,).

    Returns:
        (N, 3): `INSIDE_MM` behind the median depth of what is within `PALM_MM` to the sides and `ROUGH_MM` in
        depth; where nothing is, unchanged.
    """
    moved = places.copy()
    for row, (u, v, z) in enumerate(xyz_to_uvd(places, intrinsics)):
        reach = max(1, round(PALM_MM * intrinsics[0] / z))
        column, line = round(u), round(v)
        around = depth[max(line - reach, 0) : line + reach + 1, max(column - reach, 0) : column + reach + 1]
        palm = around[(around > 0) & (np.abs(around + INSIDE_MM - z) < ROUGH_MM)]
        if palm.size:
            moved[row] *= (np.median(palm) + INSIDE_MM) / z
    return moved


def reduced(depth: NDArray[Any], camera: Camera) -> tuple[Floats, NDArray[np.float64]]:
    """Take a frame to the resolution of the search, by nearest neighbour.

    Args:
        depth: (H, W) in mm.
        camera: Camera that took the frame.

    Returns:
        Depth with sides that are multiples of `MULTIPLE`, filled up with 0; and its intrinsics, (4,).
    """
    lines, middles, focal_lengths = [], [], []
    sides = ((depth.shape[0], camera.fy, camera.v0), (depth.shape[1], camera.fx, camera.u0))
    for count, focal, middle in sides:
        step = max(focal / PIXELS_PER_RADIAN, count / MOST_PIXELS)
        focal_lengths.append(focal / step)
        taken = np.arange(max(1, round(count / step)))
        lines.append(np.rint((taken + 0.5) * step - 0.5).astype(np.int64).clip(0, count - 1))
        middles.append((middle + 0.5) / step - 0.5)
    small = np.zeros([-(-len(line) // MULTIPLE) * MULTIPLE for line in lines], np.float32)
    small[: len(lines[0]), : len(lines[1])] = depth[lines[0][:, None], lines[1]]
    return small, np.array([focal_lengths[1], focal_lengths[0], middles[1], middles[0]])
