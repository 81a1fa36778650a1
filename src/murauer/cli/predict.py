"""Predict the joints of a hand in depth images, or of all frames of a store's set.

murauer predict frame.png --camera nyu --out joints.json --overlay picture.png
murauer predict *.png --camera sr305 --depth-scale 0.125 --out joints.json --out joints.csv
murauer predict monday/front/*.png --camera monday/camera.json --out joints.csv
murauer predict stores/nyu --split test --out joints.npy

FRAME is a depth image: PNG or TIFF of 16 bits in mm (or with --depth-scale), TIFF of floating-point
numbers, .npy, .npz, or an RGB PNG of the NYU dataset with its camera. Or give one source, as to `murauer
record`: a folder of images, a stack, a video, a stream; of several cameras the first is used. --camera is a
name that `murauer info` lists, or a camera file, whose depth scale and lens count, too; of several cameras in
it the one with the name of the frames' folder is taken.

Without --centre the surest hand of the frame is found; --centre holds for all frames given, --centres has one
for each. Which hand it is is seen from the frame, unless --handedness says it. A frame without a hand is in
the results without joints. So is one that cannot be used, and the exit code is then 1, as it is when no frame
has a hand.

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
    add_device,
    add_handedness,
    add_workers,
    centre,
    positive_float,
    shard_of,
    tell_shard_is_done,
)
from murauer.errors import UserError
from murauer.files import file_digest, written_whole

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from murauer.capture.named_frames import NamedFrames
    from murauer.geometry.camera import Camera
    from murauer.inference.estimator import Estimator
    from murauer.inference.frame_poses import Where
    from murauer.inference.pose import HandPose

PICTURE_SUFFIXES = (".png", ".jpg")

SHEET_LIMIT = 400
"""Hands on a contact sheet: 20 x 20 pictures of 256 pixels."""

SHEET_SIZE = 256

EXIT_INCOMPLETE = 1
"""A frame could not be used, or no frame has a hand."""

MOST_REASONS = 50
"""Frames that cannot be used whose reasons are printed; the results tell of all."""

MOST_NAMES = 3
"""Frames without a hand that are named; the results tell of all."""

OF_FRAMES = ("camera", "depth_scale", "centre", "centres", "overlay")
"""Options that a store's set has no use for: it has cameras and centres of its own."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("frames", nargs="+", metavar="FRAME", help="depth images, or one source of depth")
    parser.add_argument("--camera", metavar="nyu|sr305|FILE.json", help="that took the frames")
    parser.add_argument(
        "--depth-scale",
        type=positive_float,
        metavar="S",
        help="mm per unit (default: as in the camera file, or 1)",
    )
    parser.add_argument("--centre", type=centre, metavar="U,V,D", help="middle of the hand: pixel, pixel, mm")
    parser.add_argument("--centres", type=Path, metavar="FILE", help="of each frame: lines frame,u,v,d")
    parser.add_argument("--cropped", action="store_true", help="frames show a hand alone: do not look for it")
    parser.add_argument("--hands", choices=("one", "all"), default="one", help="of each frame (default: one)")
    parser.add_argument("--strict", action="store_true", help="stop at a frame that cannot be used")
    parser.add_argument("--model", default="default", metavar="PATH", help="run folder, model file, .onnx")
    parser.add_argument(
        "--quality",
        choices=("fast", "best"),
        default="fast",
        help="best: the mean over five views, six times as long (default: fast)",
    )
    add_handedness(parser)
    parser.add_argument(
        "--out", type=Path, action="append", default=[], metavar="FILE", help=".json, .coco.json, .csv"
    )
    parser.add_argument("--split", metavar="NAME", help="set of the store: real, test, ...")
    add_workers(parser)
    add_device(parser)
    parser.add_argument("--overlay", type=Path, metavar="FILE", help="picture of the result, .png or .jpg")


def run(args: argparse.Namespace) -> int:
    """Carry the command out."""
    from murauer.capture.named_frames import NamedFrames  # start-up
    from murauer.inference.estimator import Estimator  # start-up
    from murauer.inference.pose_files import check_pose_path  # start-up

    if args.split is not None:
        _predict_set(args)
        return 0
    if args.shard is not None:
        raise UserError("--shard is for the frames of a store; give --split with it")
    for path in args.out:
        check_pose_path(path)
    if args.overlay is not None and args.overlay.suffix not in PICTURE_SUFFIXES:
        raise UserError(f"cannot draw {args.overlay}; let its name end in {' or '.join(PICTURE_SUFFIXES)}")
    frames = NamedFrames(args.frames, args.camera, args.depth_scale)
    if args.overlay is not None and (frames.count or 0) > SHEET_LIMIT:
        raise UserError(f"{frames.count} frames are too many for one overlay; give up to {SHEET_LIMIT}")
    try:
        estimator = Estimator.load(args.model, quality=args.quality, device=args.device)
        return predict_frames(args, frames, estimator)
    finally:
        frames.close()


