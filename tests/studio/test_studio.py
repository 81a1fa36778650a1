"""Leafing, playing, comparing and ranking, on a page that only takes notes."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from dataset_folders.own import Recorded
from joint_texts import write_joints
from murauer.errors import UserError
from murauer.studio.albums.album import AlbumView, moved
from murauer.studio.albums.open import open_album
from murauer.studio.labels.label_log import LabelLog
from murauer.studio.labels.labelling import Labelling
from murauer.studio.page.points import cloud
from murauer.studio.predicting import FilePredictor, Predictor
from murauer.studio.studio import Studio
from studio.notes import Notes


@pytest.fixture
def make(capture: Path) -> Iterator[Callable[..., Studio]]:
    album = open_album(capture)
    with LabelLog(capture, album.skeleton) as label_log:

        def build(*predictors: Predictor, **listed: np.ndarray) -> Studio:
            page: Any = Notes()
            return Studio(album, page, predictors, Labelling(label_log, album.skeleton), listed)

        yield build


@pytest.fixture
def predicted(capture: Path, recorded: Recorded) -> FilePredictor:
    """Off by 1, 2, ... mm in x; but frame 1 by 9 mm."""
    joints = recorded.joints[:, 0].clone()
    joints[..., 0] += torch.tensor([1.0, 9, 3, 4, 5, 6])[:, None]
    write_joints(capture / "predictions.txt", joints)
    return FilePredictor(capture / "predictions.txt", open_album(capture))


def test_leafing_ends_at_the_ends(make: Callable[..., Studio]) -> None:
    studio = make()
    places = []
    for by in (-1, 1, 1, 10, 1, -2):
        studio.step(by)
        places.append(studio.index)
    assert places == [0, 1, 2, 5, 5, 3]


def test_playing_goes_to_the_end_at_its_rate_and_begins_again(
    make: Callable[..., Studio], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr("murauer.studio.studio.time.monotonic", lambda: clock.now)
    studio = make()
    assert studio.tick() is None
    studio.rate = 10
    studio.play()
    shown = []
    while studio.playing:
        wait = studio.tick()
        assert wait is not None and wait <= 0.1001
        clock.now += wait
        shown.append(studio.index)
    assert sorted(set(shown)) == [1, 2, 3, 4, 5] and clock.now - 100 == pytest.approx(0.4)
    studio.play()
    assert studio.playing and studio.index == 0
    studio.step(+1)
    assert not studio.playing and studio.index == 1


def test_worst_frames_first(make: Callable[..., Studio], predicted: FilePredictor) -> None:
    studio = make(predicted)
    studio.choose_order("worst first")
    assert studio.tick() == 0.0 and studio.moves_on and "Ranking: 5 frames" in studio.page.status
    studio.step(+3)  # while it ranks
    assert studio.index == 3
    while studio.moves_on:
        assert studio.tick() == 0.0
    assert studio.order.tolist() == [1, 0] and studio.index == 1  # the labelled ones
    studio.draw()
    assert "**9.0 mm** off the label" in studio.page.status and ">9.0<" in studio.page.table
    with pytest.raises(UserError, match="--model"):
        make().choose_order("worst first")


def test_a_ranking_that_is_given_up_and_one_of_nothing(
    make: Callable[..., Studio], predicted: FilePredictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio = make(predicted)
    studio.choose_order("worst first")
    studio.tick()
    studio.choose_order("as recorded")
    assert studio.tick() is None and len(studio.order) == 6
    monkeypatch.setattr(FilePredictor, "__call__", lambda *_: None)
    studio.choose_order("worst first")
    with pytest.raises(UserError, match="no frame of real has both"):
        while studio.moves_on:
            studio.tick()
    assert not studio.moves_on and len(studio.order) == 6


def test_what_is_drawn(make: Callable[..., Studio], predicted: FilePredictor, recorded: Recorded) -> None:
    studio = make(predicted, predicted)
    page: Any = studio.page
    studio.draw()
    assert page.pictures == ["A: predictions.txt", "B: predictions.txt"]
    assert set(page.points) == {"front", "side"}
    np.testing.assert_allclose(page.skeletons["label"], recorded.joints[0, 0], atol=0.01)
    np.testing.assert_allclose(page.skeletons["model 2"][:, 0], recorded.joints[0, 0, :, 0] + 1, atol=0.01)
    studio.pictures, studio.pair = "pair", True
    studio.draw()
    assert page.pictures == ["front", "pair"] and set(page.points) == {"front", "side", "pair"}
    studio.pictures = "cameras"
    studio.toggle_points()
    studio.go(4)  # without a label: the prediction is the label's proposal, and not drawn twice
    studio.draw()
    assert page.pictures == ["front", "side"] and set(page.points) == {"pair"}
    assert "model 1" not in page.skeletons and "**prediction**" in page.status


def test_frames_that_are_listed_and_the_next_to_label(
    make: Callable[..., Studio], predicted: FilePredictor
) -> None:
    studio = make(predicted, real=np.array([5, 2, 3]))
    seen = []
    for _ in range(3):
        seen.append(studio.index)
        studio.labelling.accept()
        if len(seen) < 3:
            studio.next_to_label()
    assert seen == [5, 2, 3]
    with pytest.raises(UserError, match="all frames"):
        studio.next_to_label()
    studio.choose_order("as recorded")
    assert len(studio.order) == 6


def test_predictions_of_another_set(capture: Path, recorded: Recorded) -> None:
    write_joints(capture / "few.txt", recorded.joints[:3, 0])
    with pytest.raises(UserError, match="3 lines of 14 joints"):
        FilePredictor(capture / "few.txt", open_album(capture))


def test_points_are_few_mostly_of_the_hand_and_on_the_surface(capture: Path, recorded: Recorded) -> None:
    joints = recorded.joints[0, 0].numpy()
    for view in open_album(capture).frame("real", 0).views:
        assert view.from_first is not None
        points, colours = cloud(view, joints[0], 2000)
        assert len(points) <= 2000 and colours.dtype == np.uint8 and len(colours) == len(points)
        assert (np.linalg.norm(points - joints[0], axis=-1) < 130).mean() > 0.6
        own = moved(points, view.from_first)
        columns = np.rint(view.camera.fx * own[:, 0] / own[:, 2] + view.camera.u0).astype(int)
        rows = np.rint(view.camera.fy * own[:, 1] / own[:, 2] + view.camera.v0).astype(int)
        np.testing.assert_allclose(view.depth[rows, columns], own[:, 2], atol=0.01)
    nothing = AlbumView("front", np.zeros_like(view.depth), view.camera, np.eye(4))
    assert len(cloud(nothing, None)[0]) == 0
