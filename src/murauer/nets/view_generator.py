"""g: latent representation to the depth patch of another camera (Sec. 3.3 and the supplement)."""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from murauer.nets.fused.normalisation import BatchNorm

DEPTH_RANGE_MM = (50.0, 1500.0)


def normalise_centre(centre_mm: Tensor) -> Tensor:
    """Crop centre as the view generator sees it.

    Depth from 50 to 1500 mm maps linearly to [-1, 1]; x and y by the same factor without offset.

    Args:
        centre_mm: (..., 3), camera coordinates in mm.

    Returns:
        (..., 3), clipped to [-1, 1].
    """
    near, far = DEPTH_RANGE_MM
    # In parts, as a GPU would be waited for while it is sent a vector of three numbers.
    offset = torch.cat((centre_mm[..., :2], centre_mm[..., 2:] - (near + far) / 2), dim=-1)
    return (offset / ((far - near) / 2)).clamp(-1.0, 1.0)


class ViewGenerator(nn.Module):
    """The function g of Eq. (9), a DCGAN decoder (Radford et al. 2016).

    Transposed convolutions go from 1x1 to 4x4 pixels and then double the side with each layer; a bilinear
    upsampling makes up the rest to the patch size (x2 in the paper, none if the last layer reaches it).

    Args:
        features: F, width of the pose head's hidden layer.
        channels: Channels at 4x4, 8x8, ... pixels.
        patch_size: P, side of the view in pixels.
    """

    def __init__(
        self,
        features: int = 1024,
        channels: tuple[int, ...] = (512, 256, 128, 64),
        patch_size: int = 128,
    ) -> None:
        super().__init__()
        self.patch_size = patch_size
        layers: list[nn.Module] = [nn.ConvTranspose2d(features + 3, channels[0], kernel_size=4, bias=False)]
        for inner, outer in zip(channels, (*channels[1:], 1), strict=True):
            layers += [
                BatchNorm(inner),
                nn.LeakyReLU(0.2),
                nn.ConvTranspose2d(inner, outer, kernel_size=4, stride=2, padding=1, bias=False),
            ]
        self.layers = nn.Sequential(*layers)
        for layer in layers:
            if isinstance(layer, nn.ConvTranspose2d):
                nn.init.normal_(layer.weight, std=0.02)  # Radford et al. (2016)

    def forward(self, hidden: Tensor, centre_mm: Tensor) -> Tensor:
        """Predicted patches of the other camera.

        Args:
            hidden: (B, F), `PoseOutput.hidden` of the input view.
            centre_mm: (B, 3), crop centre of the input view in camera coordinates.

        Returns:
            (B, 1, P, P), depth in [-1, 1], background +1.
        """
        condition = torch.cat([hidden, normalise_centre(centre_mm)], dim=1)
        # Of one pixel a transposed convolution is a matrix product, which takes a fraction of its time.
        kernel = cast(Tensor, self.layers[0].weight)
        maps = (condition @ kernel.flatten(1)).unflatten(1, kernel.shape[1:])
        view = self.layers[1:](maps).to(kernel.dtype)  # from half precision under autocast
        if view.shape[-1] != self.patch_size:
            size = (self.patch_size, self.patch_size)
            # Corner pixels stay in the corners, as in the published network.
            view = functional.interpolate(view, size=size, mode="bilinear", align_corners=True)
        return torch.tanh(view)
