"""What describes a store: the file `recording.json`, with a type for each thing it says."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any, Literal

import msgspec

from murauer.errors import UserError
from murauer.files import written_whole
from murauer.foreign.documents import parse_object
from murauer.foreign.limits import MOST_SETTINGS, read_bytes
from murauer.foreign.ranges import Millimetres
from murauer.geometry.rig import MOST_CAMERAS
from murauer.provenance import PROVENANCE, Provenance, provenance
from murauer.seals import FIELD, UNSEALED, check_seal, seal
from murauer.store.integrity import checksums
from murauer.store.makers import (
    EndlessConfig,
    HandFacts,
    ImportFacts,
    PairFacts,
    SimulationConfig,
    SynthesisFacts,
)

FORMAT_VERSION = 4
"""Of what is written. Version 3 is not compared with its checksums when it is read. Version 2 does not know
which hand frames show; version 1 has no checksums either, nor the arrays that `murauer.store.frame_set` lets
be missing. They are read as they are."""

MANIFEST_FILE = "recording.json"

ARRAY_FILE = re.compile(r"[a-z_]+\.npy")

PAIRS, VALIDATION_PAIRS = "twin", "validation_twin"
"""The sets of synthetic pairs, by their names on disk."""

SPLITS = ("synthetic", "real", PAIRS, "validation", VALIDATION_PAIRS, "test")
"""The sets that a store can have."""

CentreKind = Literal["joint", "mean", "file", "localised"]

CENTRES: dict[CentreKind, str] = {
    "joint": "annotated joint",
    "mean": "mean of the true joints, which leaks part of the answer",
    "file": "given by a file",
    "localised": "found by the hand finder",
}
"""Where the crop centres of a set come from, by the word in its manifest."""


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All that a store says of itself; what its maker did is in the field of that maker.

    Attributes:
        format_version: Version of the file, see `FORMAT_VERSION`.
        dataset: Name of the imported format, or "simulated".
        skeleton: Name of the joints.
        rig: As `CameraRig.from_dict` takes it; None where the dataset does not tell the cameras' poses.
        cube_mm: Side of the hand cube in mm.
        view_pair: Index of the input camera and of the one that g must predict; None with one camera.
        unseen_persons: Persons of validation and test who do not appear in `real`.
        left_out: What was in the dataset's folder and is not in the sets, a sentence each.
        sets: Names of the frame sets.
        aliases: Sets that are another set's frames, by name.
        centres: Where the crop centres of a set come from; from the annotated joint if it is not here.
        hands: For an import, which hands its persons show, and how sure that is.
        checksums: SHA-256 of the arrays, by their place in the store.
        digest: Of this file, see `murauer.seals`.
        provenance: Of what wrote it last.
        imported: How it was imported.
        simulation: How it was simulated.
        synthesis: How its synthetic set was rendered, if it came without one.
        endless: How its synthetic frames are rendered while a training draws from them.
        pairs: How its synthetic pairs were fitted.

    Raises:
        UserError: It names sets, files or views that no store has.
    """

    format_version: int = FORMAT_VERSION
    dataset: str = "simulated"
    skeleton: str
    rig: dict[str, Any] | None
    cube_mm: Millimetres
    view_pair: tuple[int, int] | None
    unseen_persons: tuple[int, ...]
    left_out: tuple[str, ...] = ()
    sets: tuple[str, ...] = SPLITS
    aliases: dict[str, str] = {}
    centres: dict[str, CentreKind] = {}
    hands: tuple[HandFacts, ...] = ()
    checksums: dict[str, str] = {}
    digest: str = ""
    provenance: Provenance | None = None
    imported: ImportFacts | None = msgspec.field(default=None, name="import")
    simulation: SimulationConfig | None = None
    synthesis: SynthesisFacts | None = None
    endless: EndlessConfig | None = None
    pairs: PairFacts | None = msgspec.field(default=None, name="twins")

    def __post_init__(self) -> None:
        for name in (*self.sets, *self.aliases, *self.aliases.values()):
            if name not in SPLITS:
                raise UserError(f"it names the set {name!r}; sets are {', '.join(SPLITS)}")
        for file in self.checksums:  # names of files, which must not lead elsewhere
            set_name, _, array = file.partition("/")
            if set_name not in SPLITS or not ARRAY_FILE.fullmatch(array):
                raise UserError(f"it names the file {file!r}, which no store has")
        cameras = None if self.rig is None else self.rig.get("cameras")
        if self.view_pair is not None:
            known = len(cameras) if isinstance(cameras, list) else MOST_CAMERAS
            if not all(0 <= view < known for view in self.view_pair):
                raise UserError(f"its view_pair is {self.view_pair}, which are none of its cameras")

    def with_set(self, name: str, centres: CentreKind) -> "Manifest":
        """With a set made anew, whose arrays have no checksums yet."""
        return msgspec.structs.replace(
            self.without_set(name),
            sets=tuple(each for each in SPLITS if each in (name, *self.sets)),
            centres=self.centres | {name: centres},
        )

    def without_set(self, name: str) -> "Manifest":
        """Without a set and all that is said of it."""
        return msgspec.structs.replace(
            self,
            sets=tuple(each for each in self.sets if each != name),
            centres={each: kind for each, kind in self.centres.items() if each != name},
            checksums={
                file: digest for file, digest in self.checksums.items() if not file.startswith(f"{name}/")
            },
        )


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the file that describes a store, at once or not at all.

    Args:
        folder: Folder of the store, with its frame sets complete.
        manifest: What it says. Checksums are added for the sets that it has none of: leave those of a set
            away that has changed.
    """
    known = manifest.checksums
    new = {
        name for name in set(manifest.sets) - set(manifest.aliases)
        if not any(file.startswith(f"{name}/") for file in known)
    }  # fmt: skip
    complete = msgspec.structs.replace(
        manifest,
        checksums=dict(sorted((known | checksums(folder, new)).items())),
        digest=UNSEALED,
        provenance=provenance(),
    )
    with written_whole(folder / MANIFEST_FILE) as partial:
        partial.write_bytes(msgspec.json.format(msgspec.json.encode(complete), indent=1))
        seal(partial)


def read_manifest(folder: Path) -> Manifest:
    """Read the file that describes a store.

    Raises:
        UserError: It is missing, damaged, of another format version, or says what this program does not know.
    """
    path = folder / MANIFEST_FILE
    if not path.is_file():
        raise UserError(
            f"{folder} is not a store: it has no {MANIFEST_FILE}; make one with 'murauer import' or "
            "'murauer render session'"
        )
    check_seal(
        path, "make the store again, or remove the line 'digest' if you have changed the file yourself"
    )
    try:
        fault = "it is damaged or no store's"
        values = parse_object(read_bytes(path, MOST_SETTINGS), fault)
        version = values.get("format_version", 0)
        if version not in range(1, FORMAT_VERSION + 1):
            raise UserError(
                f"it has format version {version}, this program reads 1 to {FORMAT_VERSION}; "
                "make the store again"
            )
        if version < FORMAT_VERSION:
            values.pop("counts", None)  # told again what the arrays tell
        return msgspec.convert(values, Manifest)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    except msgspec.MsgspecError as error:
        raise UserError(f"{path} is damaged or no store's ({error}); make the store again") from error


def store_identity(folder: Path) -> Any:
    """What tells a store from others: its manifest as it stands on disk, whatever its format.

    It is the same of a store that was made again elsewhere.
    """
    told = json.loads((folder / MANIFEST_FILE).read_text(encoding="utf-8"))
    return {name: value for name, value in told.items() if name not in (FIELD, PROVENANCE)}


def data_digest(folder: Path) -> str:
    """A short text that says what is in a store."""
    return hashlib.sha256(json.dumps(store_identity(folder), sort_keys=True).encode()).hexdigest()[:16]
