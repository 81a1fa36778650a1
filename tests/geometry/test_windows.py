"""Windows: where their pixels look, and what lies outside the image."""

import pytest
import torch

from murauer.geometry.camera import uvd_to_xyz, xyz_to_uvd
from murauer.geometry.windows import cut_window, window_intrinsics

INTRINSICS = torch.tensor([500.0, 510.0, 320.0, 240.0])


def test_the_centre_is_in_the_middle_and_the_side_has_its_length() -> None:
    centre = torch.tensor([[40.0, -30.0, 700.0], [0.0, 100.0, 1400.0]])
    own = window_intrinsics(centre, INTRINSICS, 96, 450.0)
    assert torch.allclose(xyz_to_uvd(centre, own)[:, :2], torch.tensor(47.5), atol=1e-3)
    beside = centre + torch.tensor([225.0, 0.0, 0.0])
    assert torch.allclose(xyz_to_uvd(beside, own)[:, 0], torch.tensor(47.5 + 48), atol=1e-3)
    assert torch.allclose(own[:, 1] / own[:, 0], torch.tensor(1.02))


@pytest.mark.parametrize("centre", [(0.0, 0.0, 700.0), (-330.0, 200.0, 600.0), (900.0, 0.0, 500.0)])
def test_pixels_are_those_of_the_image_along_their_ray(centre: tuple[float, float, float]) -> None:
    """A slow reference: every window pixel by itself, 0 where it looks past the image."""
    depth = 500 + 100 * torch.rand(480, 640, generator=torch.Generator().manual_seed(0))
    window, own = cut_window(depth, INTRINSICS, torch.tensor(centre), 24, 450.0)
    outside = 0
    for row in range(24):
        for column in range(24):
            ray = uvd_to_xyz(torch.tensor([column, row, 1.0]), own)
            u, v, _ = xyz_to_uvd(ray, INTRINSICS).tolist()
            if abs(u % 1 - 0.5) < 1e-3 or abs(v % 1 - 0.5) < 1e-3:
                continue  # between two pixels
            inside = 0 <= round(u) < 640 and 0 <= round(v) < 480
            outside += not inside
            assert window[row, column] == (depth[round(v), round(u)] if inside else 0)
    assert (outside == 0) == (centre[0] == 0)


def test_the_outermost_pixels_of_an_image_are_shown() -> None:
    """One pixel of the image a pixel of the window, which looks past all four borders."""
    depth = 500 + torch.arange(35.0).reshape(5, 7)
    camera = torch.tensor([500.0, 500.0, 3.0, 2.0])
    window, _ = cut_window(depth, camera, torch.tensor([0.0, 0.0, 500.0]), 9, 9.0)
    assert torch.equal(window, torch.nn.functional.pad(depth, (1, 1, 2, 2)))
