"""The synthetic domain of a store that came without one: labelled renderings of one average hand.

Everything that a rendering can share with the store's frames without looking at their labels is shared: the
joints, the cameras and their poses, the places of the hands, the windows and how they are centred. Where in
the hand the store's joints lie is known once `murauer render pairs` has fitted the hand model to some labels.
"""

from functools import partial
from pathlib import Path

import msgspec
import numpy as np
import torch
from torch import Tensor

from murauer.chunks import Shard
from murauer.errors import UserError
from murauer.geometry.camera import CAMERAS
from murauer.geometry.rig import CameraRig, nyu_like_rig
from murauer.geometry.skeletons import SKELETONS
from murauer.hand.joint_offsets import JOINT_OFFSETS_FILE, JointOffsets
from murauer.hand.model import HandModel
from murauer.hand.pose_prior import PosePrior
from murauer.hand.scenes import Scenes
from murauer.hand.shape import ShapePrior
from murauer.hand.viewpoint import sample_viewpoints
from murauer.locks import locked
from murauer.prepare.rendering.regions import (
    RENDER_CHUNK,
    RenderedChunks,
    check_joints_are_modelled,
    render_regions,
)
from murauer.random_streams import random_stream
from murauer.store.chunked_sets import ChunkedSets, discard
from murauer.store.frame_set import FrameSet
from murauer.store.makers import SynthesisConfig, SynthesisFacts
from murauer.store.manifest import Manifest
from murauer.store.store import Store, open_store, put_set

PALM = ("nyu14", SKELETONS["nyu14"].centre)
"""The joint that the hand finder aims at."""

MIRROR = torch.diag(torch.tensor([-1.0, 1.0, 1.0]))

NEAREST_MM = 150.0
"""Rendered hands stay farther from the camera than this, wherever the jitter moves them."""


class Synthesiser:
    """Renders chunks of a store's synthetic set; one per worker process, see `ChunkRenderer`.

    Args:
        config: What is rendered.
        folder: Folder of the store.
    """

    def __init__(self, config: SynthesisConfig, folder: Path) -> None:
        self.config = config
        self.store = open_store(folder)
        self.rig = synthesis_rig(self.store)
        self.places, self.left = _places(self.store)
        self.region_size, self.region_mm = _windows(self.store)
        self.hand, self.poses, self.shapes = HandModel(), PosePrior(), ShapePrior()
        self.offsets = JointOffsets.load(path) if (path := folder / JOINT_OFFSETS_FILE).exists() else None

    def chunk(self, set_name: str, start: int, stop: int) -> dict[str, Tensor]:
        """Render some frames, see `ChunkRenderer`."""
        config, size = self.config, stop - start
        stream = random_stream(config.seed, "synthesise", start)
        angles = self.poses.sample(size, stream)
        rotation = sample_viewpoints(
            size,
            stream,
            tilt_deg=config.tilt_deg,
            roll_deg=config.roll_deg,
            palm_share=config.palm_share,
            any_share=config.any_share,
        )
        drawn = torch.randint(len(self.places), (size,), generator=stream)
        left = self.left[drawn]
        # A left hand is the mirror image of a right one: seen as such, both have the same viewpoints.
        rotation = torch.where(left[:, None, None], MIRROR @ rotation @ MIRROR, rotation)
        place = self.places[drawn] + config.jitter_mm * torch.randn(size, 3, generator=stream)
        place[:, 2].clamp_(min=NEAREST_MM)
        hands = self.hand(angles, self.shapes.sample(size, stream, spread=config.spread))
        scenes = Scenes(hands, self.hand.faces, rotation, place, offsets=self.offsets, left=left)
        arrays = render_regions(
            scenes,
            self.rig,
            len(self.rig.cameras),
            centre=self._centre(scenes),
            skeleton=self.store.skeleton.name,
            region_size=self.region_size,
            region_mm=self.region_mm,
        )
        return arrays | {"person": torch.full((size,), -1)}

    def _centre(self, scenes: Scenes) -> Tensor:
        """Centres (B, 3) at the place in the hand where the store has those of its own frames."""
        kind = self.store.centre_kind(_described_set(self.store)[0])
        if kind == "localised":
            return scenes.joints(PALM[0])[:, PALM[1]]
        joints = scenes.joints(self.store.skeleton.name)
        return joints.mean(1) if kind == "mean" else joints[:, self.store.skeleton.centre]


