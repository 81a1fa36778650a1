"""A simulated store: stands in for a capture session, built like the NYU set.

Three synchronised cameras look at one hand; of the real domain two are kept, as the paper uses them. The
*synthetic* domain is clean renderings of one average hand; the *real* domain has other people's hands, the
noise of a depth sensor, and things around the hand. The two share the distribution of poses and viewpoints
(never the samples) and nothing else: no shape, sensor model or frame of the real domain reaches the synthetic
side. The only exception is asked for by the method: each real frame has a synthetic pair of the same pose, of
which training may read the n labelled ones.
"""

import math
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import msgspec
import torch
from torch import Generator, Tensor

from murauer.chunks import Shard
from murauer.geometry.camera import CAMERAS
from murauer.geometry.rig import CameraRig, nyu_like_rig
from murauer.geometry.skeletons import SKELETONS
from murauer.hand.clutter import ClutterPiece, ClutterPrior, sample_clutter
from murauer.hand.everyday import EverydayPrior, EverydayScenes
from murauer.hand.gestures import GESTURE_NAMES, SIGN_NAMES
from murauer.hand.model import HandModel
from murauer.hand.pose_prior import PosePrior
from murauer.hand.scenes import Scenes
from murauer.hand.sensors import SENSORS, Sensor
from murauer.hand.shape import ADULT, ANYBODY, SHAPE_NAMES, ShapePrior
from murauer.hand.viewpoint import sample_viewpoints
from murauer.locks import locked
from murauer.prepare.rendering.regions import RENDER_CHUNK, RenderedChunks, render_regions
from murauer.random_streams import random_stream
from murauer.store.chunked_sets import ChunkedSets
from murauer.store.makers import SimulationConfig
from murauer.store.manifest import (
    MANIFEST_FILE,
    PAIRS,
    SPLITS,
    VALIDATION_PAIRS,
    Manifest,
    write_manifest,
)
from murauer.store.store import Store, check_place, open_store, partial_folder


@dataclass(frozen=True)
class Split:
    """One frame set of the store: how much of whom, seen how."""

    name: str
    frames: int
    views: int
    real: bool
    persons: tuple[int, ...]
    poses: str
    """Splits with the same `poses` show the same poses: a set of real frames and its synthetic pairs."""


def splits(config: SimulationConfig) -> tuple[Split, ...]:
    """The frame sets of a store, in the order of `SPLITS`."""
    seen = tuple(range(config.training_persons))
    validation_persons = (seen[-1], config.training_persons)
    test_persons = (seen[0], config.training_persons + 1)
    return (
        Split("synthetic", config.synthetic_frames, 3, False, (-1,), "synthetic"),
        Split("real", config.real_frames, 2, True, seen, "real"),
        Split(PAIRS, config.real_frames, 1, False, (-1,), "real"),
        Split("validation", config.validation_frames, 2, True, validation_persons, "validation"),
        Split(VALIDATION_PAIRS, config.validation_frames, 2, False, (-1,), "validation"),
        Split("test", config.test_frames, 1, True, test_persons, "test"),
    )


def store_rig(config: SimulationConfig) -> CameraRig:
    """The cameras of a simulated store: three first Kinects around the mean place of the hand."""
    return nyu_like_rig(CAMERAS["nyu"], sum(config.distance_mm) / 2)


