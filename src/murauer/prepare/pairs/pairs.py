"""Synthetic pairs of a store's labelled frames: the hand model fitted to the labels, and rendered.

The correspondence loss, eq. (8), compares each labelled real frame with a synthetic frame of the same pose.
NYU comes with such frames; for any other store they are made here, for every camera, with the windows and
crop centres of the real frames, so that both patches show the same cube.

One convention of joints. What is evaluated are the dataset's joints, so p must predict those, for synthetic
hands as well. A synthetic pair's joints are therefore not the hand model's own but the model's plus the
offsets learned with the fit: where this dataset's annotators would put them on the rendered hand. They differ
from the label of the real frame by the error of the fit alone. The offsets are kept in the store
(`JOINT_OFFSETS_FILE`) for other synthetic frames, see `JointOffsets.apply`.
"""

import csv
import shutil
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import torch
from torch import Tensor

from murauer.capture.depth import DEPTH_UNIT_MM
from murauer.capture.folder_names import PERSON_FILE
from murauer.errors import UserError
from murauer.files import written_whole
from murauer.hand.fitting import FEWEST_JOINTS, HandFit, align, costs_of_hands, fit_hands
from murauer.hand.joint_offsets import JOINT_OFFSETS_FILE
from murauer.hand.model import HandModel
from murauer.hand.rasteriser import rasterise_depth
from murauer.locks import locked
from murauer.prepare.pairs.forearm import fit_forearms
from murauer.prepare.pairs.registration import register_to_depth
from murauer.prepare.rendering.regions import check_joints_are_modelled
from murauer.progress import Progress
from murauer.store.frame_set import FrameSet, create_frame_set, open_frame_set
from murauer.store.makers import PairFacts
from murauer.store.manifest import PAIRS
from murauer.store.store import Store, open_store, put_set

PAIRS_FILE = "twins.csv"
COLUMNS = (
    "index", "person", "side", "labelled_joints", "error_mm", "worst_joint", "worst_joint_mm", "twin"
)  # fmt: skip

MAX_ERROR_MM = 10.0
"""Frames that are explained worse than this get no pair: the labels contradict each other, or any hand."""

OTHER_HAND = 2.0
"""Labels that cost this many times less as those of the other hand are of that one."""

VIEWS_AGREE_MM = 5.0
"""Labels of two cameras that differ more than this after a rigid motion do not tell how the cameras stand."""

PAIRS_CHUNK = 250


@dataclass(frozen=True)
class SyntheticPairs:
    """What was made.

    Attributes:
        store: Opened again, with its synthetic pairs.
        rows: The M real frames that were fitted, ascending, (M,).
        fit: The M hands.
        joint_error_mm: Distance of each fitted joint to its label, NaN without one, (M, J).
        max_error_mm: Frames with a larger mean have no synthetic pair.
    """

    store: Store
    rows: np.ndarray
    fit: HandFit
    joint_error_mm: Tensor
    max_error_mm: float

    @property
    def good(self) -> Tensor:
        """Which of the fitted frames have a synthetic pair, (M,)."""
        return self.fit.error_mm <= self.max_error_mm


def make_pairs(
    folder: Path,
    *,
    chosen: np.ndarray | None = None,
    max_error_mm: float = MAX_ERROR_MM,
    replace: bool = False,
) -> SyntheticPairs:
    """Fit the hand model to the labelled real frames of a store and render them as its synthetic pairs.

    Writes the frame set `twin`, `PAIRS_FILE` with the error of every fitted frame, and the joint offsets.

    Args:
        folder: Folder of the store.
        chosen: Indices of the real frames whose labels may be used; all that have labels by default.
        max_error_mm: Frames whose joints are on average farther than this from their labels get no synthetic
            pair.
        replace: Whether synthetic pairs that are there may be replaced.

    Returns:
        What was made.

    Raises:
        UserError: There is nothing to fit to, the joints are not known to the hand model, the labels are of
            the other hand than the store says, or there are synthetic pairs.
    """
    with locked(folder):
        return _make_pairs(folder, chosen, max_error_mm, replace)