def synthesise(
    folder: Path, config: SynthesisConfig, *, replace: bool = False, workers: int | None = None
) -> Store:
    """Render a labelled synthetic set into a store, going on with what shards or a killed call left.

    Args:
        folder: Folder of the store.
        config: What is rendered.
        replace: Whether a synthetic set that is there may be replaced.
        workers: Processes that render; all cores by default. The result does not depend on it.

    Returns:
        The store, opened again.

    Raises:
        UserError: The store has a synthetic set, no frames to learn distances from, or joints that the hand
            model does not have.
    """
    with locked(folder):
        store = open_store(folder)
        sets = _chunked_sets(store, config, replace)
        sets.fill(partial(RenderedChunks, partial(Synthesiser, config, folder)), "rendering", workers)
        put_set(sets.folder / "synthetic", store, "synthetic", describe_synthesis(store, config))
        discard(sets.folder)
        return open_store(folder)


def synthesise_shard(
    folder: Path, config: SynthesisConfig, shard: Shard, *, replace: bool = False, workers: int | None = None
) -> None:
    """Render a share of the chunks of a synthetic set, for `synthesise` to put into the store.

    Raises:
        UserError: As in `synthesise`, or parts of another synthetic set wait there.
    """
    sets = _chunked_sets(open_store(folder), config, replace)
    sets.fill(partial(RenderedChunks, partial(Synthesiser, config, folder)), "rendering", workers, shard)


def _chunked_sets(store: Store, config: SynthesisConfig, replace: bool) -> ChunkedSets:
    check_synthesis(store, replace)
    rig, (region_size, _) = synthesis_rig(store), _windows(store)
    return ChunkedSets(
        folder=store.folder / "synthetic.partial",
        sizes={"synthetic": (config.frames, len(rig.cameras))},
        region_size=region_size,
        joints=len(store.skeleton),
        chunk=RENDER_CHUNK,
        identity=msgspec.to_builtins(describe_synthesis(store, config)),
    )


def synthesis_rig(store: Store) -> CameraRig:
    """Return the cameras that the synthetic hands are seen by.

    They are those of the store. Where it does not tell how its cameras stand, the first is taken as it is and
    the others are guessed: at the sides, as in the NYU set.
    """
    if store.rig is not None:
        return store.rig
    views = _described_set(store)[1].views
    arc = nyu_like_rig(CAMERAS["nyu"], float(_places(store)[0][:, 2].mean()))
    return CameraRig(arc.cameras[:views], arc.camera_from_world[:views])


def _described_set(store: Store) -> tuple[str, FrameSet]:
    """The set whose distances and windows are taken: of the sensor, for training if there is one."""
    for name in ("real", "validation", "test"):
        frames = store.sets.get(name)
        if frames is not None and len(frames.usable_rows(0)):
            return name, frames
    raise UserError(f"{store.folder} has no usable frame to learn the hands' distances from; import some")


def _places(store: Store) -> tuple[Tensor, Tensor]:
    """Centres of the store's hands in the first camera's coordinates, mm, (N, 3), and which are left ones."""
    frames = _described_set(store)[1]
    rows = frames.usable_rows(0)
    places, left = np.asarray(frames.centre[rows, 0]), np.asarray(frames.left[rows])
    return torch.from_numpy(places), torch.from_numpy(left)


def _windows(store: Store) -> tuple[int, float]:
    """Side of the store's windows in pixels, and at the hand's depth in mm."""
    frames = _described_set(store)[1]
    rows, size = frames.usable_rows(0), frames.depth.shape[-1]
    return size, float(np.median(size * frames.centre[rows, 0, 2] / frames.intrinsics[rows, 0, 0]))


def check_synthesis(store: Store, replace: bool) -> None:
    """Refuse what cannot or should not be done before anything is rendered.

    Raises:
        UserError: As in `synthesise`.
    """
    check_joints_are_modelled(store)
    if store.synthetic is None:
        return
    if not replace:
        raise UserError(
            f"{store.folder} has {len(store.synthetic)} synthetic frames; give --replace to render "
            "others in their place"
        )
    for alias, target in store.manifest.aliases.items():
        if "synthetic" in (alias, target):
            raise UserError(
                f"the {alias} frames of {store.folder} are its {target} frames, which must stay; import "
                "the dataset again without its synthetic frames"
            )


def describe_synthesis(store: Store, config: SynthesisConfig) -> Manifest:
    """The store's manifest with the new set."""
    facts = SynthesisFacts(
        **msgspec.structs.asdict(config),
        views="guessed" if store.rig is None else "calibrated",
        joint_offsets=(store.folder / JOINT_OFFSETS_FILE).exists(),
    )
    changed = store.manifest.with_set("synthetic", "joint")
    return msgspec.structs.replace(changed, synthesis=facts, endless=None)
