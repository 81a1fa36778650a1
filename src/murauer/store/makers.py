"""How stores were made: what the makers in `murauer.prepare` are told, as the manifest keeps it."""

from typing import Literal

import msgspec

from murauer.errors import UserError
from murauer.foreign.ranges import (
    Count,
    Degrees,
    Millimetres,
    NotNegative,
    Positive,
    Seed,
    Share,
    Size,
    Steps,
)
from murauer.hand.handedness import GivenHandedness, Handedness


class ImportSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a dataset is imported.

    Attributes:
        cube_mm: side of the hand cube in mm.
        region_mm: side of the stored windows at the hand's depth in mm: the cube in any rotation, with what
            the offsets of the augmentation move it by.
        region_size: side of the stored windows in pixels: as fine as a patch of 128 pixels for the cube.
        max_frames: frames to take of each set, spread evenly; None for all.
        least_confidence: of the hand finder; a less certain image counts as one without a hand.
    """

    cube_mm: Millimetres = 300.0
    region_mm: Millimetres = 450.0
    region_size: Size = 192
    max_frames: Steps | None = None
    least_confidence: Share = 0.3

    def taken(self, frames: int) -> int:
        """Number of frames that are taken of a set of so many."""
        return frames if self.max_frames is None else min(self.max_frames, frames)


class ImportFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the result of an import depends on, but where the dataset lies.

    Attributes:
        dataset: name of the format.
        folder: name of the dataset's folder.
        sets: frames and views of each of its sets.
        centres: kind of the centres of each set.
        settings: of the import.
        centre_files: name and digest of the files of centres, by set and view.
        handedness: what was said of the hands; "auto" if it was left to files and to the hand finder.
            Imports of older versions took all for right ones.
    """

    dataset: str
    folder: str
    sets: dict[str, tuple[int, int]]
    centres: dict[str, str]
    settings: ImportSettings
    centre_files: dict[str, tuple[str, str]]
    handedness: GivenHandedness = "right"


class HandFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which hand a person shows, or the frames of which nobody is said to be in them.

    Attributes:
        person: number of the person, -1 if unknown.
        handedness: the hand that the frames are taken for.
        given: whether that was said; otherwise the hand finder saw it.
        looked: frames in which the hand finder looked at the hand.
        seen_left: of these, frames in which it looks like a left one.
        log_odds: that it is a right one, from all of them together.
    """

    person: int
    handedness: Handedness
    given: bool
    looked: Count
    seen_left: Count
    log_odds: float


class SimulationConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is recorded.

    Attributes:
        seed: of everything random.
        synthetic_frames: labelled renderings.
        real_frames: frames of the sensor for training, nearly all unlabelled.
        validation_frames: for tuning; half of a seen person, half of a person seen nowhere else.
        test_frames: for the result; likewise, with another unseen person.
        training_persons: people among the real training frames.
        sensor: sensor model of the real domain.
        clutter: how often things besides the hand and its forearm are in the real scene: a factor on the
            shares of `ClutterPrior`, 0 for never.
        person_spread: variety of the real hands, 1 = the whole range of adults.
        synthetic_spread: variety of the synthetic hands; 0 = one average hand, as in NYU's renderings.
        region_size: side of the stored windows in pixels.
        region_mm: side of the stored windows at the hand's depth in mm: the 300 mm cube in any rotation.
        cube_mm: side of the hand cube in mm.
        distance_mm: nearest and farthest hand.
        tilt_deg: standard deviation of the hand's tilt against the first camera, see `sample_viewpoints`.
        roll_deg: standard deviation of its rotation in the image.
        palm_share: share of hands that show the palm; the others show the back.
        any_share: share of hands in a uniformly random orientation.
        free_share: share of freely curled poses; the others lie between two gestures, see `PosePrior`.
        pose_variation: factor on the random deviations from the gestures, see `PosePrior`.
        single_share: share of poses in which each finger does something of its own, see `PosePrior`.
        people: who has the real hands: "adults", or "anybody", which means children and giants, too.
        hand_size: factor on the size of the real hands.
        grasp_share: share of hands that hold something, see `EverydayPrior`; real frames show what.
        own_view_share: share of hands that are seen by their owner, at distances of their own; windows go on
            beyond the border of the image.
        second_hand_share: share of real frames with the other hand beside.
        table_share: share of real frames with a table below the hand, and household things on it.
        skeleton: joints that are recorded.

    Raises:
        UserError: a number of frames, people or pixels is not positive, a share is none, or
            the distances are not in order.
    """

    seed: Seed = 0
    synthetic_frames: Steps = 20_000
    real_frames: Steps = 20_000
    validation_frames: Steps = 1_000
    test_frames: Steps = 1_000
    training_persons: Steps = 20
    sensor: str = "structured_light"
    clutter: NotNegative = 2.5
    person_spread: NotNegative = 0.5
    synthetic_spread: NotNegative = 0.0
    region_size: Size = 96
    region_mm: Millimetres = 450.0
    cube_mm: Millimetres = 300.0
    distance_mm: tuple[Millimetres, Millimetres] = (700.0, 1100.0)
    tilt_deg: Degrees = 15.0
    roll_deg: Degrees = 10.0
    palm_share: Share = 1.0
    any_share: Share = 0.0
    free_share: Share = 0.0
    pose_variation: NotNegative = 0.5
    single_share: Share = 0.0
    people: str = "adults"
    hand_size: Positive = 1.0
    grasp_share: Share = 0.0
    own_view_share: Share = 0.0
    second_hand_share: Share = 0.0
    table_share: Share = 0.0
    skeleton: str = "hand21"

    def __post_init__(self) -> None:
        counts = ("synthetic_frames", "real_frames", "validation_frames", "test_frames")
        for name in (*counts, "training_persons", "region_size"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} of the simulation is {getattr(self, name)}; it must be at least 1")
        for name in ("single_share", "grasp_share", "own_view_share", "second_hand_share", "table_share"):
            if not 0 <= (share := getattr(self, name)) <= 1:
                raise UserError(f"{name} of the simulation is {share:g}; it must be between 0 and 1")
        if not 0 < self.hand_size < float("inf"):
            raise UserError(f"hand_size of the simulation is {self.hand_size:g}; it must be positive")
        if self.people not in ("adults", "anybody"):
            raise UserError(f"people of the simulation is {self.people!r}; choose adults or anybody")
        near, far = self.distance_mm
        if not 0 < near <= far:
            raise UserError(f"distance_mm of the simulation is {near} to {far}; give 0 < nearest <= farthest")


class SynthesisConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is rendered. The viewpoints' defaults are wide: what a store's are is not known.

    Attributes:
        frames: number of frames.
        seed: of everything random.
        spread: variety of the hands, see `ShapePrior`; 0 = one average hand, as in NYU's renderings.
        jitter_mm: standard deviation by which the places of the store's hands are varied.
        tilt_deg: standard deviation of the hand's tilt against the first camera, see `sample_viewpoints`.
        roll_deg: standard deviation of its rotation in the image.
        palm_share: share of hands that show the palm; the others show the back.
        any_share: share of hands in a uniformly random orientation.

    Raises:
        UserError: a number is out of range.
    """

    frames: Steps
    seed: Seed = 0
    spread: NotNegative = 0.0
    jitter_mm: NotNegative = 40.0
    tilt_deg: NotNegative = 38.0
    roll_deg: NotNegative = 45.0
    palm_share: Share = 0.75
    any_share: Share = 0.2

    def __post_init__(self) -> None:
        if self.frames < 1:
            raise UserError(f"{self.frames} synthetic frames asked for; give at least 1")
        for name in ("tilt_deg", "roll_deg", "jitter_mm", "spread"):
            if not 0 <= (value := getattr(self, name)) < 1000:
                raise UserError(f"{name} of the synthetic hands must be positive or 0, got {value:g}")
        for name in ("palm_share", "any_share"):
            if not 0 <= (value := getattr(self, name)) <= 1:
                raise UserError(f"{name} of the synthetic hands must be between 0 and 1, got {value:g}")


class SynthesisFacts(SynthesisConfig, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What was rendered, and what was known then.

    Attributes:
        views: whether the cameras' poses were known, or guessed.
        joint_offsets: whether it was known where in the hand the store's joints lie.
    """

    views: Literal["calibrated", "guessed"]
    joint_offsets: bool = True


class EndlessConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is rendered.

    Attributes:
        synthesis: a chunk; with `RENDER_CHUNK` frames, chunks are those of a stored set.
        steps: training steps that draw from a chunk before the next one is due.
    """

    synthesis: SynthesisConfig
    steps: Steps


class PairFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How synthetic pairs were fitted.

    Attributes:
        fitted_frames: labelled frames that the hand model was fitted to.
        max_error_mm: error above which a frame got no pair.
    """

    fitted_frames: Count
    max_error_mm: NotNegative
