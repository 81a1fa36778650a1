"""Draws the pictures of the guide: rendered gestures, sensor models, the two domains of a store.

    python docs/make_pictures.py

Takes about half a minute on one core and writes docs/pictures/*.png. Everything is seeded.
"""

import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Generator, Tensor

from murauer import Estimator
from murauer.capture.sources.simulated import SimulatedSource
from murauer.geometry.overlay import BACKGROUND_COLOUR, draw_hand, draw_skeleton, shade_depth
from murauer.geometry.skeletons import SKELETONS
from murauer.hand.clutter import merge_depth
from murauer.hand.gestures import gesture
from murauer.hand.grasps import GraspSampler
from murauer.hand.model import HandModel, place
from murauer.hand.rasteriser import rasterise_depth
from murauer.hand.sensors import SENSORS
from murauer.hand.shape import SHAPE_NAMES, ShapePrior
from murauer.prepare.pairs.pairs import make_pairs
from murauer.prepare.pairs.pictures import pairs_sheet
from murauer.prepare.rendering.simulated import SimulationConfig, simulate_store
from murauer.store.augmentation import still, to_samples
from murauer.store.frame_set import FrameSet

FOLDER = Path(__file__).parent / "pictures"

GAP = 6
"""Transparent pixels between tiles, so that the page's own colour shows through, light or dark."""

PICTURED = ((0.0, slice(0, 7)), (1.0, slice(7, 14)))
"""Shares of pinches, and the rows of hands: things in the palm above, between fingertips below."""

FRAMES_WITH_JOINTS = ((11, 30), (12, 80), (14, 10), (16, 60), (17, 100))
"""Seeds of the simulated camera, and the number of a frame."""

TEXT_COLOUR = (214, 216, 222)
DISTANCE_MM = 700.0


def tile(picture: Image.Image, caption: str = "", corner: int = 10) -> Image.Image:
    """Put a picture, with a caption below it, on a dark card with round corners."""
    foot = 24 if caption else 0
    card = Image.new("RGB", (picture.width, picture.height + foot), BACKGROUND_COLOUR)
    card.paste(picture, (0, 0))
    if caption:
        middle = (card.width / 2, picture.height + 9)
        ImageDraw.Draw(card).text(middle, caption, TEXT_COLOUR, ImageFont.load_default(14), anchor="mm")
    mask = Image.new("L", (4 * card.width, 4 * card.height), 0)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, mask.width - 1, mask.height - 1), 4 * corner, fill=255)
    card.putalpha(mask.resize(card.size, Image.Resampling.LANCZOS))
    return card


def grid(rows: list[list[Image.Image]]) -> Image.Image:
    """Lay tiles of equal size out in rows."""
    width, height = rows[0][0].size
    across, down = len(rows[0]), len(rows)
    sheet = Image.new("RGBA", (across * (width + GAP) - GAP, down * (height + GAP) - GAP), (0, 0, 0, 0))
    for i, row in enumerate(rows):
        for j, picture in enumerate(row):
            sheet.paste(picture, (j * (width + GAP), i * (height + GAP)))
    return sheet


def save(picture: Image.Image, name: str) -> None:
    """Write a picture and say how large it became."""
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / name
    picture.save(path, optimize=True)
    print(f"{path}: {picture.width} x {picture.height}, {path.stat().st_size / 1024:.0f} KiB")


def turned(yaw_deg: float, pitch_deg: float, roll_deg: float = 0.0) -> Tensor:
    """Camera from hand, (1, 3, 3): palm to the camera, fingers up, then turned."""
    yaw, pitch, roll = np.radians([yaw_deg, pitch_deg, roll_deg])
    about_y = [[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]]
    about_x = [[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]]
    about_z = [[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]]
    rotation = np.array(about_z) @ np.array(about_x) @ np.array(about_y) @ np.diag([1.0, -1.0, -1.0])
    return torch.tensor(rotation, dtype=torch.float32)[None]


