"""Which frames of a store to label: those that stand for most of the others, as a model sees them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from murauer.errors import UserError
from murauer.files import written_whole
from murauer.inference.frames import encode_frames
from murauer.nets.deployed import AnyNetwork
from murauer.selection.coverage import Floats, cover
from murauer.store.store import Store

DIRECTIONS = 32
"""Of the latent space, those in which the frames vary most: 256 with as much noise as news bring nothing."""


@dataclass(frozen=True)
class Proposal:
    """A frame that should be labelled.

    Attributes:
        row: Its index in the set `real` of the store.
        share: Of all frames that it stands for.
    """

    row: int
    share: float


def propose_frames(
    store: Store,
    network: AnyNetwork,
    count: int,
    *,
    cube_mm: float | None = None,
    seed: int = 0,
    among_labelled: bool = False,
) -> list[Proposal]:
    """Choose frames by what can be known before anything is labelled: images, and a model made without them.

    z = m(f(x)) of a frame is near that of frames with a similar hand. The frames next to the means of k-means
    in z are those that the others are nearest to. Frames that have a label count as chosen already.

    Args:
        store: Its real frames, first camera.
        network: f and m, in evaluation mode.
        count: How many frames.
        cube_mm: Side of the hand cube of the network; by default that of the store.
        seed: Of the choice.
        among_labelled: Whether to choose among the frames that have labels, without a look at them: to try
            selection on a store whose frames are all labelled.

    Returns:
        At most `count` proposals, those that stand for most frames first.

    Raises:
        UserError: There are not as many frames.
    """
    real = store.require("real")
    usable, labelled = real.usable_rows(0), real.usable_rows(0, labelled=True)
    known = labelled[:0] if among_labelled else labelled
    rows = labelled if among_labelled else np.setdiff1d(usable, labelled)
    if count > len(rows):
        kind = "labelled" if among_labelled else "unlabelled"
        hint = "" if among_labelled or len(rows) else "; --among-labelled chooses among those with labels"
        raise UserError(
            f"{count} frames asked for, but {store.folder} has {len(rows)} usable {kind} real frames{hint}"
        )
    latent = encode_frames(network, real, cube_mm or store.cube_mm, np.concatenate([rows, known]))
    points = principal_part(latent.numpy(), DIRECTIONS)
    generator = np.random.default_rng((seed, 0x5E1EC7))
    covered = cover(points[: len(rows)], count, generator, given=points[len(rows) :])
    return [
        Proposal(int(row), float(share))
        for row, share in zip(rows[covered.chosen], covered.share, strict=True)
    ]


def principal_part(points: Floats, directions: int) -> Floats:
    """Coordinates of points (N, F) along the directions in which they vary most, (N, at most directions)."""
    centred = points - points.mean(axis=0)
    values, vectors = np.linalg.eigh(centred.T @ centred)
    return centred @ vectors[:, np.argsort(values)[::-1][:directions]]


def format_proposals(proposals: Sequence[Proposal]) -> str:
    """Text that `--labels` of training and `read_rows` read: an index a line, then # and the reason."""
    lines = ["# index in the real set, those that stand for most frames first"]
    lines += [f"{one.row} # stands for {100 * one.share:.2f} % of the frames" for one in proposals]
    return "\n".join(lines) + "\n"


def write_proposals(path: Path, proposals: Sequence[Proposal]) -> None:
    """Write `format_proposals` to a file.

    Raises:
        UserError: It cannot be written.
    """
    with written_whole(path) as partial:
        partial.write_text(format_proposals(proposals), encoding="utf-8")
