"""How many samples the sets of a mini-batch have, and how many images a step so shows f."""

import math
from collections.abc import Mapping

from murauer.training.config import TrainingConfig
from murauer.training.variants import Variant

SETS = ("labelled", "synthetic", "views", "unlabelled")
"""The paper's four sets (supplement): labelled real frames with their synthetic pairs, synthetic frames,
frames of two views, and unlabelled frames whose distributions are matched."""


def domains_of(variant: Variant, paired: bool = True) -> dict[str, int]:
    """The sets that a variant draws, and of how many domains: 2 where each real sample has a synthetic one.

    Args:
        variant: Which losses there are.
        paired: Whether the store has synthetic pairs.
    """
    drawn = {
        "labelled": variant.real and 1 + (variant.mapping and paired),
        "synthetic": variant.synthetic and 1,
        "views": variant.view_prediction and 1 + variant.synthetic,
        "unlabelled": variant.matching and 2,
    }
    return {name: int(domains) for name, domains in drawn.items() if domains}


def set_sizes(training: TrainingConfig, domains: Mapping[str, int]) -> dict[str, int]:
    """Samples of each domain of each set, see `StepConfig.mini_batch`.

    Args:
        training: What the sizes follow from.
        domains: Sets and the number of their domains, from `domains_of`.
    """
    kind, images = training.step.mini_batch, 4 * training.set_size
    if kind == "per_set":
        return dict.fromkeys(domains, training.set_size)
    if kind == "published":
        share = {"labelled": 3, "synthetic": 3, "views": 6, "unlabelled": 6}
        return {name: max(1, round(images / share[name])) for name in domains}
    half = max(1, math.ceil(images / len(domains) / 2 - 0.5))
    halves = {name: half for name in domains if domains[name] == 2}
    rest = images - 2 * sum(halves.values())
    return {name: halves.get(name, max(1, rest // (len(domains) - len(halves)))) for name in domains}


def images_of(sizes: Mapping[str, int], domains: Mapping[str, int]) -> int:
    """Images that a step shows f, at most: a labelled frame need not have a synthetic pair."""
    return sum(size * domains[name] for name, size in sizes.items())
