import numpy as np
import torch

from murauer.nets.view_generator import ViewGenerator, normalise_centre


def test_centre_as_in_the_golden_numbers(shared_dir):
    golden = np.load(shared_dir / "data" / "golden" / "c_uvd_xyz.npz")
    centre = normalise_centre(torch.from_numpy(golden["xyz"]))
    np.testing.assert_allclose(centre.numpy(), golden["com_norm"], atol=1e-6)


def test_centre_range():
    corners = torch.tensor([[725.0, -725.0, 50.0], [0.0, 0.0, 775.0], [-1e4, 1e4, 1e4]])
    expected = torch.tensor([[1.0, -1.0, -1.0], [0.0, 0.0, 0.0], [-1.0, 1.0, 1.0]])
    torch.testing.assert_close(normalise_centre(corners), expected)


def test_view_depends_on_the_centre_and_stays_in_range():
    torch.manual_seed(0)
    generator = ViewGenerator(features=8, channels=(8, 4), patch_size=32)
    hidden = 100 * torch.randn(2, 8)
    near = generator(hidden, torch.tensor([[0.0, 0.0, 300.0]]).expand(2, 3))
    far = generator(hidden, torch.tensor([[0.0, 50.0, 900.0]]).expand(2, 3))
    assert near.abs().max() <= 1
    assert not torch.allclose(near, far)


def test_last_layer_reaches_the_patch_without_upsampling():
    generator = ViewGenerator(features=8, channels=(8, 4, 4, 4), patch_size=64).eval()
    hidden, centre = torch.rand(1, 8), torch.zeros(1, 3)
    condition = torch.cat([hidden, normalise_centre(centre)], 1)[:, :, None, None]
    torch.testing.assert_close(generator(hidden, centre), generator.layers(condition).tanh())
