"""A store: the frame sets of a capture session, of its synthetic counterpart, and what describes them."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from murauer.errors import UserError
from murauer.geometry.rig import CameraRig
from murauer.geometry.skeletons import SKELETONS, Skeleton
from murauer.store.frame_set import FrameSet, open_frame_set
from murauer.store.manifest import (
    MANIFEST_FILE,
    PAIRS,
    SPLITS,
    VALIDATION_PAIRS,
    CentreKind,
    Manifest,
    read_manifest,
    write_manifest,
)
from murauer.store.row_file import read_rows
from murauer.store.verified_set import verified

PROBLEMS_FILE = "problems.csv"

UNVERIFIED = 3
"""Last format version that is not compared with its checksums when it is read."""

FIELDS = {PAIRS: "pairs", VALIDATION_PAIRS: "validation_pairs"}
"""Fields of `Store` that are called otherwise than their sets."""

MAKERS = {
    "synthetic": "render one with 'murauer render frames {folder}'",
    PAIRS: "fit them to the labelled frames with 'murauer render pairs {folder}'",
}
"""How to come by a set that a store lacks; the others come with the dataset alone."""


@dataclass(frozen=True)
class Store:
    """Everything that training and evaluation read: a store, imported from a dataset or simulated.

    A set that the store does not have is None; `require` raises a sentence instead.

    Attributes:
        folder: Where it lies.
        skeleton: The joints.
        rig: The synchronised cameras; None where the dataset does not tell their poses.
        cube_mm: Side of the hand cube in mm.
        view_pair: Index of the input camera and of the camera that g must predict; None with one camera.
        synthetic: Labelled rendered frames, all cameras.
        real: Frames of the sensor, the cameras of `view_pair` (or the first alone, for variants without view
            prediction). Their joints are labels only for the frames that `labelled_rows` names; nothing else
            of them may be read in training.
        pairs: Rendered frames that correspond one to one to `real`, first camera. May be the same frames as
            `synthetic`, as in the NYU dataset.
        validation, test: Frames of the sensor, first camera; of validation also that which g must predict.
            `test` touches no training or tuning decision.
        validation_pairs: Rendered frames that correspond to `validation`, to analyse the latent space.
        unseen_persons: Persons of validation and test who do not appear in `real`.
        manifest: The file that describes the store.
    """

    folder: Path
    skeleton: Skeleton
    rig: CameraRig | None
    cube_mm: float
    view_pair: tuple[int, int] | None
    synthetic: FrameSet | None
    real: FrameSet | None
    pairs: FrameSet | None
    validation: FrameSet | None
    validation_pairs: FrameSet | None
    test: FrameSet | None
    unseen_persons: frozenset[int]
    manifest: Manifest

    @property
    def sets(self) -> dict[str, FrameSet]:
        """The sets that there are, in the order of `SPLITS`."""
        found = {name: getattr(self, FIELDS.get(name, name)) for name in SPLITS}
        return {name: frames for name, frames in found.items() if frames is not None}

    def require(self, name: str) -> FrameSet:
        """Return a set that something cannot do without.

        Raises:
            UserError: The store has none of that name; the sentence says how to make one.
        """
        if name not in SPLITS:
            raise UserError(f"there is no set '{name}'; choose one of {', '.join(SPLITS)}")
        frames: FrameSet | None = getattr(self, FIELDS.get(name, name))
        if frames is None:
            remedy = MAKERS.get(name, "import a dataset that has one").format(folder=self.folder)
            raise UserError(f"{self.folder} has no {name.replace('_', ' ')} frames; {remedy}")
        return frames

    def centre_kind(self, name: str) -> CentreKind:
        """Where the crop centres of a set come from: a key of `CENTRES`."""
        return self.manifest.centres.get(name, "joint")

    def labelled_rows(self, n: int, seed: int, published: bool = False) -> np.ndarray:
        """Choose the n real frames whose labels training may use: the first n of a seeded permutation.

        Choices are nested: a larger n contains every smaller one of the same seed.

        Args:
            n: Number of labelled frames.
            seed: Seed of the training.
            published: Whether to choose those that the published code chooses of as many frames, whatever
                the seed.

        Returns:
            Their indices in `real`, ascending, shape (n,).

        Raises:
            UserError: N is not between 0 and the number of usable real frames with a label.
        """
        if n == 0:
            return np.zeros(0, int)
        real = self.require("real")
        candidates = real.usable_rows(0, labelled=True)
        if not 0 <= n <= len(candidates):
            held = f"{len(real)} real frames"
            if len(candidates) < len(real):
                held = f"{len(candidates)} usable labelled ones among its {held}"
            raise UserError(f"{n} labelled frames asked for, but {self.folder} has {held}")
        if published:
            order = published_order(len(real))
            return np.sort(order[np.isin(order, candidates)][:n])
        return np.sort(candidates[np.random.default_rng((seed, 0x1ABE1)).permutation(len(candidates))[:n]])

    def labelled_rows_from(self, path: Path) -> np.ndarray:
        """Read which labelled frames training may use, as somebody else chose them.

        Args:
            path: Text with the index of a frame in `real`, from 0, on each line, as 'murauer select' writes
                it; what is behind a # is left out.

        Returns:
            The indices, ascending, shape (n,).

        Raises:
            UserError: The file cannot be read, or an index is out of range, twice there, or of a frame that
                is not labelled or not usable.
        """
        real = self.require("real")
        values, counts = np.unique(read_rows(path), return_counts=True)
        for wrong, reason in (
            (values[(values < 0) | (values >= len(real))], f"is none of its {len(real)} real frames"),
            (values[counts > 1], "is named twice"),
            (np.setdiff1d(values, real.usable_rows(0, labelled=True)), "has no label or cannot be used"),
        ):
            if len(wrong):
                raise UserError(f"{path}: frame {wrong[0]} of {self.folder} {reason}; correct the file")
        return values


def published_order(frames: int) -> np.ndarray:
    """Indices of real frames in the order in which the published code labels them, shape (frames,).

    It is the second permutation that NumPy's legacy generator draws.
    """
    generator = np.random.RandomState(123_456_789)
    generator.permutation(frames)
    return generator.permutation(frames)


def open_store(folder: Path) -> Store:
    """Open a store.

    Raises:
        UserError: It is missing, incomplete, damaged, or of another format version.
    """
    manifest, path = read_manifest(folder), folder / MANIFEST_FILE
    try:
        sets = {
            name: open_frame_set(folder / name, version=manifest.format_version)
            for name in manifest.sets
            if name not in manifest.aliases
        }
        every = sets | {name: sets[target] for name, target in manifest.aliases.items()}
        for name, rendered in (("real", PAIRS), ("validation", VALIDATION_PAIRS)):
            if name in every and rendered in every and len(every[name]) != len(every[rendered]):
                raise UserError(
                    f"it has {len(every[name])} {name} frames but {len(every[rendered])} synthetic pairs; "
                    "make the store again"
                )
        if manifest.format_version > UNVERIFIED:
            sets = {
                name: verified(frames, folder / name, manifest.checksums) for name, frames in sets.items()
            }
        sets |= {name: sets[target] for name, target in manifest.aliases.items()}
        return Store(
            folder=folder,
            skeleton=SKELETONS[manifest.skeleton],
            rig=None if manifest.rig is None else CameraRig.from_dict(manifest.rig),
            cube_mm=manifest.cube_mm,
            view_pair=manifest.view_pair,
            unseen_persons=frozenset(manifest.unseen_persons),
            manifest=manifest,
            **{FIELDS.get(name, name): sets.get(name) for name in SPLITS},
        )
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} is damaged ({error!r}); make the store again") from error


def put_set(made: Path, store: Store, name: str, manifest: Manifest) -> None:
    """Put a set into a store, perhaps over an older one; a kill meanwhile leaves a store without the set.

    Args:
        made: Folder of its arrays, on the same disk.
        store: The store as it is.
        name: Name of the set.
        manifest: What the store says then.
    """
    if name in store.manifest.sets:
        write_manifest(store.folder, store.manifest.without_set(name))
    shutil.rmtree(store.folder / name, ignore_errors=True)
    os.replace(made, store.folder / name)
    write_manifest(store.folder, manifest)


def partial_folder(folder: Path) -> Path:
    """Where a store is built: beside its place, to be moved there once it is complete."""
    return folder.with_name(folder.name + ".partial")


def check_place(folder: Path) -> None:
    """See to it that a store may be put somewhere.

    Raises:
        UserError: There is something that is not a store.
    """
    if folder.exists() and not (
        folder.is_dir() and ((folder / MANIFEST_FILE).exists() or not any(folder.iterdir()))
    ):
        raise UserError(f"{folder} exists and is not a store; choose another --out folder")