def _predict_set(args: argparse.Namespace) -> None:
    """Predict all frames of a set."""
    from murauer.chunks import WHOLE  # start-up
    from murauer.evaluation.store_prediction import predict_store  # start-up
    from murauer.store.store import open_store  # start-up

    useless = [name for name in OF_FRAMES if getattr(args, name) is not None]
    usual = {"handedness": "auto", "quality": "fast"}
    useless += [name for name, value in usual.items() if getattr(args, name) != value]
    if useless:
        options = ", ".join("--" + name.replace("_", "-") for name in useless)
        raise UserError(
            f"with --split leave {options} away: that is for depth images; a store has its cameras and "
            "centres, and says which hand each frame shows"
        )
    if len(args.frames) != 1 or len(args.out) != 1:
        raise UserError("with --split give one store and one --out file, such as joints.npy")
    shard = shard_of(args) or WHOLE
    store = open_store(Path(args.frames[0]))
    (out,) = args.out
    how = {"shard": shard, "workers": args.workers, "device": args.device}
    if predict_store(store, args.split, args.model, out, **how):
        print(f"{out}: joints of the {len(store.require(args.split))} {args.split} frames")
    else:
        tell_shard_is_done(shard)


def predict_frames(args: argparse.Namespace, frames: "NamedFrames", estimator: "Estimator") -> int:
    """Predict all frames, then write everything, so that older results stay if it is interrupted."""
    import msgspec  # start-up

    from murauer.capture.depth import centre_from_uvd  # start-up
    from murauer.geometry.overlay import contact_sheet  # start-up
    from murauer.inference.backends.load import model_of  # start-up
    from murauer.inference.frame_poses import poses_of_frames  # start-up
    from murauer.inference.pose_files import to_document, to_json, write_poses  # start-up
    from murauer.progress import Progress  # start-up
    from murauer.provenance import PROVENANCE, provenance  # start-up

    capture = frames.complete()
    if args.centre is not None and capture.camera.width:
        centre_from_uvd(args.centre, capture.camera)  # what cannot be is better known before than after
    poses: list[tuple[str, HandPose]] = []
    damaged: list[tuple[str, str]] = []
    pictures: dict[str, Image] = {}
    results = poses_of_frames(
        estimator,
        frames,
        where=_where(args),
        handedness=args.handedness,
        every_hand=args.hands == "all",
        strict=args.strict,
    )
    with Progress("predicting", frames.count, unit="frame") as progress:
        for result in results:
            poses += [(result.name, pose) for pose in result.poses]
            if result.depth is None:
                damaged.append((result.name, str(result.poses[0].problem)))
            elif args.overlay is not None and len(pictures) < SHEET_LIMIT:
                size = result.depth.shape[::-1]
                shown = (capture.for_image(*size).camera, result.poses[0], estimator.cube_mm)
                pictures[result.name] = _draw(result.depth, *shown, whole=frames.count == 1)
            progress.advance()
    if not poses:
        raise UserError(f"{args.frames[0]} gave no frame")
    if len(damaged) == len(poses):
        more = f" (and {len(damaged) - 1} more cannot be used)" if len(damaged) > 1 else ""
        raise UserError(damaged[0][1] + more)

    document = to_document(poses, capture.camera, str(args.model), capture.distortion)
    model = model_of(args.model, device=args.device)
    threads = 1 if model.suffix == ".onnx" else None
    made = provenance(args.device, threads=threads, inputs={"model": file_digest(model)})
    document[PROVENANCE] = msgspec.to_builtins(made)
    for path in args.out:
        write_poses(path, document)
    if args.overlay is not None:
        names, drawn = [Path(name).name for name in pictures], list(pictures.values())
        with written_whole(args.overlay) as partial:
            (drawn[0] if frames.count == 1 else contact_sheet(drawn, names)).save(partial)
    if not args.out:
        print(to_json(document), end="")
    for name, reason in damaged[:MOST_REASONS]:
        print(reason if name in reason else f"{name}: {reason}", file=sys.stderr)
    if damaged:
        more = f"; {len(damaged) - MOST_REASONS} more in the results" if len(damaged) > MOST_REASONS else ""
        print(f"{len(damaged)} of {_count(poses)} could not be used{more}", file=sys.stderr)
    unusable = {name for name, _ in damaged}
    _tell_what_is_missing([(name, pose) for name, pose in poses if name not in unusable])
    return EXIT_INCOMPLETE if damaged or not any(pose for _, pose in poses) else 0


def _count(poses: "Sequence[tuple[str, HandPose]]") -> str:
    """Count the frames that poses are of, in words."""
    count = len({name for name, _ in poses})
    return f"{count} frame{'s' if count > 1 else ''}"


def _where(args: argparse.Namespace) -> "Where":
    """Where hands are, by the options."""
    given = [name for name in ("centre", "centres", "cropped") if getattr(args, name)]
    if args.hands == "all":
        given.append("hands all")
    if len(given) > 1:
        raise UserError(f"--{' and --'.join(given)} exclude each other; give one of them")
    if args.centres is not None:
        from murauer.inference.pose_files import read_centres  # start-up

        return read_centres(args.centres)
    return "cropped" if args.cropped else args.centre or "anywhere"


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
