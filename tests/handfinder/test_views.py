"""Views of calibrated cameras agree on the hand."""

import math

import numpy as np
import pytest
import torch

from known_hands import KnownHands, hand
from murauer.errors import UserError
from murauer.geometry.camera import CAMERAS, Camera
from murauer.geometry.rig import nyu_like_rig
from murauer.handfinder import views
from murauer.handfinder.finder import CUBE_MM, FoundHand, HandFinder, Refined
from murauer.handfinder.views import localise, localise_in_views

RIG = nyu_like_rig(CAMERAS["nyu"], 800.0)
HAND, OTHER = np.array([30.0, -20.0, 750.0]), np.array([-200.0, 60.0, 900.0])
FRAMES = torch.stack([torch.full((480, 640), 1000.0 + view) for view in range(2)])
"""Frames that say which camera took them."""


def in_view(place: np.ndarray, view: int) -> np.ndarray:
    return RIG.transform(torch.from_numpy(place), 0, view).numpy()


class EachView(HandFinder):
    """Another finder for each camera."""

    def __init__(self, *finders: KnownHands) -> None:
        self.finders = finders

    def of(self, depth: np.ndarray) -> KnownHands:
        return self.finders[int(depth[0, 0]) - 1000]

    def __call__(self, depth: np.ndarray, camera: Camera) -> list[FoundHand]:
        return self.of(depth)(depth, camera)

    def propose(self, depth: np.ndarray, camera: Camera) -> np.ndarray:
        return self.of(depth).propose(depth, camera)

    def refine(
        self, depth: np.ndarray, camera: Camera, centres: np.ndarray, cube_mm: float = CUBE_MM
    ) -> Refined:
        return self.of(depth).refine(depth, camera, centres, cube_mm)


def together(monkeypatch: pytest.MonkeyPatch, *finders: KnownHands) -> tuple[np.ndarray, float]:
    """Centres in both views, and how sure they are."""
    monkeypatch.setattr(views, "packaged_finder", lambda: EachView(*finders))
    centres, sure = localise_in_views(list(FRAMES), RIG)
    assert sure[0] == sure[1]
    return centres.numpy(), float(sure[0])


def test_views_that_agree_are_surer_than_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Log-odds add up: 0.8 and 0.7 are 4 to 1 and 7 to 3, together 28 to 3."""
    away = in_view(HAND, 1) + np.array([20.0, 0, 0])
    centres, sure = together(monkeypatch, KnownHands(hand(HAND, 0.8)), KnownHands(hand(away, 0.7)))
    np.testing.assert_allclose(centres, [HAND, away], atol=1e-3)  # each where it sees it itself
    assert sure == pytest.approx(28 / 31)


def test_what_looks_like_a_hand_from_one_side_only_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    first = KnownHands(hand(OTHER, 0.95), hand(HAND, 0.8))
    second = KnownHands(hand(in_view(HAND, 1), 0.8))
    centres, sure = together(monkeypatch, first, second)
    np.testing.assert_allclose(centres[0], HAND, atol=1e-3)
    assert sure > 0.9
    np.testing.assert_allclose(second.refined[0], in_view(OTHER, 1), atol=1e-2)


def test_a_hand_that_one_view_finds_is_refined_in_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    sees, blind = KnownHands(hand(HAND, 0.9)), KnownHands()
    centres, sure = together(monkeypatch, sees, blind)
    np.testing.assert_allclose(centres, [HAND, in_view(HAND, 1)], atol=1e-2)
    assert 0.5 < sure < 0.9
    out_of_sight = np.array([-100.0, 0.0, 350.0])  # of the second camera
    _, alone = together(monkeypatch, KnownHands(hand(out_of_sight, 0.9)), KnownHands())
    assert alone == pytest.approx(0.9)


def test_no_view_finds_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="found no hand"):
        together(monkeypatch, KnownHands(), KnownHands())


def test_the_packaged_finder_in_two_views_and_in_one(scene) -> None:
    rig = nyu_like_rig(scene.camera, 800.0)
    depth = scene.depth[0]
    centre, sure = localise(depth, scene.camera)
    assert centre.dtype == torch.float32 and 0 < sure <= 1
    blank = torch.zeros_like(depth)
    centres, of_both = localise_in_views([depth, blank], rig)
    assert torch.allclose(rig.transform(centres[0], 0, 1), centres[1], atol=1e-2)
    assert float(of_both[0]) < max(sure, 0.99) and math.isfinite(of_both[0])
    with pytest.raises(UserError, match="nothing was measured"):
        localise_in_views([blank, blank], rig)