def shape_of(**parameters: float) -> Tensor:
    """Shape parameters by name, (1, S); the others are those of the mean hand."""
    return torch.tensor([[parameters.get(name, 0.0) for name in SHAPE_NAMES]])


def window(size: int, width_mm: float) -> Tensor:
    """Intrinsics, (1, 4), of a square window of that width at the hand's distance, looking straight at it."""
    focal = size * DISTANCE_MM / width_mm
    return torch.tensor([[focal, focal, (size - 1) / 2, (size - 1) / 2]])


def gestures() -> None:
    """A few of the prior's gestures, each row another person."""
    names = ("open", "victory", "ok", "pointing", "fist", "grasp_ball", "love", "thumb_up")
    views = ((-15, 10), (12, 8), (-30, 0), (-25, 12), (10, 15), (-35, 10), (15, 5), (-10, 5))
    people = (
        shape_of(size=-0.13, masculinity=-0.8, finger_thickness=-0.4, finger_length=0.1, weight=-0.4),
        shape_of(),
        shape_of(size=0.04, weight=1.0, finger_thickness=0.9, breadth=0.7, forearm_girth=0.6),
        shape_of(size=0.14, masculinity=0.9, muscle=0.7, finger_length=0.35, finger_spread=0.4, age=0.8),
    )
    model, size, finer = HandModel(), 116, 4
    intrinsics = window(finer * size, 262.0)
    rows = []
    for person, shape in enumerate(people):
        row = []
        for name, (yaw, pitch) in zip(names, views, strict=True):
            hand = model(gesture(name)[None], shape)
            rotation = turned(yaw, pitch, (-8, 6, -4, 10)[person])
            vertices = place(hand.vertices, rotation, torch.tensor([[-6.0, 26.0, DISTANCE_MM]]))
            depth = rasterise_depth(vertices, model.faces, intrinsics, finer * size, finer * size)
            picture = shade_depth(depth[0], DISTANCE_MM - 75, DISTANCE_MM + 75)
            row.append(tile(picture.resize((size, size), Image.Resampling.LANCZOS)))
        rows.append(row)
    save(grid(rows), "gestures.png")


def sensors() -> None:
    """One hand before a torso as each of the sensor models reports it."""
    model, size, shown = HandModel(), 240, 320
    hand = model(gesture("grasp_ball")[None], ShapePrior().sample(1, Generator().manual_seed(3)))
    rotation = turned(-38, 6, 6)
    middle = torch.tensor([[8.0, 18.0, DISTANCE_MM]])
    intrinsics = window(size, 290.0)
    depth = rasterise_depth(place(hand.vertices, rotation, middle), model.faces, intrinsics, size, size)
    # A round chest behind the hand: shadows and flying pixels need something to fall on.
    v, u = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    chest = DISTANCE_MM + 170 + 90 * ((u - 0.35 * size) / size) ** 2 + 40 * ((v - 0.2 * size) / size)
    scene = merge_depth(depth, torch.where(u < 0.8 * size, chest, 0.0)[None])
    captions = {
        "clean": "exact rendering",
        "structured_light": "structured light (first Kinect)",
        "time_of_flight": "time of flight (second Kinect)",
        "stereo": "stereo (Intel D400)",
    }
    row = []
    for name, caption in captions.items():
        measured = SENSORS[name]()(scene, intrinsics, Generator().manual_seed(0))[0]
        picture = shade_depth(measured, DISTANCE_MM - 95, DISTANCE_MM + 260)
        row.append(tile(picture.resize((shown, shown), Image.Resampling.NEAREST), caption))
    save(grid([row[:2], row[2:]]), "sensors.png")


