"""The layer that ends a head, in full precision."""

import torch
from torch import Tensor, nn


class OutputLayer(nn.Linear):
    """A linear layer that computes in the precision of its weights, under autocast as well.

    Half precision would round its results, which losses are differences of, to three digits; and it is small.
    """

    def forward(self, features: Tensor) -> Tensor:
        """Results, (B, in) -> (B, out)."""
        with torch.autocast(features.device.type, enabled=False):
            return super().forward(features.to(self.weight.dtype))
