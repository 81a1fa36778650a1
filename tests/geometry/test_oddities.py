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


def test_every_second_row_of_120_is_looked_at() -> None:
    image = room()
    image[::2] = 0
    assert odd_about(image) == "nothing was measured"
    assert odd_about(image[:119]) is None  # all of them


def flat(share: float, value: float, other: float = 0.0) -> np.ndarray:
    """An image of 40 x 250 pixels of which a share has one value, and the others another."""
    return np.where(np.arange(10_000).reshape(40, 250) < 10_000 * share, value, other)


RAMP = 1e-5 * np.arange(10_000).reshape(40, 250)
"""As many different depths as pixels."""


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (flat(0.0021, 700.0), None),
        (flat(0.0019, 700.0), "only 0.19 % of the pixels"),
        (flat(1, 10_000.0), None),
        (flat(1, 10_001.0), "between 10001 and 10001 mm"),
        (flat(1, 300.0), None),
        (flat(1, 299.0), "between 299 and 299 mm"),
        (flat(0.012, 700.0, 12_000.0) + RAMP, None),  # more than single pixels are near
        (flat(0.008, 700.0, 12_000.0) + RAMP, "between 12000 and 12000 mm"),
        (flat(0.012, 700.0, 200.0) + RAMP, None),
        (flat(0.008, 700.0, 200.0) + RAMP, "between 200 and 200 mm"),
    ],
)
def test_how_much_is_odd(image: np.ndarray, message: str | None) -> None:
    said = odd_about(image)
    assert said is None if message is None else message in (said or "")


def in_steps(values: int, step: float, pixels: int) -> np.ndarray:
    """As many different depths, equally often, in one row after the other."""
    return (400 + step * np.repeat(np.arange(values), pixels // values)).reshape(10, -1)


@pytest.mark.parametrize(
    ("image", "odd"),
    [
        (in_steps(40, 20.0, 4400), True),
        (in_steps(47, 20.0, 4700 + 470), True),
        (in_steps(48, 20.0, 4800 + 480), False),  # enough different ones
        (in_steps(40, 2.1, 4400), True),
        (in_steps(40, 2.05, 4400), False),  # from 1 to 99 %, less than 2 mm a step: a flat thing
        (in_steps(40, 20.0, 4000), False),  # few pixels for so many
        (in_steps(40, 20.0, 4400) + 0.1 * np.arange(440), False),
    ],
)
def test_depths_of_8_bits(image: np.ndarray, odd: bool) -> None:
    said = odd_about(image)
    assert (said is not None) == odd, said
    if said is not None:
        values = np.unique(image)
        assert f"only {len(values)} different ones, in steps of {values[1] - values[0]:.3g} mm" in said


def swapped_steps(large: int, small: int, none: int) -> np.ndarray:
    """Rows in which neighbours differ by 256, by 1, or not; with the bytes exchanged, by 1 and by 256."""
    steps = np.array([256] * large + [1] * small + [0] * none)
    signs = np.where(np.arange(len(steps)) % 2, -1, 1)
    row = 0x2020 + np.concatenate(([0], np.cumsum(steps * signs)))
    return np.tile(row.astype(np.uint16), (3, 1))


@pytest.mark.parametrize(
    ("large", "small", "none", "swapped"),
    [
        (25, 0, 39, True),  # a mean step of just 100
        (24, 0, 40, False),
        (48, 2, 0, True),  # 17.6 times as rough
        (47, 3, 0, False),  # 15.2 times
        (0, 50, 0, False),
    ],
)
def test_how_rough_an_image_with_exchanged_bytes_is(large: int, small: int, none: int, swapped: bool) -> None:
    image = swapped_steps(large, small, none)
    rough = np.abs(np.diff(image.astype(int))).mean(), np.abs(np.diff(image.byteswap().astype(int))).mean()
    assert (rough[0] >= 100 and rough[0] > 16 * rough[1]) == swapped
    assert looks_swapped(image) == swapped
    assert looks_swapped(image.astype(np.float32)) == swapped
    assert not looks_swapped(image.astype(np.int32)) and not looks_swapped(image.astype(np.uint32))
    assert not looks_swapped(image + np.float32(65536)) and not looks_swapped(image + np.float32(0.5))
    # Pixels without a measurement have no neighbours.
    image[:, ::2] = 0
    assert not looks_swapped(image)
