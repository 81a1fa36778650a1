"""The table of losses that make up Eq. (1), and the one of h: where each takes its arguments from.

A loss of one's own is a function of a `ForwardPass` and an entry, from any module that is imported before the
training:

    register_loss("bones", LossTerm("l_b", bone_lengths))

It takes part where the configuration gives it a factor: `"loss_weights": {"others": {"bones": 0.1}}`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor, nn

from murauer.errors import UserError
from murauer.training.batch import TARGETS
from murauer.training.forward import ForwardPass, constant
from murauer.training.loss_weights import LossWeights
from murauer.training.losses import (
    correspondence_loss,
    discriminator_loss,
    mapping_adversarial_loss,
    pose_loss,
    total_loss,
    view_loss,
)


def pose(seen: ForwardPass) -> Tensor:
    """l_p, Eq. (5), of all samples with labels, whatever set they are in."""
    labelled, joints = seen.batch.labelled, seen.batch.joints[seen.batch.posed]
    return pose_loss(seen.joints()[labelled], joints[labelled], seen.batch.label_weight)


def correspondence(seen: ForwardPass) -> Tensor:
    """l_c, Eq. (8), whose synthetic side stays constant, as in the published implementation."""
    mapped = seen.latent_of("labelled_real")[seen.batch.paired]
    loss = correspondence_loss(seen.latent_of("pairs").detach(), mapped)
    if len(both := seen.batch.paired_views):
        synthetic = seen.latent_of("views_synthetic")[both].detach()
        loss = loss + correspondence_loss(synthetic, seen.latent_of("views_real")[both])
    return loss


def view(seen: ForwardPass) -> Tensor:
    """l_g, Eq. (10), of both domains."""
    hidden = {name: seen.hidden_of(name) for name in TARGETS if name in seen.batch.rows}
    if seen.training.generator_learns_from == "both" or len(hidden) < 2:
        return _view(seen, hidden)
    # Were g free to learn from real features, it would follow them to wherever f and m put them, and p would
    # not. As a renderer that only knows synthetic ones, it draws the real view from those that p can read.
    with constant(seen.network.pose_head, seen.network.view_generator):
        real = _view(seen, {"views_real": seen.network.pose(seen.latent_of("views_real")).hidden})
    return real + _view(seen, {"views_synthetic": hidden["views_synthetic"]})


def _view(seen: ForwardPass, hidden: dict[str, Tensor]) -> Tensor:
    """l_g of some sets; g runs over them as one batch, or over one after the other as f does."""
    if seen.training.step.batch_norm == "set_after_set" and len(hidden) > 1:
        return reduce(torch.add, [_view(seen, {name: own}) for name, own in hidden.items()])
    rows, batch = seen.batch.rows, seen.batch
    condition = torch.cat([batch.condition[rows[name]] for name in hidden])
    predicted = seen.network.view(torch.cat(list(hidden.values())), condition)
    return view_loss(predicted, torch.cat([batch.patch[rows[TARGETS[name]]] for name in hidden]))


def mapping(seen: ForwardPass) -> Tensor:
    """l_m, Eq. (13), which h judges and does not learn from."""
    assert seen.discriminator is not None
    with constant(seen.discriminator):
        scores = seen.discriminator(seen.latent_of("unlabelled_real"))
    return mapping_adversarial_loss(scores, seen.training.step.adversarial_factor)


def discriminator(h: nn.Module, real: Tensor, synthetic: Tensor, factor: float = 0.5) -> Tensor:
    """l_h, Eq. (12), which alone trains h: no term of Eq. (1), but of a step of its own."""
    of_real, of_synthetic = h(torch.cat([real, synthetic])).split([len(real), len(synthetic)])
    return discriminator_loss(of_real, of_synthetic, factor)


@dataclass(frozen=True)
class LossTerm:
    """A term of Eq. (1).

    Attributes:
        symbol: Symbol in the paper's notation.
        function: Gives the loss, a scalar, a sum over samples: so parts of a batch add up to the whole.
        rows: Sets of a `Batch`, see `batch.ROW_ORDER`, of which it needs at least one; it is left out of the
            trainings whose variant draws none of them. Without any, it takes part in all.
    """

    symbol: str
    function: Callable[[ForwardPass], Tensor]
    rows: tuple[str, ...] = ()


LOSS_TERMS: dict[str, LossTerm] = {
    "pose": LossTerm("l_p", pose),
    "correspondence": LossTerm("l_c", correspondence, rows=("pairs",)),
    "view": LossTerm("l_g", view, rows=tuple(TARGETS)),
    "mapping": LossTerm("l_m", mapping, rows=("unlabelled_real",)),
}
"""All losses by name, which is that of their factor in the configuration and of their curve in the log."""


def register_loss(name: str, term: LossTerm) -> None:
    """Add a loss to the table.

    Raises:
        ValueError: There is one of that name.
    """
    if name in LOSS_TERMS:
        raise ValueError(f"there is a loss '{name}' already")
    LOSS_TERMS[name] = term


def loss_factors(weights: LossWeights) -> dict[str, float]:
    """The factor of each loss that a configuration has one for, in the order of the table.

    Raises:
        UserError: The configuration names a loss that is not in the table.
    """
    factors = weights.factors()
    if unknown := factors.keys() - LOSS_TERMS.keys():
        raise UserError(
            f"loss_weights names '{min(unknown)}', which is no loss; choose of {', '.join(LOSS_TERMS)} or "
            "import the module that registers it first"
        )
    return {name: factors[name] for name in LOSS_TERMS if name in factors}


def losses_of(seen: ForwardPass, factors: Mapping[str, float]) -> dict[str, Tensor]:
    """Every loss that takes part, by name, and "total", Eq. (1)."""
    terms = {
        name: LOSS_TERMS[name].function(seen)
        for name in factors
        if not LOSS_TERMS[name].rows or any(rows in seen.batch.rows for rows in LOSS_TERMS[name].rows)
    }
    return {"total": total_loss(terms, factors), **terms}