class Simulator:
    """Renders chunks of a store; one per worker process."""

    def __init__(self, config: SimulationConfig):
        self.config = config
        self.rig = store_rig(config)
        self.hand = HandModel()
        self.poses = PosePrior(
            free_share=config.free_share,
            variation=config.pose_variation,
            single_share=config.single_share,
            gestures=GESTURE_NAMES + SIGN_NAMES if config.single_share else GESTURE_NAMES,
        )
        prior = EverydayPrior(
            grasp=config.grasp_share,
            own_view=config.own_view_share,
            second_hand=config.second_hand_share,
            table=config.table_share,
        )
        self.everyday = EverydayScenes(self.hand, prior, self.poses) if prior.any() else None
        self.sensor: Sensor = SENSORS[config.sensor]()
        persons = config.training_persons + 2
        shapes = ShapePrior(ANYBODY if config.people == "anybody" else ADULT)
        self.persons = shapes.sample(
            persons, random_stream(config.seed, "persons"), spread=config.person_spread
        )
        self.persons[:, SHAPE_NAMES.index("size")] += math.log(config.hand_size)
        self.shapes = ShapePrior()
        self.splits = {split.name: split for split in splits(config)}

    def chunk(self, set_name: str, start: int, stop: int) -> dict[str, Tensor]:
        """Simulate some frames of a split, see `ChunkRenderer`."""
        config, size, split = self.config, stop - start, self.splits[set_name]
        scene = random_stream(config.seed, split.poses, "poses", start)
        angles = self.poses.sample(size, scene)
        rotation = sample_viewpoints(
            size,
            scene,
            tilt_deg=config.tilt_deg,
            roll_deg=config.roll_deg,
            palm_share=config.palm_share,
            any_share=config.any_share,
        )
        position = self._positions(size, scene)

        looks = random_stream(config.seed, split.name, "looks", start)
        if split.real:
            block = torch.arange(start, stop) * len(split.persons) // split.frames
            person = torch.tensor(split.persons)[block]
            shape = self.persons[person]
        else:
            person = torch.full((size,), -1)
            shape = self.shapes.sample(size, looks, spread=config.synthetic_spread)

        if self.everyday is None:
            scenes = Scenes(self.hand(angles, shape), self.hand.faces, rotation, position)
        else:
            stream = random_stream(config.seed, split.poses, "everyday", start)
            average = torch.zeros(1, shape.shape[1])
            scenes = self.everyday(angles, shape, rotation, position, stream, grasped_by=average)
        centre = scenes.joints(config.skeleton)[:, SKELETONS[config.skeleton].centre]
        if split.real:
            scenes = replace(scenes, clutter=(*scenes.clutter, *self._clutter(centre, looks)))
        else:
            scenes = replace(scenes, clutter=())
        arrays = render_regions(
            scenes,
            self.rig,
            split.views,
            centre=centre,
            skeleton=config.skeleton,
            region_size=config.region_size,
            region_mm=config.region_mm,
            sensor=self.sensor if split.real else None,
            generator=looks,
        )
        return arrays | {"person": person}

    def _clutter(self, centre: Tensor, generator: Generator) -> tuple[ClutterPiece, ...]:
        share = self.config.clutter
        if share == 0:
            return ()
        usual = ClutterPrior()
        prior = ClutterPrior(
            body=share * usual.body,
            table=share * usual.table,
            object=share * usual.object,
            arm=share * usual.arm,
        )
        return sample_clutter(centre, generator, prior)

    def _positions(self, size: int, generator: Generator) -> Tensor:
        """Where the hands are, in mm: anywhere the first camera sees well, shape (size, 3)."""
        near, far = self.config.distance_mm
        z = near + (far - near) * torch.rand(size, generator=generator)
        x, y = (torch.rand(2, size, generator=generator) * 2 - 1) * 0.2 * z
        return torch.stack((x, y, z), -1)


def simulate_store(config: SimulationConfig, folder: Path, workers: int | None = None) -> Store:
    """Simulate a store and put it on disk, going on with what shards or a killed call of the same left.

    Args:
        config: What is recorded.
        folder: Where to; an older store there is replaced once the new one is complete.
        workers: Processes that render; all cores by default. The result does not depend on it.

    Raises:
        UserError: The folder cannot be used.
    """
    sets = _chunked_sets(config, folder)
    described = Manifest(
        skeleton=config.skeleton,
        rig=store_rig(config).to_dict(),
        cube_mm=config.cube_mm,
        view_pair=(0, 1),
        unseen_persons=(config.training_persons, config.training_persons + 1),
        simulation=config,
    )
    with locked(sets.folder):
        sets.fill(partial(RenderedChunks, partial(Simulator, config)), "simulating", workers)
        if not (sets.folder / MANIFEST_FILE).exists():
            write_manifest(sets.folder, described)
        sets.finish(folder)
    return open_store(folder)


def simulate_shard(config: SimulationConfig, folder: Path, shard: Shard, workers: int | None = None) -> None:
    """Render a share of the chunks of a store, for `simulate_store` to put together.

    Raises:
        UserError: The folder cannot be used, or parts of another store wait there.
    """
    sets = _chunked_sets(config, folder)
    sets.fill(partial(RenderedChunks, partial(Simulator, config)), "simulating", workers, shard)


def _chunked_sets(config: SimulationConfig, folder: Path) -> ChunkedSets:
    assert tuple(split.name for split in splits(config)) == SPLITS
    check_place(folder)
    return ChunkedSets(
        folder=partial_folder(folder),
        sizes={split.name: (split.frames, split.views) for split in splits(config)},
        region_size=config.region_size,
        joints=len(SKELETONS[config.skeleton].joints),
        chunk=RENDER_CHUNK,
        identity=msgspec.to_builtins(config),
    )