def _make_pairs(
    folder: Path, chosen: np.ndarray | None, max_error_mm: float, replace: bool
) -> SyntheticPairs:
    store = open_store(folder)
    _check(store, replace)
    real = store.require("real")
    rows = _rows_to_fit(store, chosen)
    labels = torch.from_numpy(np.asarray(real.joints[rows, 0]))
    person = torch.from_numpy(real.person[rows].astype(np.int64))
    left = torch.from_numpy(np.asarray(real.left[rows]))
    fit = fit_hands(labels, store.skeleton.name, person=person, left=left)
    _check_hands(store, labels, person, left)
    if not bool((fit.error_mm <= max_error_mm).any()):
        raise UserError(
            f"no frame of {folder} is explained within {max_error_mm:g} mm, the best within "
            f"{float(fit.error_mm.min()):.1f} mm: its labels are not {store.skeleton.name} joints of a "
            "hand, or --max-error-mm is too strict"
        )
    model = HandModel()
    fit = register_to_depth(store, rows, fit, model, max_error_mm)
    fit = fit_forearms(store, rows, fit, model)
    working = folder / f"{PAIRS}.partial"
    shutil.rmtree(working, ignore_errors=True)
    create_frame_set(working, len(real), real.views, real.depth.shape[-1], len(store.skeleton))
    errors = _render(store, working, rows, fit, max_error_mm)
    fit.offsets.save(folder / JOINT_OFFSETS_FILE)
    changed = store.manifest.with_set(PAIRS, store.centre_kind("real"))
    changed = msgspec.structs.replace(changed, pairs=PairFacts(len(rows), max_error_mm))
    put_set(working, store, PAIRS, changed)
    pairs = SyntheticPairs(open_store(folder), rows, fit, errors, max_error_mm)
    _write_table(pairs, folder / PAIRS_FILE)
    return pairs


def _check(store: Store, replace: bool) -> None:
    """Refuse what cannot or should not be done before anything is fitted."""
    check_joints_are_modelled(store)
    if store.pairs is None:
        return
    aliases = store.manifest.aliases
    if PAIRS in aliases or PAIRS in aliases.values():
        raise UserError(f"{store.folder} came with synthetic pairs, its {aliases.get(PAIRS, PAIRS)} frames")
    if not replace:
        raise UserError(f"{store.folder} has synthetic pairs; give --replace to make others in their place")


def _check_hands(store: Store, labels: Tensor, person: Tensor, left: Tensor) -> None:
    """Refuse labels that are clearly of the other hand than the store takes the frames for."""
    shown, row = torch.unique(torch.stack([person, left.long()], 1), dim=0, return_inverse=True)
    costs = costs_of_hands(labels, store.skeleton.name, row)
    for (who, is_left), cost in zip(shown.tolist(), costs.tolist(), strict=True):
        if cost[is_left] > OTHER_HAND * cost[1 - is_left]:
            taken, other = ("left", "right") if is_left else ("right", "left")
            whose = "" if who < 0 else f" of person {who}"
            raise UserError(
                f"{store.folder} takes the frames{whose} for {taken} hands, but their labels are of {other} "
                f"ones; import them again with --handedness {other}, or name the hands in {PERSON_FILE}"
            )


def _rows_to_fit(store: Store, chosen: np.ndarray | None) -> np.ndarray:
    """Usable real frames with enough labelled joints."""
    real = store.require("real")
    known = np.isfinite(real.joints[:, 0]).all(-1).sum(1)
    rows = np.flatnonzero(np.asarray(real.valid[:, 0]) & (known >= FEWEST_JOINTS))
    rows = rows if chosen is None else np.intersect1d(rows, chosen)
    if not len(rows):
        most = f"; at most {known.max()} joints are labelled" if 0 < known.max() < FEWEST_JOINTS else ""
        raise UserError(
            f"{store.folder} has no usable real frame with {FEWEST_JOINTS} labelled joints{most}: "
            "label some frames and import the capture again"
        )
    return rows


