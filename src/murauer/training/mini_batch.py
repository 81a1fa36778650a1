"""What a training step sees: the paper's four sets, by name, and the batch of pre-training."""

from dataclasses import dataclass

from torch import Tensor

from murauer.data.augmentation import Samples


@dataclass(frozen=True)
class CorrespondingPairs:
    """Labelled real frames and synthetic frames of the same pose, under the same offset and rotation.

    Attributes:
        real: B labelled real frames.
        synthetic: the twins of those of them that have a usable one, in the same order; None where the
            variant has no mapping to learn from them, or no frame of the batch has one.
        paired: which of the real frames these are, indices, ascending, shape (n,). A mask would make the
            processor wait until a GPU has counted it.
    """

    real: Samples
    synthetic: Samples | None
    paired: Tensor


@dataclass(frozen=True)
class ViewPairs:
    """Input of one camera and what another camera saw at that moment.

    Attributes:
        input: patches of the first camera.
        target: patches of the other camera, shape (B, 1, P, P).
        condition: crop centre of the input, jittered, as told to g, in mm, shape (B, 3).
        labelled: which samples have labels, indices, ascending, shape (n,).
    """

    input: Samples
    target: Tensor
    condition: Tensor
    labelled: Tensor


@dataclass(frozen=True)
class DomainSamples:
    """Unpaired frames of both domains, seen by the same camera, for matching their distributions."""

    real: Samples
    synthetic: Samples


@dataclass(frozen=True)
class MiniBatch:
    """The four sets of the supplement; a set that the variant does not use is None.

    Attributes:
        corresponding: labelled real frames with their synthetic twins.
        synthetic: labelled synthetic frames.
        real_views, synthetic_views: the multi-view set of either domain.
        unlabelled: real and synthetic frames for matching the distributions.
    """

    corresponding: CorrespondingPairs | None
    synthetic: Samples | None
    real_views: ViewPairs | None
    synthetic_views: ViewPairs | None
    unlabelled: DomainSamples | None


@dataclass(frozen=True)
class PretrainingBatch:
    """What one step of pre-training sees, all of it synthetic and labelled.

    Attributes:
        samples: from any camera.
        views: two-view moments, whose input f and p learn from like any other and g learns to turn; None
            where the synthetic frames are of one camera.
    """

    samples: Samples
    views: ViewPairs | None
