from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from murauer.capture.camera_file import NAMED_CAMERAS, CaptureCamera
from murauer.capture.depth import read_depth, sized
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
    assert read_depth(tmp_path / "d.png", CAMERA, packing="nyu").tolist() == expected.tolist()


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
    "in metres": (lambda path: write_png(np.full((3, 4), 2, np.uint16), path), "depth scale"),
}


@pytest.mark.parametrize(("make", "message"), BAD_PNG.values(), ids=BAD_PNG)
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


@pytest.mark.parametrize(("array", "message"), BAD_NPY.values(), ids=BAD_NPY)
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
        read_depth(tmp_path / "d.png", CAMERA, 0.5, packing="nyu")


def test_missing_file(tmp_path: Path):
    with pytest.raises(UserError, match="No such file"):
        read_depth(tmp_path / "d.png")


def surface(height: int = 48, width: int = 64) -> np.ndarray:
    """A slope in mm with a hole, as a sensor of 1 mm sees it."""
    rows, columns = np.mgrid[:height, :width]
    return np.where(rows + columns < 5, 0, 600 + 2 * rows + 3 * columns).astype(np.uint16)


SLOPE_CAMERA = Camera(fx=60, fy=60, u0=31.5, v0=23.5, width=64, height=48)


def save_tiff(array: np.ndarray, path: Path) -> None:
    Image.fromarray(array).save(path, format="TIFF")


FORMATS = {
    "PNG": (lambda path: write_png(surface(), path), ".png"),
    "PNG of another name": (lambda path: Image.fromarray(surface()).save(path, format="PNG"), ".dat"),
    "TIFF of 16 bits": (lambda path: save_tiff(surface(), path), ".tif"),
    "TIFF of floats": (lambda path: save_tiff(surface().astype(np.float32), path), ".tiff"),
    "TIFF of metres": (lambda path: save_tiff((surface() / 1000).astype(np.float32), path), ".tiff"),
    ".npy of metres": (lambda path: np.save(path, np.where(surface(), surface() / 1000, np.nan)), ".npy"),
    ".npz": (lambda path: np.savez(path, depth=surface()), ".npz"),
    "compressed .npz": (lambda path: np.savez_compressed(path, surface().astype(np.float32)), ".npz"),
}  # fmt: skip


@pytest.mark.parametrize(("make", "suffix"), FORMATS.values(), ids=FORMATS)
def test_formats(tmp_path: Path, make, suffix: str) -> None:
    make(tmp_path / f"d{suffix}")
    assert read_depth(tmp_path / f"d{suffix}", SLOPE_CAMERA) == pytest.approx(surface(), rel=1e-6)


def jet(depth: np.ndarray) -> np.ndarray:
    """OpenCV's JET of depth x 0.03, by which RealSense's example shows depth."""
    share = np.clip(np.rint(depth * 0.03), 0, 255)[..., None] / 255
    colours = np.clip(1.5 - np.abs(4 * share - np.array([3.0, 2.0, 1.0])), 0, 1)
    return np.rint(255 * colours).astype(np.uint8)


NO_DEPTH = {
    "preview in colours": (jet(2 * surface()), "a preview of depth for eyes or a photograph"),
    "preview in colours at 1.2 m": (jet(surface() + 550), "a preview of depth for eyes or a photograph"),
    "preview in colours of what is near": (jet(surface()), "a preview of depth for eyes or a photograph"),
    "preview in colours with red": (jet(8 * surface()), "a preview of depth for eyes or a photograph"),
    "preview in grey": (np.repeat((surface() // 8)[..., None], 3, -1).astype(np.uint8), "8 bits of grey"),
    "grey of 8 bits": ((surface() // 8).astype(np.uint8), "8-bit image"),
    "swapped bytes": (surface().byteswap(), "its bytes in the wrong order"),
}


@pytest.mark.parametrize("camera", [SLOPE_CAMERA, CaptureCamera("nyu", SLOPE_CAMERA, packing="nyu")])
@pytest.mark.parametrize(("pixels", "message"), NO_DEPTH.values(), ids=NO_DEPTH)
def test_images_that_are_no_depth(tmp_path: Path, pixels: np.ndarray, message: str, camera) -> None:
    write_png(pixels, tmp_path / "d.png")
    with pytest.raises(UserError, match=message) as error:
        read_depth(tmp_path / "d.png", camera)
    assert str(tmp_path / "d.png") in str(error.value)


def test_packed_depth_needs_a_camera_that_packs(tmp_path: Path) -> None:
    write_png(pack_nyu(surface()), tmp_path / "d.png")
    with pytest.raises(
        UserError, match="as the NYU dataset packs depth; if it is of that kind, give the camera"
    ):
        read_depth(tmp_path / "d.png", SLOPE_CAMERA)
    packed = CaptureCamera("a", SLOPE_CAMERA, packing="nyu")
    assert np.array_equal(read_depth(tmp_path / "d.png", packed), surface())
    write_png(pack_nyu(np.full((48, 64), 2001)), tmp_path / "d.png")
    with pytest.raises(UserError, match="no measurement"):
        read_depth(tmp_path / "d.png", packed)


def test_a_camera_knows_its_scale(tmp_path: Path) -> None:
    """That of a named camera is what the device sends, whole numbers; floats are in mm or m."""
    sr305 = NAMED_CAMERAS["sr305"]
    image = surface(480, 640)
    write_png(8 * image, tmp_path / "d.png")
    np.save(tmp_path / "mm.npy", image.astype(np.float32))
    for name in ("d.png", "mm.npy"):
        assert np.array_equal(read_depth(tmp_path / name, sr305), image)
    assert np.array_equal(read_depth(tmp_path / "d.png", sr305, 0.25), 2 * image)


def test_a_camera_without_a_size_takes_that_of_an_image(tmp_path: Path) -> None:
    write_png(surface(), tmp_path / "d.png")
    camera = CaptureCamera("a", Camera(60, 60, 31.5, 23.5))
    assert sized(camera, tmp_path / "d.png").camera == SLOPE_CAMERA


@pytest.mark.parametrize("name", ["d.npz", "d.npy"])
def test_several_images_in_a_file(tmp_path: Path, name: str) -> None:
    if name == "d.npz":
        np.savez(tmp_path / name, front=surface(), side=surface())
    else:
        np.save(tmp_path / name, np.stack((surface(), surface())))
    with pytest.raises(UserError, match=r"holds the arrays front, side|several are a source"):
        read_depth(tmp_path / name)
