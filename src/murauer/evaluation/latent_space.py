"""How well real and synthetic images of one pose meet in the latent space (Sec. 4.4, Figs. 5 and 6).

All measures are relative, because networks differ in the scale of z and nothing in the losses fixes it.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from murauer.data.frame_set import FrameSet
from murauer.evaluation.frames import batches, spread_rows
from murauer.nets.network import HandPoseNetwork


@dataclass(frozen=True, eq=False)
class LatentPairs:
    """Latent representations of corresponding frames: row i of both is the same pose.

    Attributes:
        real: z = m(f(x)) of the real frames, shape (N, F).
        synthetic: z = f(x) of the synthetic ones, shape (N, F).
    """

    real: Tensor
    synthetic: Tensor

    def distances(self) -> Tensor:
        """Distance of each corresponding pair relative to unrelated ones, shape (N,).

        The unit is the mean distance of a real frame to a synthetic frame of another pose: 0 means that the
        two images of a pose coincide, 1 that they are no closer than images of different poses.
        """
        between = torch.cdist(self.real, self.synthetic)
        corresponding = between.diagonal()
        unrelated = (between.sum() - corresponding.sum()) / (between.numel() - len(between))
        return corresponding / unrelated

    def retrieval_share(self) -> float:
        """Share of real frames whose nearest synthetic frame is their own counterpart; 1 / N by chance."""
        nearest = torch.cdist(self.real, self.synthetic).argmin(dim=1)
        return float((nearest == torch.arange(len(nearest))).double().mean())

    def principal_plane(self) -> "LatentPlane":
        """Project both domains to the two directions in which they vary most together (PCA)."""
        both = torch.cat((self.real, self.synthetic))
        centred = both - both.mean(dim=0)
        _, spread, directions = torch.linalg.svd(centred, full_matrices=False)
        # The sign of a direction is arbitrary; this one is the same on every machine.
        largest = directions[:2].abs().argmax(dim=1, keepdim=True)
        directions = directions[:2] * directions[:2].gather(1, largest).sign()
        plane = centred @ directions.mT
        explained = spread[:2].square().sum() / spread.square().sum()
        return LatentPlane(plane[: len(self.real)], plane[len(self.real) :], float(explained))


@dataclass(frozen=True, eq=False)
class LatentPlane:
    """Latent representations of corresponding frames in two dimensions.

    Attributes:
        real: shape (N, 2).
        synthetic: shape (N, 2).
        explained: share of the variance that lies in this plane.
    """

    real: Tensor
    synthetic: Tensor
    explained: float


@torch.no_grad()
def encode_pairs(
    network: HandPoseNetwork, real: FrameSet, synthetic: FrameSet, cube_mm: float, limit: int = 1000
) -> LatentPairs:
    """Encode corresponding frames, in float64 because near pairs are measured against far ones.

    Args:
        network: f and m, in evaluation mode.
        real: N frames of the sensor.
        synthetic: N frames of the same poses.
        cube_mm: side of the hand cube in mm.
        limit: number of pairs to use, spread evenly over the frames.

    Raises:
        ValueError: there are fewer than two pairs, or the frames do not correspond in number.
    """
    if len(real) != len(synthetic) or len(real) < 2:
        raise ValueError(
            f"expected two or more pairs, got {len(real)} real, {len(synthetic)} synthetic frames"
        )
    rows = spread_rows(len(real), limit)

    def encode(frames: FrameSet, is_real: bool) -> Tensor:
        parts = batches(frames, network.config.patch_size, cube_mm, rows)
        return torch.cat([network.latent(samples.patch, real=is_real) for samples in parts]).double()

    return LatentPairs(encode(real, True), encode(synthetic, False))
