import numpy as np
import pytest

from murauer.geometry.oddities import looks_swapped, odd_about


def room() -> np.ndarray:
    """A slanted wall with something before it, mm."""
    rows, columns = np.mgrid[:120, :160]
    wall = 1200 + 2.5 * columns + 1.5 * rows
    return np.where((rows - 60) ** 2 + (columns - 80) ** 2 < 900, 700 + rows, wall).round().astype(np.uint16)


def test_nothing_is_odd_about_a_room() -> None:
    for dtype in (np.uint16, np.float32, np.int32):
        assert odd_about(room().astype(dtype)) is None
    assert not looks_swapped(room()) and not looks_swapped(room() + np.float32(0.5))


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (0 * room(), "nothing was measured"),
        (np.where(np.arange(120 * 160).reshape(120, 160) < 15, 700, 0), "0.16 % of the pixels are measured"),
        (room() * 0.08, "between 59 and 139 mm; check the depth scale"),
        (room() * 20.0, "mm; check the depth scale"),
        (room() // 100 * 100, "only 7 different ones, in steps of 100 mm"),
        (room().byteswap(), "as if the bytes were in the wrong order"),
        (room().byteswap().astype(np.float32), "as if the bytes were in the wrong order"),
    ],
)  # fmt: skip
def test_what_is_odd(image: np.ndarray, message: str) -> None:
    assert message in (odd_about(image) or "nothing")


def test_noise_is_not_swapped() -> None:
    noise = np.random.default_rng(0).integers(1, 65535, (120, 160)).astype(np.uint16)
    assert not looks_swapped(noise)
