"""Images from outside, measured before they are decoded."""

from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from murauer.errors import UserError
from murauer.foreign.limits import check_pixels, reading


def read_image(
    source: Path | IO[bytes],
    where: str | Path,
    formats: Sequence[str],
    mend: str,
    size: tuple[int, int] | None = None,
) -> tuple[str, NDArray[Any]]:
    """Decode an image.

    Args:
        source: The file.
        where: What it comes from, for the message.
        formats: Formats that it may have, as Pillow calls them.
        mend: What helps against one of another format.
        size: Width and height that it must have.

    Returns:
        Pillow's mode of the image, and its pixels, (H, W) or (H, W, C).

    Raises:
        UserError: It cannot be read, has another format or size, is damaged, or has too many pixels.
    """
    with reading(where, mend="copy or record it again"):
        try:
            image = Image.open(source, formats=list(formats))
        except UnidentifiedImageError:
            raise UserError(f"{where} is no {formats[0]} image; {mend}") from None
        with image:
            check_pixels(image.width, image.height, where)
            if size not in (None, image.size):
                raise UserError(
                    f"{where} is {image.width} x {image.height} pixels, not {size[0]} x {size[1]}"
                )
            return image.mode, np.asarray(image)
