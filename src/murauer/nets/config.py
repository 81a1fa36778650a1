"""Size and shape of the networks; the defaults are those of the paper's supplement."""

from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import msgspec

from murauer.errors import UserError
from murauer.foreign.ranges import Depth, Depths, Millimetres, Size, Sizes
from murauer.geometry.patches import BoxRule
from murauer.geometry.skeletons import convert, find_skeleton

if TYPE_CHECKING:
    from torch import Tensor

    from murauer.geometry.crop import CropGeometry

MOST_WEIGHTS = 10**9
"""Of a network: 4 GB, and four times that while it is trained. The paper's has a fortieth."""


class NetworkConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that is needed to build f, m, p, g and h.

    Raises:
        UserError: A size is not positive, or the patch does not fit the strides of f or the stages of g.
    """

    joints: Size = 14
    """J, joints that p predicts; 14 for NYU's evaluation set."""

    patch_size: Size = 128
    """P, side of the square input patch and of the predicted view in pixels; a multiple of 32."""

    box: BoxRule = "exact"
    """How the hand is cut out: exactly, or as for weights of the published code, see geometry/crop.py."""

    extractor: str = "residual"
    """Backbone, a name in `backbone.BACKBONES`: what f is, and what works on its features."""

    stem_channels: Size = 32
    """Channels of the first convolution (5x5) of f."""

    stem_stride: Size = 1
    """Stride of the first convolution of f; 2 quarters the cost of everything up to the first pooling."""

    block: Literal["bottleneck", "basic"] = "bottleneck"
    """Residual block of f: 1x1, 3x3 and 1x1 convolutions, or two 3x3 ones (He et al. 2016)."""

    stage_widths: Sizes = (64, 128, 256, 256)
    """Output channels of the residual stages of f; each stage halves the resolution."""

    blocks_per_stage: Depth = 5
    """Residual blocks in each stage of f."""

    features: Size = 1024
    """F, width of the latent space and of all fully connected layers of m, p and h."""

    mapping_blocks: Depth = 2
    """Residual blocks of the mapping m and of the discriminator h; 0 for a network without mapping."""

    generator_channels: Sizes = (512, 256, 128, 64)
    """Channels of g at 4x4, 8x8, ... pixels; a last layer doubles the resolution once more."""

    latent_normalisation: Literal["none", "layer"] = "none"
    """With "layer", LayerNorm without parameters fixes the scale of z (not in the paper, see network.py)."""

    identity_start: bool = False
    """Residual branches of f, m and h start at zero (Goyal et al. 2017; not in the paper): m changes nothing
    at first, h is linear. Without it they start like all other layers."""

    published_quirks: bool = False
    """Build the affine blocks of the published code instead of the paper's, see compatibility.py."""

    def __post_init__(self) -> None:
        sizes = (
            self.joints, self.patch_size, self.stem_channels, self.stem_stride, self.blocks_per_stage,
            self.features, *self.stage_widths, *self.generator_channels,
        )  # fmt: skip
        if min(sizes) < 1 or self.mapping_blocks < 0 or not self.stage_widths or not self.generator_channels:
            raise UserError(f"every size of the network must be at least 1, which is not so in {self}")
        if self.patch_size % 32:
            raise UserError(f"patch_size is {self.patch_size}; choose a multiple of 32, such as 64 or 128")
        if self.generator_size > self.patch_size:
            raise UserError(
                f"{len(self.generator_channels)} generator_channels give a view of {self.generator_size} "
                f"pixels, more than patch_size {self.patch_size}; use fewer"
            )
        if self.extractor == "residual":
            self._check_residual()
        if self.weights > MOST_WEIGHTS:
            raise UserError(
                f"the network would have {self.weights / 1e6:,.0f} million weights, more than the "
                f"{MOST_WEIGHTS // 10**6:,} million that memory is likely to hold; choose smaller sizes"
            )

    def _check_residual(self) -> None:
        if self.patch_size % self.extractor_stride:
            raise UserError(
                f"patch_size {self.patch_size} is not divisible by {self.extractor_stride}, the stride of "
                f"the feature extractor; use a larger patch, stem_stride 1 or fewer stage_widths"
            )
        if self.block == "bottleneck" and any(width % 4 for width in self.stage_widths):
            raise UserError(f"stage_widths {self.stage_widths} must be multiples of 4 with bottleneck blocks")

    def targets(self, crop: "CropGeometry", joints: "Tensor") -> "Tensor":
        """What p is to predict: half cubes around the centre, clipped like the published targets.

        Args:
            crop: Where the patches come from.
            joints: Camera coordinates in mm, (B, J, 3).
        """
        return crop.normalise_joints(joints).clamp(-1.0, 1.0)

    def comparable(self, crop: "CropGeometry", predicted: "Tensor", skeleton: str) -> "Tensor":
        """What p predicted, to compare with targets: its joints are those of the labels."""
        return predicted

    @property
    def weights(self) -> int:
        """About how many weights it has: those of the layers that can be large."""
        features, channels = self.features, (self.features, *self.generator_channels)
        weights = (2 + 4 * self.mapping_blocks) * features**2
        weights += 16 * sum(before * after for before, after in pairwise(channels))
        if self.extractor == "residual":
            places = (self.patch_size // self.extractor_stride) ** 2
            weights += self.stage_widths[-1] * places * features
            weights += self.blocks_per_stage * sum(width**2 for width in self.stage_widths)
        return weights

    @property
    def extractor_stride(self) -> int:
        """Input pixels per pixel of the residual f's last map: stem, 2x2 pooling, then 2 for each stage."""
        return (2 * self.stem_stride) << len(self.stage_widths)

    @property
    def generator_size(self) -> int:
        """Side of the last map of g in pixels, before it is resized to the patch."""
        return 4 << len(self.generator_channels)


PAPER = NetworkConfig()


class DenseConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Size and shape of the dense networks.

    Attributes:
        skeleton: names the J joints, by one of which cubes are centred.
        patch_size: P, side of the patches in pixels; a multiple of `stride` times 2 for each further width.
        stride: pixels of the patch per place of z.
        widths: channels of the maps of f at S, S/2, S/4 ... places a side, where S = P / stride.
        encoder_blocks: residual blocks at each of these resolutions on the way down.
        decoder_blocks: on the way up, at all resolutions but the lowest, the highest first.
        hidden: H, channels of p's activations.
        mapping_blocks: residual blocks of m and of h.
        generator_channels: of g at 4x4, 8x8, ... pixels.
    """

    skeleton: str = "hand21"
    patch_size: Size = 96
    stride: Size = 4
    widths: Sizes = (48, 96, 192)
    encoder_blocks: Depths = (0, 1, 2)
    decoder_blocks: Depths = (1, 1)
    hidden: Size = 64
    mapping_blocks: Depth = 2
    generator_channels: Sizes = (128, 96, 64)

    def targets(self, crop: "CropGeometry", joints: "Tensor") -> "Tensor":
        """What p is to predict of joints (B, J, 3) in mm: column, row and depth as the patch shows them."""
        return crop.to_patch(joints)

    def comparable(self, crop: "CropGeometry", predicted: "Tensor", skeleton: str) -> "Tensor":
        """What p predicted, as patch coordinates of the joints of another skeleton, to compare with targets.

        The prediction is converted, not the labels, and not the head: a fixed linear map of all joints stays
        between them. Labels thus teach the network their own skeleton without the error of a conversion back
        (2.3 mm from nyu14 to hand21), and the model keeps the joints that it has been used with. Weighted
        sums are taken in space, where they were fitted.

        Args:
            crop: Where the patches come from.
            predicted: (B, J, 3), as the patch shows them.
            skeleton: That of the labels.

        Raises:
            UserError: There is no conversion to it.
        """
        if skeleton == self.skeleton:
            return predicted
        return crop.to_patch(convert(crop.from_patch(predicted), self.skeleton, skeleton))

    @property
    def features(self) -> int:
        """F, numbers in z of an image: C channels at S x S places."""
        return self.latent_channels * self.places**2

    @property
    def latent_normalisation(self) -> Literal["none", "layer"]:
        """That of z: there is none."""
        return "none"

    @property
    def box(self) -> BoxRule:
        """How the hand is cut out."""
        return "exact"

    @property
    def joints(self) -> int:
        """J."""
        return len(find_skeleton(self.skeleton))

    @property
    def places(self) -> int:
        """S, side of the maps of z."""
        return self.patch_size // self.stride

    @property
    def latent_channels(self) -> int:
        """C, channels of z."""
        return self.widths[0]


SMALL_DENSE = DenseConfig(patch_size=64, widths=(32, 64, 128), hidden=48)
"""A fifth of the base model's multiplications."""


class ModelConfig(msgspec.Struct, frozen=True):
    """What must be known of a training's configuration to use its model; the rest is not read.

    Attributes:
        skeleton: Names of the joints.
        cube_mm: Side of the hand cube; for a dense network, of a hand of the mean adult's size.
        network: Size and shape of the paper's networks.
        dense: Size and shape of a dense network, which there is in place of the paper's.
    """

    network: NetworkConfig = msgspec.field(default_factory=NetworkConfig)
    skeleton: str = "nyu14"
    cube_mm: Millimetres = 300.0
    dense: DenseConfig | None = None

    @property
    def sizes(self) -> NetworkConfig | DenseConfig:
        """Of the network that there is."""
        return self.network if self.dense is None else self.dense
