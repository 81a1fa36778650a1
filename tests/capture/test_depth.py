from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from murauer.capture.depth import read_depth
from murauer.errors import UserError
from murauer.geometry.camera import CAMERAS, Camera

CAMERA = Camera(fx=100, fy=100, u0=2, v0=1, width=4, height=3)
DEPTH = np.array([[0, 500, 501, 65535], [700, 701, 2001, 2002], [255, 256, 257, 1]], dtype=np.uint16)


def pack_nyu(depth: np.ndarray) -> np.ndarray:
    """An independent statement of the format: depth in mm = 256 G + B."""
    return np.stack((np.zeros_like(depth), depth // 256, depth % 256), axis=-1).astype(np.uint8)


def test_16_bit_png(tmp_path: Path):
    Image.fromarray(DEPTH).save(tmp_path / "d.png")
    depth = read_depth(tmp_path / "d.png", CAMERA)
    assert depth.dtype == np.float32
    assert depth.tolist() == DEPTH.tolist()


def test_depth_scale_is_mm_per_unit(tmp_path: Path):
    Image.fromarray(DEPTH).save(tmp_path / "d.png")
    assert read_depth(tmp_path / "d.png", CAMERA, 0.125)[1, 0] == 87.5


def test_nyu_packing_with_2001_for_nothing(tmp_path: Path):
    Image.fromarray(pack_nyu(DEPTH)).save(tmp_path / "d.png")
    expected = DEPTH.copy()
    expected[1, 2] = 0
    assert read_depth(tmp_path / "d.png", CAMERA).tolist() == expected.tolist()


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32, np.float64])
def test_npy_of_any_number_type(tmp_path: Path, dtype: type):
    np.save(tmp_path / "d.npy", DEPTH.astype(dtype))
    assert read_depth(tmp_path / "d.npy", CAMERA).tolist() == DEPTH.tolist()


def test_npy_in_metres_with_scale(tmp_path: Path):
    np.save(tmp_path / "d.npy", DEPTH / 1000)
    assert read_depth(tmp_path / "d.npy", CAMERA, 1000) == pytest.approx(DEPTH, rel=1e-6)


@pytest.mark.parametrize("missing", [np.nan, np.inf, -np.inf])
def test_not_finite_is_missing(tmp_path: Path, missing: float):
    depth = DEPTH.astype(np.float32)
    depth[0, 1] = missing
    np.save(tmp_path / "d.npy", depth)
    assert read_depth(tmp_path / "d.npy", CAMERA)[0, 1] == 0


def test_genuine_frames(shared_dir: Path):
    real = shared_dir / "data" / "real"
    nyu = read_depth(real / "nyu_test_depth_1_0000001.png", CAMERAS["nyu"])
    assert nyu.shape == (480, 640)
    assert 730 < nyu[nyu > 0].min() < 735 and nyu.max() < 2001  # nothing of the mark 2001 is left
    sr305 = read_depth(real / "sr305_20210326-231615_0.png", CAMERAS["sr305"], 0.125)
    assert sr305.max() == 865.875


def write_png(array: np.ndarray, path: Path) -> None:
    Image.fromarray(array).save(path)


def truncated(path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 60000, (60, 80), dtype=np.uint16)
    write_png(noise, path)
    path.write_bytes(path.read_bytes()[:3000])


BAD_PNG = {
    "empty": (lambda path: path.write_bytes(b""), "is empty"),
    "text": (lambda path: path.write_text("not a picture"), "is no PNG image"),
    "jpeg": (lambda path: Image.new("RGB", (4, 3)).save(path, format="JPEG"), "is no PNG image"),
    "truncated": (truncated, "is damaged"),
    "header only": (lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n\0\0"), "damaged|no PNG"),
    "folder": (lambda path: path.mkdir(), "cannot read"),
    "8-bit grey": (lambda path: write_png(np.full((3, 4), 9, np.uint8), path), "8-bit image"),
    "with alpha": (lambda path: write_png(np.full((3, 4, 4), 9, np.uint8), path), "8-bit image"),
    "colour photo": (lambda path: write_png(np.full((3, 4, 3), 9, np.uint8), path), "colour image"),
    "zeros": (lambda path: write_png(np.zeros((3, 4), np.uint16), path), "no measurement"),
    "NYU of nothing": (lambda path: write_png(pack_nyu(np.full((3, 4), 2001)), path), "no measurement"),
    "in metres": (lambda path: write_png(np.full((3, 4), 2, np.uint16), path), "depth scale"),
}


@pytest.mark.parametrize("make, message", BAD_PNG.values(), ids=BAD_PNG)
def test_bad_png(tmp_path: Path, make, message: str):
    make(tmp_path / "d.png")
    with pytest.raises(UserError, match=message) as error:
        read_depth(tmp_path / "d.png")
    assert str(tmp_path / "d.png") in str(error.value)


BAD_NPY = {
    "NaN": (np.full((3, 4), np.nan), "every pixel is NaN"),
    "negative": (-DEPTH.astype(np.float32), "negative"),
    "line": (np.ones(12), r"shape \(12,\)"),
    "stack": (np.ones((2, 3, 4)), r"shape \(2, 3, 4\)"),
    "nothing": (np.ones((0, 4)), "shape"),
    "text": (np.array([["a"]]), "numbers"),
    "object": (np.array([[{}]], dtype=object), "numbers"),
    "complex": (np.ones((3, 4), complex), "numbers"),
    "bool": (np.ones((3, 4), bool), "numbers"),
}


@pytest.mark.parametrize("array, message", BAD_NPY.values(), ids=BAD_NPY)
def test_bad_npy(tmp_path: Path, array: np.ndarray, message: str):
    np.save(tmp_path / "d.npy", array, allow_pickle=True)
    with pytest.raises(UserError, match=message):
        read_depth(tmp_path / "d.npy")


@pytest.mark.parametrize("suffix", [".png", ".npy"])
def test_wrong_size(tmp_path: Path, suffix: str):
    path = tmp_path / f"d{suffix}"
    write_png(DEPTH, path) if suffix == ".png" else np.save(path, DEPTH)
    with pytest.raises(UserError, match="4 x 3 pixels but the camera has 640 x 480"):
        read_depth(path, CAMERAS["nyu"])


@pytest.mark.parametrize("scale", [0, -1, float("nan"), float("inf")])
def test_bad_scale(tmp_path: Path, scale: float):
    write_png(DEPTH, tmp_path / "d.png")
    with pytest.raises(UserError, match="depth scale"):
        read_depth(tmp_path / "d.png", CAMERA, scale)


def test_nyu_images_have_their_scale(tmp_path: Path):
    write_png(pack_nyu(DEPTH), tmp_path / "d.png")
    with pytest.raises(UserError, match="in millimetres"):
        read_depth(tmp_path / "d.png", CAMERA, 0.5)


def test_missing_file(tmp_path: Path):
    with pytest.raises(UserError, match="No such file"):
        read_depth(tmp_path / "d.png")
