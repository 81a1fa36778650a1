"""Which hand the frames of a dataset show: as it was said, or as the hand finder sees it in many frames.

One frame tells little: a hand seen edge on looks like either. Evidence of all frames of a person adds up, and
one person is taken to show one hand unless the frames are said to show both.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from murauer.datasets.dataset import Dataset
from murauer.errors import UserError
from murauer.hand.handedness import GivenHandedness, Handedness
from murauer.handfinder.handedness import evidence, presumed_handedness
from murauer.handfinder.localisation import look_at_place, packaged_finder
from murauer.prepare.importing.centres import Centres
from murauer.progress import Progress
from murauer.store.frame_set import spread_rows
from murauer.store.makers import HandFacts

LOOKS = 48
"""Frames that are looked at of each person and hand, spread evenly."""


@dataclass(frozen=True)
class ShownHands:
    """Which hands frames show.

    Attributes:
        left: Whether it is a left one, bool (N,), of each set.
        facts: Facts of each person, and each hand that was said, how it is known.
    """

    left: Mapping[str, np.ndarray]
    facts: tuple[HandFacts, ...]


def given_hands(dataset: Dataset, handedness: GivenHandedness) -> dict[str, np.ndarray]:
    """What is said of each frame of each set: "right", "left", or "auto" for nothing.

    Args:
        dataset: What it says of itself.
        handedness: What is said of all frames, whatever the dataset says; "auto" for nothing.
    """
    return {
        name: np.broadcast_to(info.handedness if handedness == "auto" else handedness, info.frames)
        for name, info in dataset.sets.items()
    }


def shown_hands(dataset: Dataset, centres: Centres, handedness: GivenHandedness) -> ShownHands:
    """Find out which hand each frame shows.

    The hand finder looks at frames of which nothing is said; and, unless the dataset is known to show one
    hand, whether it agrees with what is said.

    Args:
        dataset: What is imported.
        centres: Centres of its hands.
        handedness: As for `given_hands`.
    """
    given = given_hands(dataset, handedness)
    left = {name: said == "left" for name, said in given.items()}
    known = [info.handedness for info in dataset.sets.values()]
    if handedness == "auto" and all(isinstance(hand, str) and hand != "auto" for hand in known):
        return ShownHands(left, ())
    groups: dict[tuple[int, GivenHandedness], list[tuple[str, int]]] = defaultdict(list)
    for name, info in dataset.sets.items():
        for index, key in enumerate(zip(info.person.tolist(), given[name].tolist(), strict=True)):
            groups[key].append((name, index))
    facts = []
    with Progress("telling right hands from left", len(groups), unit="person") as progress:
        for (person, said), frames in sorted(groups.items()):
            real = [(name, index) for name, index in frames if dataset.sets[name].real]
            looks = np.array(list(_looks(dataset, centres, real)))
            log_odds = float(sum(map(evidence, looks)))
            taken: Handedness = presumed_handedness(log_odds) if said == "auto" else said
            for name, index in frames if said == "auto" and taken == "left" else ():
                left[name][index] = True
            seen_left = int((looks < 0.5).sum())
            facts.append(HandFacts(person, taken, said != "auto", len(looks), seen_left, log_odds))
            progress.advance()
    return ShownHands(left, tuple(facts))


def _looks(dataset: Dataset, centres: Centres, frames: list[tuple[str, int]]) -> Iterator[float]:
    """Probabilities of a right hand in some of the frames, of those that show a hand to the first camera."""
    for row in spread_rows(len(frames), LOOKS).tolist():
        name, index = frames[row]
        try:
            frame = dataset.view(name, index, 0)
            centre, _ = centres(frame, name, index, 0)
        except UserError:
            continue  # listed when it is imported
        if frame.shows_hand:
            yield look_at_place(packaged_finder(), frame.depth.numpy(), frame.camera, centre.numpy()).right
