"""Labels in the manner of COCO's keypoint files, with joints in 3D beside the pixels.

What COCO's tools expect is there as they expect it. Its `keypoints` are pixels and say nothing of depth, so
an annotation may also have `keypoints_3d`: x, y, z in mm of every keypoint, in the coordinates of the camera
that took the image. See docs/capture_format.md.
"""

import math
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from murauer.errors import UnlikelyInput, UserError
from murauer.files import written_whole
from murauer.geometry.skeletons import SKELETONS, Skeleton
from murauer.seals import FIELD, UNSEALED, check_seal, seal
from murauer.text_files import FARTHEST, decode_json

NOT_LABELLED, VISIBLE = 0, 2
"""COCO's flags of a keypoint; 1 is labelled but hidden."""


NO_HAND = "no_hand"
"""Category of an annotation that says that its image shows no hand."""

Id = int | str
"""COCO's are numbers, and some tools' are texts."""


class _Image(msgspec.Struct):
    id: Id
    file_name: str
    width: int = 0
    height: int = 0


class _Category(msgspec.Struct):
    id: Id
    name: str
    keypoints: list[str] = []
    skeleton: list[tuple[int, int]] = []


class _Annotation(msgspec.Struct, omit_defaults=True):
    id: Id
    image_id: Id
    category_id: Id
    keypoints: list[float | None] = []
    keypoints_3d: list[float | None] | None = None
    num_keypoints: int | None = None
    bbox: list[float] | None = None
    area: float | None = None
    iscrowd: int | None = None


class _Document(msgspec.Struct):
    images: list[_Image]
    annotations: list[_Annotation]
    categories: list[_Category]
    info: dict[str, Any] = {}


@dataclass(frozen=True, eq=False)
class Keypoints:
    """The labelled hand in one image, or that there is none.

    Attributes:
        image: Name of the image file, as in the keypoint file.
        uv: Pixels in the image as it is stored, NaN where not labelled; shape (J, 2).
        xyz: Mm in camera coordinates (y down), NaN where not labelled; shape (J, 3). J is 0 if the label says
            that there is no hand.
        width, height: Size of the image.
    """

    image: str
    uv: NDArray[np.float32]
    xyz: NDArray[np.float32]
    width: int = 0
    height: int = 0

    @classmethod
    def of_no_hand(cls, image: str, width: int = 0, height: int = 0) -> "Keypoints":
        """The label of an image without a hand."""
        return cls(image, np.zeros((0, 2), np.float32), np.zeros((0, 3), np.float32), width, height)

    @property
    def shows_hand(self) -> bool:
        """Whether there is a hand."""
        return len(self.xyz) > 0


def read_keypoint_file(path: Path) -> tuple[Skeleton, list[Keypoints]]:
    """Read labels.

    Args:
        path: A COCO keypoint file with one category that has keypoints. Images with an annotation of the
            category `NO_HAND` show none. Annotations of other categories, and those in which nothing is
            marked, are no labels.

    Returns:
        The skeleton that its category names, and the labels with their joints in its order.

    Raises:
        UserError: It cannot be read, is no such file, or has keypoints that no skeleton has.

    Warns:
        UnlikelyInput: It is not what murauer wrote any more, and does not say that this was meant.
    """
    try:
        check_seal(
            path, f"if you have edited it, remove '{FIELD}' from its info; if not, write the labels again"
        )
    except UserError as error:  # tools of others may keep what they do not know
        warnings.warn(UnlikelyInput(str(error)), stacklevel=2)
    except OSError:
        pass  # told by what reads it
    document = decode_json(path, _Document, "COCO keypoint file")
    hands = [category for category in document.categories if category.keypoints]
    if len(hands) != 1:
        raise UserError(f"{path} has {len(hands)} categories with keypoints; it must have one, the hand")
    (category,) = hands
    without = {each.id for each in document.categories if _plain(each.name) == _plain(NO_HAND)}
    skeleton = _find_skeleton(category.keypoints, path)
    order = [category.keypoints.index(joint) for joint in skeleton.joints]
    images = {image.id: image for image in document.images}
    seen: set[Id] = set()
    labels = []
    for annotation in document.annotations:
        where = f"{path}, annotation {annotation.id}"
        if annotation.category_id not in {category.id, *without} or _is_empty(annotation, category.id):
            continue
        if annotation.image_id not in images:
            raise UserError(f"{where} is of image {annotation.image_id}, which images does not list")
        if annotation.image_id in seen:
            name = images[annotation.image_id].file_name
            raise UserError(f"{where} is the second of {name}; label one hand in each image")
        seen.add(annotation.image_id)
        image = images[annotation.image_id]
        if annotation.category_id in without:
            labels.append(Keypoints.of_no_hand(image.file_name, image.width, image.height))
        else:
            labels.append(_parse(annotation, image, order, where))
    return skeleton, labels


def write_keypoint_file(path: Path, skeleton: Skeleton, labels: Iterable[Keypoints]) -> None:
    """Write labels, sealed, complete or not at all.

    Args:
        path: Where to.
        skeleton: Of the joints.
        labels: Hands in images.

    Raises:
        UserError: The file cannot be written.
    """
    with written_whole(path) as partial:
        partial.write_text(format_keypoints(skeleton, labels, digest=UNSEALED), encoding="utf-8")
        seal(partial)


