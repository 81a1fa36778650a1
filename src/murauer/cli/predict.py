"""Predict the joints of a hand in depth images, or of all frames of a store's set.

murauer predict frame.png --camera nyu --out joints.json --overlay picture.png
murauer predict *.png --camera sr305 --depth-scale 0.125 --out joints.json --out joints.csv
murauer predict monday/front/*.png --camera monday/camera.json --out joints.csv
murauer predict stores/nyu --split test --out joints.npy

FRAME is a 16-bit PNG in mm (or with --depth-scale), an RGB PNG as in the NYU dataset, or a .npy array.
--camera is a name that `murauer info` lists, or a camera file, whose depth scale and lens count, too; of
several cameras in it the one with the name of the frames' folder is taken.

Without --centre the surest hand of the frame is found; --centre holds for all frames given. Which hand it is
is seen from the frame, unless --handedness says it. A frame without a hand is in the results without joints.

FRAME may also be a store, with --split: then the joints of all its frames, around the recorded centres,
go into one array. What was stopped goes on when the same command is given again; on several machines, give
each a --shard, and at the end the command without it.

Without --out the joints are printed as JSON. --overlay shows one frame and its hand side by side; of several
frames it shows the hands on one contact sheet.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from murauer.arguments import (
    add_handedness,
    add_workers,
    centre,
    positive_float,
    shard_of,
    tell_shard_is_done,
)
from murauer.errors import UserError
from murauer.files import written_whole

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from murauer.capture.camera_file import CaptureCamera
    from murauer.geometry.camera import Camera
    from murauer.inference.estimator import Estimator
    from murauer.inference.pose import HandPose

PICTURE_SUFFIXES = (".png", ".jpg")

SHEET_LIMIT = 400
"""Hands on a contact sheet: 20 x 20 pictures of 256 pixels."""

SHEET_SIZE = 256

MOST_NAMES = 3
"""Frames without a hand that are named; the results tell of all."""

OF_FRAMES = ("camera", "depth_scale", "centre", "overlay")
"""Options that a store's set has no use for: it has cameras and centres of its own."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("frames", nargs="+", type=Path, metavar="FRAME", help="depth image")
    parser.add_argument("--camera", metavar="nyu|sr305|FILE.json", help="that took the frames")
    parser.add_argument(
        "--depth-scale",
        type=positive_float,
        metavar="S",
        help="mm per unit (default: as in the camera file, or 1)",
    )
    parser.add_argument("--centre", type=centre, metavar="U,V,D", help="middle of the hand: pixel, pixel, mm")
    parser.add_argument("--model", default="default", metavar="PATH", help="run folder, model file, .onnx")
    add_handedness(parser)
    parser.add_argument(
        "--out", type=Path, action="append", default=[], metavar="FILE", help=".json, .coco.json, .csv"
    )
    parser.add_argument("--split", metavar="NAME", help="set of the store: real, test, ...")
    add_workers(parser)
    parser.add_argument("--overlay", type=Path, metavar="FILE", help="picture of the result, .png or .jpg")


def run(args: argparse.Namespace) -> None:
    """Carry the command out."""
    from murauer.capture.camera_file import camera_of_frames  # start-up
    from murauer.inference.estimator import Estimator  # start-up
    from murauer.inference.pose_files import check_pose_path  # start-up

    if args.split is not None:
        _predict_set(args)
        return
    if args.shard is not None:
        raise UserError("--shard is for the frames of a store; give --split with it")
    if args.camera is None:
        raise UserError("give the --camera that took the frames, or the --split of a store")
    for path in args.out:
        check_pose_path(path)
    if args.overlay is not None and args.overlay.suffix not in PICTURE_SUFFIXES:
        raise UserError(f"cannot draw {args.overlay}; let its name end in {' or '.join(PICTURE_SUFFIXES)}")
    if args.overlay is not None and len(args.frames) > SHEET_LIMIT:
        raise UserError(f"{len(args.frames)} frames are too many for one overlay; give up to {SHEET_LIMIT}")
    camera = camera_of_frames(args.camera, args.frames)
    predict_frames(args, camera, Estimator.load(args.model))


