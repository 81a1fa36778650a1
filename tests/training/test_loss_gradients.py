"""Gradients of the losses, written out from the equations, and what float32 makes of both."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from murauer.training.losses import (
    correspondence_loss,
    discriminator_loss,
    mapping_adversarial_loss,
    pose_loss,
    total_loss,
    view_loss,
)

Loss = Callable[..., Tensor]

# Loss, its reference, its reference's gradient by each argument, and the shapes of the arguments.
CASES: dict[str, tuple[Loss, Loss, Loss, tuple[tuple[int, ...], ...]]] = {
    "l_p": (
        pose_loss,
        lambda p, y: ((y - p) ** 2).sum(),
        lambda p, y: (2 * (p - y), 2 * (y - p)),
        ((6, 14, 3), (6, 14, 3)),
    ),
    "l_c": (
        correspondence_loss,
        lambda s, r: ((s - r) ** 2).sum(),
        lambda s, r: (2 * (s - r), 2 * (r - s)),
        ((6, 1024), (6, 1024)),
    ),
    "l_g": (
        view_loss,
        lambda p, x: abs(x - p).sum(),
        lambda p, x: (torch.sign(p - x), torch.sign(x - p)),
        ((2, 1, 64, 64), (2, 1, 64, 64)),
    ),
    "l_h": (
        discriminator_loss,
        lambda r, s: (r - 1) @ (r - 1) / 2 + s @ s / 2,
        lambda r, s: (r - 1, s),
        ((7,), (5,)),
    ),
    "l_m": (mapping_adversarial_loss, lambda r: r @ r / 2, lambda r: (r,), ((7,),)),
}


@pytest.mark.parametrize("size", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize(("loss", "reference", "gradient", "shapes"), CASES.values(), ids=CASES)
def test_values_and_gradients_at_any_size(
    loss: Loss, reference: Loss, gradient: Loss, shapes: tuple[tuple[int, ...], ...], size: float
) -> None:
    stream = torch.Generator().manual_seed(3)
    exact = [size * torch.randn(shape, generator=stream, dtype=torch.float64) for shape in shapes]
    single = [values.float().requires_grad_() for values in exact]
    exact = [values.detach().double() for values in single]
    value = loss(*single)
    assert value.dtype == torch.float32 and value.shape == ()
    assert value.item() == pytest.approx(float(reference(*exact)), rel=1e-5)
    value.backward()
    for values, expected in zip(single, gradient(*exact), strict=True):
        assert values.grad is not None
        torch.testing.assert_close(values.grad.double(), expected, rtol=1e-5, atol=1e-6 * size)


@pytest.mark.parametrize(("loss", "shapes"), [(case[0], case[3]) for case in CASES.values()], ids=CASES)
def test_no_samples_cost_nothing(loss: Loss, shapes: tuple[tuple[int, ...], ...]) -> None:
    nothing = [torch.zeros(0, *shape[1:], requires_grad=True) for shape in shapes]
    value = loss(*nothing)
    value.backward()
    assert value.item() == 0 and all(each.grad is not None for each in nothing)


@pytest.mark.parametrize(("loss", "shapes"), [(case[0], case[3]) for case in CASES.values()], ids=CASES)
def test_a_batch_costs_what_its_samples_cost(loss: Loss, shapes: tuple[tuple[int, ...], ...]) -> None:
    stream = torch.Generator().manual_seed(4)
    batch = [torch.randn(4, *shape[1:], generator=stream, dtype=torch.float64) for shape in shapes]
    alone = sum(loss(*(each[[sample]] for each in batch)).item() for sample in range(4))
    assert loss(*batch).item() == pytest.approx(alone)


def test_a_factor_of_each_term_weighs_its_gradient() -> None:
    terms = {name: torch.tensor(value, requires_grad=True) for name, value in (("a", 3.0), ("b", 5.0))}
    total = total_loss(terms, {"a": 0.5, "b": 2.0, "not in this step": 9.0})
    total.backward()
    assert total.item() == 11.5
    assert [term.grad.item() for term in terms.values() if term.grad is not None] == [0.5, 2.0]
