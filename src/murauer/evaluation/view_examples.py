"""What the view generator g makes of real and of synthetic input (Eq. 9, Fig. 7)."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from murauer.data.frame_set import FrameSet
from murauer.data.recording import Recording
from murauer.evaluation.frames import batches, spread_rows
from murauer.nets.network import HandPoseNetwork


@dataclass(frozen=True, eq=False)
class ViewPredictions:
    """Patches of N moments, depth in [-1, 1] with background +1, shape (N, P, P) each.

    Attributes:
        input: what the first camera saw.
        predicted: what g says the other camera saw.
        truth: what the other camera saw; None where there was none.
    """

    input: Tensor
    predicted: Tensor
    truth: Tensor | None

    def errors(self) -> Tensor:
        """Mean absolute error of each prediction over its pixels, (N,), in units of half the cube.

        Raises:
            ValueError: the other camera's view is not known.
        """
        if self.truth is None:
            raise ValueError("there is no other camera to compare with")
        return (self.predicted - self.truth).abs().mean(dim=(1, 2))

    def constant_error(self) -> float:
        """Mean absolute error of the best picture that is the same for all frames: the pixelwise median.

        Raises:
            ValueError: the other camera's view is not known.
        """
        if self.truth is None:
            raise ValueError("there is no other camera to compare with")
        return float((self.truth - self.truth.median(dim=0).values).abs().mean())


@torch.no_grad()
def predict_views(
    network: HandPoseNetwork,
    frames: FrameSet,
    recording: Recording,
    rows: np.ndarray,
    *,
    real: bool,
) -> ViewPredictions:
    """Predict the other camera's view of some frames, told the unjittered crop centre.

    Args:
        network: a network trained with view prediction, in evaluation mode.
        frames: frames of the recording; the truth is known where they have the recording's other view.
        recording: which camera is input and which is to be predicted, and the side of the cube.
        rows: which frames.
        real: whether m applies.
    """
    assert recording.view_pair is not None, "trainings with view prediction have two cameras"
    first, second = recording.view_pair
    size = network.config.patch_size
    inputs, predicted = [], []
    for samples in batches(frames, size, recording.cube_mm, rows, first):
        hidden = network.pose(network.latent(samples.patch, real=real)).hidden
        inputs.append(samples.patch[:, 0])
        predicted.append(network.view(hidden, samples.centre)[:, 0])
    truth = None
    if frames.views > second:
        truth = torch.cat([s.patch[:, 0] for s in batches(frames, size, recording.cube_mm, rows, second)])
    return ViewPredictions(torch.cat(inputs), torch.cat(predicted), truth)


def unlabelled_rows(recording: Recording, labels: int, seed: int, limit: int) -> np.ndarray:
    """Real frames whose labels and synthetic twins a training did not see, spread evenly.

    Args:
        recording: the data.
        labels: number n of labelled frames of the training.
        seed: of the training, which chose them.
        limit: how many at most.
    """
    labelled = recording.labelled_rows(labels, seed)
    rows = np.setdiff1d(np.arange(len(recording.need("real"))), labelled)
    return rows[spread_rows(len(rows), limit)]