def _predict_set(args: argparse.Namespace) -> None:
    """Predict all frames of a set."""
    from murauer.chunks import WHOLE  # start-up
    from murauer.evaluation.store_prediction import predict_store  # start-up
    from murauer.store.store import open_store  # start-up

    useless = [name for name in OF_FRAMES if getattr(args, name) is not None]
    if args.handedness != "auto":
        useless.append("handedness")
    if useless:
        options = ", ".join("--" + name.replace("_", "-") for name in useless)
        raise UserError(
            f"with --split leave {options} away: that is for depth images; a store has its cameras and "
            "centres, and its hands are taken for right ones"
        )
    if len(args.frames) != 1 or len(args.out) != 1:
        raise UserError("with --split give one store and one --out file, such as joints.npy")
    shard = shard_of(args) or WHOLE
    store = open_store(args.frames[0])
    (out,) = args.out
    if predict_store(store, args.split, args.model, out, shard=shard, workers=args.workers):
        print(f"{out}: joints of the {len(store.require(args.split))} {args.split} frames")
    else:
        tell_shard_is_done(shard)


def predict_frames(args: argparse.Namespace, camera: "CaptureCamera", estimator: "Estimator") -> None:
    """Predict all frames, then write everything, so that a bad frame leaves older results as they were."""
    from murauer.capture.depth import centre_from_uvd, read_depth, read_frame  # start-up
    from murauer.geometry.overlay import contact_sheet  # start-up
    from murauer.inference.pose_files import to_document, to_json, write_poses  # start-up
    from murauer.progress import Progress  # start-up

    pinhole = camera.camera
    given = None if args.centre is None else centre_from_uvd(args.centre, pinhole)
    poses, pictures = [], []
    with Progress("predicting", len(args.frames), unit="frame") as progress:
        for path in args.frames:
            stored = read_depth(path, pinhole, args.depth_scale or camera.depth_scale)
            depth = read_frame(stored, pinhole, "mm", camera.distortion)
            pose = estimator(depth, pinhole, given, args.handedness)
            poses.append((str(path), pose))
            if args.overlay is not None:
                pictures.append(_draw(depth, pinhole, pose, estimator.cube_mm, whole=len(args.frames) == 1))
            progress.advance()

    document = to_document(poses, pinhole, args.model, camera.distortion)
    for path in args.out:
        write_poses(path, document)
    if args.overlay is not None:
        names = [path.name for path in args.frames]
        with written_whole(args.overlay) as partial:
            (pictures[0] if len(pictures) == 1 else contact_sheet(pictures, names)).save(partial)
    if not args.out:
        print(to_json(document), end="")
    _tell_what_is_missing(poses)


def _tell_what_is_missing(poses: "Sequence[tuple[str, HandPose]]") -> None:
    """Say which frames have no joints, and why."""
    missing = [(file, pose.problem) for file, pose in poses if not pose]
    if not missing:
        return
    first, problem = missing[0]
    if len(poses) == 1:
        print(f"{first}: {problem}", file=sys.stderr)
        return
    names = ", ".join(Path(file).name for file, _ in missing[:MOST_NAMES])
    more = ", ..." if len(missing) > MOST_NAMES else ""
    share = f"{'all' if len(missing) == len(poses) else len(missing)} of the {len(poses)} frames"
    print(f"no joints in {share}: {names}{more} (the first: {problem})", file=sys.stderr)


def _draw(
    depth: "NDArray[np.float32]", camera: "Camera", pose: "HandPose", cube_mm: float, whole: bool
) -> "Image":
    """Draw the hand, beside the whole frame if wanted; of a frame without a hand all of it."""
    from PIL import ImageOps  # start-up

    from murauer.geometry.overlay import BACKGROUND_COLOUR, draw_frame, draw_hand, side_by_side  # start-up

    if not pose:
        picture = draw_frame(depth, camera, None, None, pose.skeleton)
        size = (SHEET_SIZE, SHEET_SIZE)
        return picture if whole else ImageOps.pad(picture, size, color=BACKGROUND_COLOUR)
    shown = (depth, camera, pose.joints_xyz, pose.centre, pose.skeleton)
    if not whole:
        return draw_hand(*shown, cube_mm=cube_mm, size=SHEET_SIZE)
    return side_by_side([draw_frame(*shown, cube_mm=cube_mm), draw_hand(*shown, cube_mm=cube_mm, size=480)])
