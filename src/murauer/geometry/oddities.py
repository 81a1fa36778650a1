"""What is odd about a depth image, seen from its numbers alone: signs of a wrong file, unit or byte order."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

ROWS = 60
"""About so many rows are looked at; all would take longer than all else that happens to a frame."""

LEAST_SHARE = 0.002
"""Share of pixels that must be measured: less than a finger covers."""

FEW_DEPTHS = 48
"""Different depths that an image of a scene has at least; with fewer it was a picture of 8 bits or less."""

ROUGH, SMOOTHER = 100.0, 16.0
"""Mean step between neighbours from which an image is not of surfaces, and how much less it is in order."""

FAR_MM, NEAR_MM = 10_000.0, 300.0
"""What lies wholly beyond the one, or wholly within the other, is no room with a hand."""


def odd_about(depth: NDArray[Any]) -> str | None:
    """Say what is odd about an image; None if nothing is.

    Args:
        depth: (H, W) in mm, 0 = no measurement.
    """
    sample = np.asarray(depth)[:: max(1, len(depth) // ROWS)]
    measured = sample[sample > 0]
    if not measured.size:
        return "nothing was measured"
    share = measured.size / sample.size
    if share < LEAST_SHARE:
        return f"only {100 * share:.2g} % of the pixels are measured; is it the right image?"
    if looks_swapped(sample):
        return "neighbouring pixels differ as if the bytes were in the wrong order; write the image again"
    near, far = np.quantile(measured, (0.01, 0.99)).tolist()
    if near > FAR_MM or far < NEAR_MM:
        return f"nearly all of it lies between {near:.0f} and {far:.0f} mm; check the depth scale"
    values = np.unique(measured)
    if values.size < FEW_DEPTHS and far - near > 2 * values.size and measured.size > 100 * values.size:
        step = float(np.median(np.diff(values)))
        return (
            f"its depths are only {values.size} different ones, in steps of {step:.3g} mm; was it a picture "
            "of 8 bits? Save depth with 16"
        )
    return None


def looks_swapped(image: NDArray[Any]) -> bool:
    """Whether an image of 16-bit numbers has its bytes exchanged, so that surfaces look like noise.

    Args:
        image: (H, W); other numbers than whole ones of 16 bits are never swapped.
    """
    if image.dtype.kind == "f":
        if image.max() > 65535 or (image != np.rint(image)).any():
            return False
    elif image.dtype.kind != "u" or image.dtype.itemsize != 2:
        return False
    stored = image.astype(np.uint16)
    rough = _roughness(stored)
    return rough >= ROUGH and rough > SMOOTHER * _roughness(stored.byteswap())


def _roughness(image: NDArray[np.uint16]) -> float:
    """Mean step between neighbouring measured pixels."""
    steps = np.abs(np.diff(image.astype(np.int32), axis=1))[(image[:, 1:] > 0) & (image[:, :-1] > 0)]
    return float(steps.mean()) if steps.size else 0.0
