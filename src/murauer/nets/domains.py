"""Real features to those of synthetic images: where m is applied in a batch that may mix domains."""

import torch
from torch import Tensor, nn


def mapped(mapping: nn.Module, features: Tensor, real: Tensor | slice | bool) -> Tensor:
    """Apply m to the real samples of a batch.

    Args:
        mapping: m.
        features: z', (B, ...).
        real: Which samples are real: (B,) bool, a slice, or one bool for all.

    Returns:
        Features of the same shape, those of synthetic samples as they were.
    """
    if isinstance(real, slice):
        if not len(features[real]):
            return features
        return torch.cat([features[: real.start], mapping(features[real]), features[real.stop :]])
    if isinstance(real, Tensor):
        return torch.where(real.view(-1, *[1] * (features.dim() - 1)), mapping(features), features)
    return mapping(features) if real else features