def grasps() -> None:
    """Hands that hold things, around things in the palm and between the fingertips."""
    model, size, finer = HandModel(), 140, 3
    stream = Generator().manual_seed(12)
    shape = ShapePrior().sample(14, stream)
    kinds = [GraspSampler(model, share).sample(shape[half], stream) for share, half in PICTURED]
    intrinsics = window(finer * size, 300.0)
    rows = []
    for drawn, half in zip(kinds, (half for _, half in PICTURED), strict=True):
        row = []
        for k, yaw in enumerate((-55, -35, -15, 5, 25, 45, 60)):
            rotation, middle = turned(yaw, 8), torch.tensor([[-4.0, 24.0, DISTANCE_MM]])
            hand = model(drawn.angles[k : k + 1], shape[half][k : k + 1])
            solids = [
                (hand.vertices, model.faces),
                *((part, drawn.faces) for part in drawn.vertices[k, :, None]),
            ]
            depth = torch.zeros(1, finer * size, finer * size)
            for vertices, faces in solids:
                placed = place(vertices, rotation, middle)
                part = rasterise_depth(placed, faces, intrinsics, finer * size, finer * size)
                depth = merge_depth(depth, part)
            picture = shade_depth(depth[0], DISTANCE_MM - 110, DISTANCE_MM + 110)
            row.append(tile(picture.resize((size, size), Image.Resampling.LANCZOS)))
        rows.append(row)
    save(grid(rows), "grasps.png")


def patches(frames: FrameSet, rows: np.ndarray, cube_mm: float, joints: bool) -> list[Image.Image]:
    """Patches of a frame set as a network of 64 x 64 pixels sees them, enlarged."""
    samples = to_samples(frames.regions(rows), still(len(rows)), patch_size=64, cube_mm=cube_mm)
    depths = samples.crop.depth_mm(samples.patch[:, 0])
    points = samples.crop.patch_from_xyz(torch.from_numpy(frames.joints[rows, 0]))
    pictures = []
    for depth, point, z in zip(depths, points, samples.centre[:, 2].tolist(), strict=True):
        picture = shade_depth(depth, z - 110, z + 130).resize((116, 116), Image.Resampling.NEAREST)
        if joints:
            ends = (point + 0.5) * 116 / 64 - 0.5
            picture = draw_skeleton(picture, ends, SKELETONS["nyu14"], width=2.0)
        pictures.append(tile(picture))
    return pictures


def joints() -> None:
    """Hands before the simulated camera, with the joints that the packaged model finds without any help."""
    estimator = Estimator.load("default", quality="best")
    tiles = []
    for seed, number in FRAMES_WITH_JOINTS:
        source = SimulatedSource(seed=seed, paced=False)
        depth, camera = source.frame(number).depths[0], source.cameras[0].camera
        pose = estimator(depth, camera)
        shown = draw_hand(depth, camera, pose.joints_xyz, pose.centre, pose.skeleton, cube_mm=260, size=236)
        tiles.append(tile(shown))
    save(grid([tiles]), "joints.png")


def domains() -> None:
    """The same poses in the synthetic and in the real domain of a simulated store."""
    config = SimulationConfig(seed=5, synthetic_frames=1, real_frames=200, validation_frames=2, test_frames=2)
    with tempfile.TemporaryDirectory() as folder:
        store = simulate_store(config, Path(folder) / "recording", workers=1)
        # Of each eighth of the frames the hand that is open widest, which says most at this size.
        extent = np.ptp(store.pairs.joints[:, 0, :, :2], axis=1)
        reach = extent.max(axis=1).reshape(8, -1)
        rows = reach.argmax(axis=1) + np.arange(8) * reach.shape[1]
        cube = store.cube_mm
        sheet = grid([patches(store.pairs, rows, cube, True), patches(store.real, rows, cube, False)])
    save(sheet, "domains.png")


def pairs() -> None:
    """Real frames, the pairs that were fitted to their labels, and how far apart the surfaces are."""
    config = SimulationConfig(seed=9, synthetic_frames=1, real_frames=60, validation_frames=2, test_frames=2)
    with tempfile.TemporaryDirectory() as folder:
        simulate_store(config, Path(folder) / "recording", workers=1)
        made = make_pairs(Path(folder) / "recording", handedness="right", replace=True)
        save(pairs_sheet(made, frames=4, size=152), "pairs.png")


if __name__ == "__main__":
    torch.set_num_threads(1)
    gestures()
    sensors()
    grasps()
    joints()
    domains()
    pairs()