def format_keypoints(skeleton: Skeleton, labels: Iterable[Keypoints], about: str = "", **info: str) -> str:
    """Format labels or predictions as a COCO keypoint file.

    Args:
        skeleton: Of the joints.
        labels: Hands in images.
        about: Where they come from, for COCO's `info`.
        info: What else it shall say.
    """
    bones = [(joint + 1, parent + 1) for joint, parent in skeleton.bones]  # COCO counts from 1
    document = _Document(
        [], [], [_Category(1, "hand", list(skeleton.joints), bones)], {"description": about} | info
    )
    for number, each in enumerate(labels, start=1):
        document.images.append(_Image(number, each.image, each.width, each.height))
        if each.shows_hand:
            document.annotations.append(_format(each, number))
        else:
            document.annotations.append(_Annotation(number, number, 2))
    if not all(annotation.category_id == 1 for annotation in document.annotations):
        document.categories.append(_Category(2, NO_HAND))
    return msgspec.json.encode(document).decode() + "\n"


def _plain(name: str) -> str:
    """A category's name as people vary it: "No hand", "no-hand"."""
    return name.strip().lower().replace("-", "_").replace(" ", "_")


def _is_empty(annotation: _Annotation, hand: Id) -> bool:
    """Whether a hand is annotated, as tools do for all images, of which no joint is marked."""
    marked = any(annotation.keypoints) or any(value is not None for value in annotation.keypoints_3d or ())
    return annotation.category_id == hand and not marked


def _find_skeleton(names: list[str], path: Path) -> Skeleton:
    """Find the skeleton with exactly these joints, if possible in this order."""
    same = [each for each in SKELETONS.values() if sorted(each.joints) == sorted(names)]
    for each in same:
        if list(each.joints) == names:
            return each
    if same:
        return same[-1]  # the same 21 joints in an order of their own
    nearest = max(SKELETONS.values(), key=lambda each: len(set(names) & set(each.joints)))
    unknown = [name for name in names if name not in nearest.joints]
    problem = (
        f"has unknown keypoint names ({', '.join(unknown[:3])}{', ...' if len(unknown) > 3 else ''})"
        if unknown
        else f"has only {len(set(names))} of the {len(nearest)} keypoints of skeleton {nearest.name}"
    )
    raise UserError(f"{path} {problem}; name those of one of the skeletons {', '.join(SKELETONS)}")


def _parse(annotation: _Annotation, image: _Image, order: list[int], where: str) -> Keypoints:
    """Turn an annotation into joints in the skeleton's order."""
    joints = len(order)
    if len(annotation.keypoints) != 3 * joints:
        raise UserError(f"{where} has {len(annotation.keypoints)} numbers as keypoints, not 3 x {joints}")
    if annotation.keypoints_3d is None:
        raise UserError(
            f"{where} has no keypoints_3d; pixels alone do not tell how far a joint is: add x, y, z in mm of "
            "every keypoint, in the coordinates of the image's camera"
        )
    if len(annotation.keypoints_3d) != 3 * joints:
        raise UserError(
            f"{where} has {len(annotation.keypoints_3d)} numbers as keypoints_3d, not 3 x {joints}"
        )
    pixels, xyz = (
        _coordinates(each, where)[order] for each in (annotation.keypoints, annotation.keypoints_3d)
    )
    labelled = (pixels[:, 2] > NOT_LABELLED) & np.isfinite(xyz).all(-1)
    if not labelled.any():
        raise UserError(
            f"{where} labels no joint: each has visibility 0, or no numbers in keypoints_3d; remove it, or "
            "set the visibility of what is labelled to 1 or 2"
        )
    if (xyz[labelled, 2] < 20).any():
        raise UserError(
            f"{where} has a joint at z = {xyz[labelled, 2].min():g}; keypoints_3d are in mm with z the "
            "distance along the camera's axis (multiply metres by 1000)"
        )
    pixels[~labelled], xyz[~labelled] = math.nan, math.nan
    return Keypoints(image.file_name, pixels[:, :2], xyz, image.width, image.height)


def _coordinates(values: list[float | None], where: str) -> NDArray[np.float32]:
    """Numbers of keypoints, (J, 3), NaN for None."""
    numbers = np.array(values, np.float64)
    if (np.abs(numbers) > FARTHEST).any():
        raise UserError(
            f"{where} holds {np.nanmax(np.abs(numbers)):g}, which is no coordinate in pixels or mm"
        )
    return numbers.astype(np.float32).reshape(-1, 3)


def _format(label: Keypoints, number: int) -> _Annotation:
    """Turn joints into an annotation; what is not labelled is zeros, as COCO has it."""
    labelled = np.isfinite(label.uv.sum(axis=1) + label.xyz.sum(axis=1))
    uv = np.where(labelled[:, None], label.uv, 0).astype(np.float64)
    flags = np.where(labelled, VISIBLE, NOT_LABELLED)[:, None]
    keypoints = np.concatenate((uv, flags), axis=1).round(2)
    xyz = label.xyz.astype(np.float64).round(3)
    low, high = (uv[labelled].min(0), uv[labelled].max(0)) if labelled.any() else (uv[0], uv[0])
    box = np.concatenate((low, high - low)).round(2).tolist()
    return _Annotation(
        id=number,
        image_id=number,
        category_id=1,
        keypoints=keypoints.flatten().tolist(),
        keypoints_3d=[
            value if known else None
            for row, known in zip(xyz.tolist(), labelled.tolist(), strict=True)
            for value in row
        ],
        num_keypoints=int(labelled.sum()),
        bbox=box,
        area=box[2] * box[3],
        iscrowd=0,
    )