def _render(store: Store, folder: Path, rows: np.ndarray, fit: HandFit, max_error_mm: float) -> Tensor:
    """Fill the frame set; returns the distance of every joint to its label, (M, J)."""
    real, pair = store.require("real"), open_frame_set(folder, writable=True)
    for name in ("intrinsics", "centre", "person", "left", "confidence"):
        getattr(pair, name)[:] = getattr(real, name)
    pair.joints[:] = np.nan
    model, errors = HandModel(), []
    with Progress("rendering synthetic pairs", len(rows), unit="frame") as progress:
        for some in torch.arange(len(rows)).split(PAIRS_CHUNK):
            vertices, joints = fit.pose(model, some)
            labels = torch.from_numpy(np.asarray(real.joints[rows[some], 0]))
            errors.append((joints - labels).norm(dim=-1))
            good = fit.error_mm[some] <= max_error_mm
            pair.labelled[rows[some]] = good.numpy()
            for view in range(real.views):
                rotation, translation, known = _camera_motion(store, rows[some], view)
                seen = vertices @ rotation.mT + translation[:, None]
                depth = _windows(seen, model.faces, real, rows[some], view)
                visible = good & known & (depth > 0).any(-1).any(-1)
                pair.depth[rows[some], view] = (depth * visible[:, None, None] / DEPTH_UNIT_MM).round()
                pair.valid[rows[some], view] = visible.numpy()
                pair.joints[rows[some], view] = torch.where(
                    (good & known)[:, None, None], joints @ rotation.mT + translation[:, None], torch.nan
                )
            progress.advance(len(some))
    pair.flush()
    return torch.cat(errors)


def _windows(vertices: Tensor, faces: Tensor, real: FrameSet, rows: np.ndarray, view: int) -> Tensor:
    """Exact depth (B, R, R) in mm in the windows of real frames; what lies behind the camera is not seen."""
    size = real.depth.shape[-1]
    intrinsics = torch.from_numpy(np.asarray(real.intrinsics[rows, view]))
    usable = torch.from_numpy(np.asarray(real.valid[rows, view])) & (intrinsics[:, :2] > 0).all(-1)
    depth = torch.zeros(len(rows), size, size)
    if usable.any():
        depth[usable] = rasterise_depth(vertices[usable], faces, intrinsics[usable], size, size)
    return depth.clamp(max=65535 * DEPTH_UNIT_MM)


def _camera_motion(store: Store, rows: np.ndarray, view: int) -> tuple[Tensor, Tensor, Tensor]:
    """How points of the first camera are seen by another: rotations, translations, and whether it is known.

    From the calibrated rig, else from the labels of both cameras in the same frame.
    """
    real = store.require("real")
    n = len(rows)
    if view == 0 or store.rig is not None:
        motion = torch.eye(4) if store.rig is None else store.rig.target_from_source(0, view).float()
        return motion[:3, :3].expand(n, 3, 3), motion[:3, 3].expand(n, 3), torch.ones(n, dtype=torch.bool)
    source, target = (torch.from_numpy(np.asarray(real.joints[rows, v])).double() for v in (0, view))
    labelled = source.isfinite().all(-1) & target.isfinite().all(-1)
    enough = labelled.sum(1) >= FEWEST_JOINTS
    weight = torch.where(enough[:, None], labelled.double(), 1.0)
    source, target = (torch.where(labelled[..., None], points, 0.0) for points in (source, target))
    rotation, translation = align(source, target, weight)
    distance = (source @ rotation.mT + translation[:, None] - target).norm(dim=-1)
    agree = ((distance * weight).sum(1) / weight.sum(1)) < VIEWS_AGREE_MM
    return rotation.float(), translation.float(), enough & agree


def _write_table(pairs: SyntheticPairs, path: Path) -> None:
    """One line per fitted frame: how well its labels are explained, and whether it has a synthetic pair."""
    names = pairs.store.skeleton.joints
    errors = pairs.joint_error_mm
    worst = errors.nan_to_num(-1.0).max(1)
    with written_whole(path) as partial, open(partial, "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS)
        for k, row in enumerate(pairs.rows.tolist()):
            table.writerow(
                [
                    row,
                    int(pairs.store.require("real").person[row]),
                    "left" if pairs.fit.left[k] else "right",
                    int(errors[k].isfinite().sum()),
                    f"{float(pairs.fit.error_mm[k]):.3f}",
                    names[int(worst.indices[k])],
                    f"{float(worst.values[k]):.3f}",
                    "yes" if pairs.good[k] else "no",
                ]
            )
