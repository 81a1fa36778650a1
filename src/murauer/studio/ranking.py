"""The frames of a set from the one that is predicted worst to the one that is predicted best."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from murauer.store.frame_set import spread_rows
from murauer.studio.albums.album import Album
from murauer.studio.predicting import Predictor, error_mm

MOST_FRAMES = 2000
"""Frames that are predicted for it, spread evenly: more than anybody looks at, and it takes seconds."""


Ranking = Iterator[NDArray[np.int64]]


def worst_first(album: Album, set_name: str, predictor: Predictor) -> Ranking:
    """Predict the labelled frames of a set and sort them by their mean error.

    Args:
        album: With the frames.
        set_name: Name of the set.
        predictor: Whose errors.

    Yields:
        After every frame, the indices of the labelled frames so far, worst first.
    """
    indices: list[int] = []
    errors: list[float] = []
    for index in spread_rows(album.sets[set_name], MOST_FRAMES).tolist():
        frame = album.frame(set_name, index)
        error = None
        if frame.label is not None:
            error = error_mm(predictor(set_name, index, frame), frame.label, album.skeleton)
        if error is not None:
            indices.append(index)
            errors.append(float(np.nanmean(error)))
        yield np.array(indices, np.int64)[np.argsort(-np.array(errors), kind="stable")]
