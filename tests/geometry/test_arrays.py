import numpy as np
import pytest
import torch

from murauer.errors import UserError
from murauer.geometry.arrays import as_array, concatenate


def test_tensors_lists_and_arrays_become_arrays() -> None:
    wanted = np.array([[1.0, 2.0]])
    for values in (wanted, torch.tensor([[1.0, 2.0]], requires_grad=True), [[1.0, 2.0]], ((1.0, 2.0),)):
        assert np.array_equal(as_array(values), wanted)
    assert as_array(wanted) is wanted


@pytest.mark.parametrize("values", [None, object(), [[1, 2], [3]], {"a": 1}, [None, 1.0]])
def test_what_is_no_array_of_numbers_is_named(values: object) -> None:
    with pytest.raises(UserError, match=f"array or a tensor of numbers, got {type(values).__name__}"):
        as_array(values)


def test_parts_are_joined_along_the_last_axis() -> None:
    parts = [np.zeros((2, 3, 1)), np.ones((2, 3, 2))]
    assert np.array_equal(concatenate(parts), np.broadcast_to([0.0, 1.0, 1.0], (2, 3, 3)))
    joined = concatenate([torch.from_numpy(part) for part in parts])
    assert joined.shape == (2, 3, 3) and joined.sum() == 12
