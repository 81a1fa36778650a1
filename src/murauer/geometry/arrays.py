"""What tensors and NumPy arrays call by different names, for geometry that serves both.

Training works on tensors; inference from an exported model works on NumPy arrays and does without PyTorch,
which is why nothing here, nor in the modules that import this one, imports it before a tensor is at hand.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from murauer.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

Points = TypeVar("Points", "Tensor", NDArray[Any])
"""Coordinates in the last axis: a tensor, or an array."""


def concatenate(parts: Sequence[Points]) -> Points:
    """Join along the last axis; all parts are of one kind and agree in the other axes."""
    if isinstance(parts[0], np.ndarray):
        return np.concatenate(parts, axis=-1)
    import torch  # extra

    return torch.cat(tuple(parts), dim=-1)


def multiply(matrix: NDArray[Any], points: Points) -> Points:
    """Weighted sums of points: a matrix (K, J) and points (..., J, D) to (..., K, D).

    They are of the points' type, or floats if that is of integers. Coordinates that are NaN make those sums
    NaN in which they have a weight, and no others.
    """
    if isinstance(points, np.ndarray):
        unknown = np.isnan(points)
        sums = matrix @ np.where(unknown, 0, points)
        sums[(matrix != 0) @ unknown] = np.nan
        return sums.astype(points.dtype if points.dtype.kind == "f" else sums.dtype)
    import torch

    points = points if points.is_floating_point() else points.float()
    weights, unknown = torch.as_tensor(matrix).to(points), points.isnan()
    sums = weights @ points.masked_fill(unknown, 0.0)
    return sums.masked_fill((weights != 0).to(points) @ unknown.to(points) > 0, torch.nan)


def as_array(values: Any) -> NDArray[Any]:
    """Turn an array, a tensor on any device, or nested sequences into an array.

    Raises:
        UserError: If it is none of these.
    """
    if hasattr(values, "detach"):
        values = values.detach().cpu().numpy()
    try:
        array = np.asarray(values)
    except (TypeError, ValueError) as error:
        raise UserError(f"expected an array or a tensor of numbers, got {type(values).__name__}") from error
    if array.dtype.kind == "O":
        raise UserError(f"expected an array or a tensor of numbers, got {type(values).__name__}")
    return array
