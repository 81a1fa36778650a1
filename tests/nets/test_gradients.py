"""Gradients of all layers are right for any number of channels, also on processors without AVX-512."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from murauer.nets.projection import Projection

OLD_PROCESSOR = {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}
CHECKED_HEAP = {"LD_PRELOAD": "libc_malloc_debug.so.0", "MALLOC_CHECK_": "3"}
"""Where glibc has it, memory written past its end ends the process when it is freed."""

TWO_THREADS = {"OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "passive"}

TOLERANCE = 1e-4


def test_layers_of_any_number_of_channels_are_those_of_float64():
    program = Path(__file__).parent / "gradient_errors.py"
    done = subprocess.run(
        [sys.executable, program],
        capture_output=True,
        text=True,
        env=os.environ | OLD_PROCESSOR | CHECKED_HEAP | TWO_THREADS,
    )
    assert done.returncode == 0, f"ended by {done.returncode}: {done.stderr[-2000:]}"
    errors: dict[str, float] = json.loads(done.stdout)
    assert {f"basic extractor of {n} channels" for n in range(1, 9)} < errors.keys()
    assert {name: error for name, error in errors.items() if not error < TOLERANCE} == {}


@pytest.mark.parametrize("side", [7, 8])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_projection_is_a_strided_convolution(side, stride, layout):
    torch.manual_seed(0)
    projection, convolution = Projection(10, 6, stride), nn.Conv2d(10, 6, 1, stride, bias=False)
    convolution.load_state_dict(projection.state_dict())
    maps = torch.randn(3, 10, side, side).contiguous(memory_format=layout)
    found, expected = maps.clone().requires_grad_(), maps.clone().requires_grad_()
    results = projection(found), convolution(expected)
    torch.testing.assert_close(*results)
    assert results[0].is_contiguous(memory_format=layout)
    for result in results:
        result.square().sum().backward()
    torch.testing.assert_close(found.grad, expected.grad)
    torch.testing.assert_close(projection.weight.grad, convolution.weight.grad)
    assert found.grad.is_contiguous(memory_format=layout)
