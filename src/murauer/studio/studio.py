"""The studio of a folder: leaf through its frames, see what models make of them, label them."""

import time
from collections.abc import Sequence
from itertools import islice
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from murauer.errors import UserError
from murauer.studio.albums.album import Album, AlbumFrame, AlbumView, Floats, moved
from murauer.studio.labels.labelling import Labelling
from murauer.studio.page.display import clouds, show_clouds
from murauer.studio.page.frame_rate import FrameRate
from murauer.studio.page.literal import literal
from murauer.studio.page.page import MODEL_COLOURS, Page
from murauer.studio.page.pictures import MOST_PICTURES, Extent, picture
from murauer.studio.page.table import joint_table
from murauer.studio.predicting import Prediction, Predictor, error_mm
from murauer.studio.ranking import Ranking, worst_first

Order = Literal["as recorded", "worst first", "given list"]
Pictures = Literal["cameras", "models", "pair"]
PICTURES: tuple[Pictures, ...] = get_args(Pictures)

RANKED_AT_A_TIME = 5
"""Frames that are predicted for a ranking before somebody may do something else."""

SLOWEST_RATE, USUAL_RATE, FASTEST_RATE = 1, 15, 60


class Studio:
    """What is shown, and how it follows from the place in the folder.

    Args:
        album: The folder.
        page: Where it is shown.
        predictors: None, one, or two to compare.
        labelling: Labelling of its frames.
        listed: Frames to leaf through, by set, such as those that `murauer select` proposes.

    Attributes:
        set_name: Set that is leafed through.
        order: Indices of its frames in the order in which they come, (M,).
        place: In this order, from 0.
        playing: Whether frames follow each other by themselves.
        rate: at most so many a second.
        pictures: Which pictures are shown.
        wide: Whether they show what is around the hand.
        points: Whether what the cameras measured is shown in space.
        pair: Whether the synthetic pair is, too.
        frame: The frame that is shown.
    """

    def __init__(
        self,
        album: Album,
        page: Page,
        predictors: Sequence[Predictor],
        labelling: Labelling,
        listed: dict[str, NDArray[np.int64]] | None = None,
    ) -> None:
        self.album, self.page, self.predictors, self.labelling = album, page, predictors, labelling
        self.listed = listed or {}
        self.set_name = next(iter(self.listed), None) or next(iter(album.sets))
        self.order = self._orders()
        self.place = 0
        self.playing, self.rate, self._shown_at, self._measured = False, USUAL_RATE, 0.0, FrameRate()
        self.pictures: Pictures = "models" if len(predictors) > 1 else "cameras"
        self.wide, self.pair, self.points = False, False, True
        self.frame: AlbumFrame
        self._predictions: list[Prediction | None] = []
        self._ranking: Ranking | None = None
        self._ranked, self._worst = 0, np.zeros(0, np.int64)
        self.go(0)

    @property
    def index(self) -> int:
        """The frame in its set."""
        return int(self.order[self.place])

    def go(self, place: int) -> None:
        """Turn to another frame; places beyond the ends are the ends."""
        self.place = min(max(place, 0), len(self.order) - 1)
        self.frame = self.album.frame(self.set_name, self.index)
        self._predictions = [
            predictor(self.set_name, self.index, self.frame) for predictor in self.predictors
        ]
        first = self._predictions[0] if self._predictions else None
        rendered = self.set_name not in self.album.to_label
        fixed = f"frames of {self.set_name} are rendered: their labels are exact" if rendered else None
        start = None if first is None else first.as_label(self.album.skeleton)
        self.labelling.open(self.frame, start, fixed)

    def toggle_points(self) -> None:
        """Show or hide what the cameras measured, inside which the joints are."""
        self.points = not self.points

    def step(self, by: int) -> None:
        """Go on or back, and stop playing."""
        self.playing = False
        self.go(self.place + by)

    def play(self) -> None:
        """Play, from the beginning if at the end, or pause."""
        self.playing = not self.playing
        if self.playing and self.place == len(self.order) - 1:
            self.go(0)

    def choose_set(self, name: str) -> None:
        """Leaf through another set."""
        self.set_name, self.order, self.playing, self._ranking = name, self._orders(name), False, None
        self.go(0)

    def choose_order(self, order: Order) -> None:
        """Leaf through the frames in another order; the worst come first after some calls of `tick`.

        Raises:
            UserError: There is no model.
        """
        self.playing, self._ranking = False, None
        if order == "worst first":
            if not self.predictors:
                raise UserError("the worst frames are those of a model: start the studio with --model")
            self._ranking, self._ranked = worst_first(self.album, self.set_name, self.predictors[0]), 0
            return
        self.order = self._orders(self.set_name, order)
        self.go(0)

    def look_at_hand(self) -> None:
        """Move the page's camera to the hand."""
        if (middle := self._middle()) is not None:
            self.page.look_at(middle)

    def next_to_label(self) -> None:
        """Turn to the next frame without an accepted label."""
        accepted = self.labelling.label_log.accepted()
        for place in (*range(self.place + 1, len(self.order)), *range(self.place)):
            if self.album.key(self.set_name, int(self.order[place])) not in accepted:
                return self.go(place)
        raise UserError("all frames here have an accepted label")

    @property
    def moves_on(self) -> bool:
        """Whether it turns to another frame by itself, so that a joint should not be dragged meanwhile."""
        return self.playing or self._ranking is not None

    def tick(self) -> float | None:
        """Rank on, or play on if it is time; returns the seconds until there is more to do.

        Raises:
            UserError: No frame could be ranked.
        """
        if self._ranking is not None:
            self._rank(self._ranking)
            return 0.0
        if not self.playing:
            return None
        left = self._shown_at + 1 / self.rate - time.monotonic()
        if left > 0:
            return left
        self._shown_at = time.monotonic()
        self._measured.count()
        self.go(self.place + 1)
        self.playing = self.place < len(self.order) - 1
        return 0.0

    def draw(self) -> None:
        """Bring the page up to date: what is shown is made before, and appears at once."""
        label, views, middle = self.labelling.joints, self.frame.views, self._middle()
        points = clouds(views if self.points else (), self.frame.pair if self.pair else None, middle)
        pictures = self._pictures(middle)
        errors = [
            (name, error_mm(prediction, self._truth(), self.album.skeleton))
            for name, prediction in zip(("A", "B"), self._predictions, strict=False)
        ]
        table = joint_table(self.album.skeleton, label, errors, self.labelling.selected)
        with self.page.at_once():
            if middle is not None:
                self.page.keep_in_view(middle)
            show_clouds(self.page, points)
            self.page.skeleton("label", self.album.skeleton).show(label)
            for number, prediction in enumerate(self._predictions):
                self._show_prediction(number, prediction)
            self.page.show_pictures(pictures)
            self.page.show_table(table)
            self.page.show_status(self._status())

    def _show_prediction(self, number: int, prediction: Prediction | None) -> None:
        """Show the skeleton of a model, unless it is the label that is shown already."""
        name, same = f"model {number + 1}", number == 0 and self.labelling.state == "prediction"
        if prediction is None or same:
            self.page.hide_skeleton(name)
        else:
            self.page.skeleton(name, prediction.skeleton, MODEL_COLOURS[number]).show(prediction.joints)

    def _truth(self) -> Floats | None:
        return None if self.labelling.state == "prediction" else self.labelling.joints

    def _middle(self) -> Floats | None:
        """Where the hand is, coordinates of the first camera."""
        if self.labelling.joints is not None:
            return self.labelling.joints[self.album.skeleton.centre]
        for view in self.frame.views:
            if view.centre is not None and view.from_first is not None:
                return moved(view.centre, np.linalg.inv(view.from_first))
        return None

    def _pictures(self, middle: Floats | None) -> list[tuple[str, Image]]:
        label, skeleton, views = self.labelling.joints, self.album.skeleton, self.frame.views
        if not views:
            return []

        extent: Extent = "around the hand" if self.wide else "the hand"

        def draw(title: str, view: AlbumView, joints: Floats | None) -> tuple[str, Image]:
            return title, picture(view, middle, joints, skeleton, extent)

        if self.pictures == "models" and self._predictions:
            return [
                draw(
                    f"{letter}: {predictor.name}",
                    views[0],
                    None if prediction is None else prediction.as_label(skeleton),
                )
                for letter, predictor, prediction in zip(
                    "AB", self.predictors, self._predictions, strict=False
                )
            ]
        if self.pictures == "pair" and self.frame.pair is not None:
            pair = self.frame.pair
            return [draw(views[0].name, views[0], label), draw("pair", pair, pair.joints)]
        return [draw(view.name, view, label) for view in views[:MOST_PICTURES]]

    def _status(self) -> str:
        fitting = "; the hand model is being fitted" if self.labelling.is_fitting else ""
        lines = [
            f"**{literal(self.set_name)}**, frame {self.index} ({self.place + 1} of {len(self.order)})"
            + (f", {self._measured.per_second:.1f} frames/s" if self.playing else ""),
            literal(self.frame.problem or "") or f"Label: **{literal(self.labelling.state)}**{fitting}",
        ]
        for letter, predictor, prediction in zip("AB", self.predictors, self._predictions, strict=False):
            error = error_mm(prediction, self._truth(), self.album.skeleton)
            text = "no prediction" if prediction is None else prediction.facts
            off = "" if error is None else f", **{np.nanmean(error):.1f} mm** off the label"
            lines.append(f"{letter} {literal(predictor.name)}: {text}{off}")
        label_log = self.labelling.label_log
        if self._ranking is not None:
            lines.append(f"Ranking: {self._ranked} frames predicted ...")
        lines.append(f"{len(label_log.accepted())} accepted, {len(label_log.unfinished())} not accepted yet")
        return "  \n".join(lines)

    def _orders(self, set_name: str | None = None, order: Order | None = None) -> NDArray[np.int64]:
        """The frames that are listed, unless all are asked for or none are."""
        set_name = set_name or self.set_name
        if order != "as recorded" and set_name in self.listed:
            return self.listed[set_name]
        return np.arange(self.album.sets[set_name])

    def _rank(self, ranking: Ranking) -> None:
        """Predict some more frames; after the last turn to the worst."""
        steps = list(islice(ranking, RANKED_AT_A_TIME))
        if steps:
            self._ranked, self._worst = self._ranked + len(steps), steps[-1]
            self.page.show_status(self._status())
            return
        self._ranking = None
        if not len(self._worst):
            raise UserError(f"no frame of {self.set_name} has both a label and a prediction to compare")
        self.order = self._worst
        self.go(0)
