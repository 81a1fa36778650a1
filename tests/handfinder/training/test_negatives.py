"""Frames without a hand, as the two networks of the finder see them."""

import numpy as np
import pytest
import torch

from murauer.geometry.camera import CAMERAS, Camera
from murauer.geometry.patches import Cubes
from murauer.handfinder.finder import CUBE_MM, PATCH_SIZE, at_surface, peaks, reduced
from murauer.handfinder.network import ProposalNetwork
from murauer.handfinder.training.cubes import LabelledCubes
from murauer.handfinder.training.frames import HEIGHT, WIDTH
from murauer.handfinder.training.losses import proposal_loss, refinement_loss
from murauer.handfinder.training.negatives import SHARE, Image, negative_cubes, negative_frames, repeated
from murauer.handfinder.training.train import train_refinement


@pytest.fixture(scope="module")
def images() -> list[Image]:
    """Slopes before cameras of a wide field and of a narrow one."""
    slope = np.linspace(600, 900, 640, dtype=np.float32)[None].repeat(480, 0)
    narrow = Camera(fx=900.0, fy=900.0, u0=319.5, v0=239.5, width=640, height=480)
    return [(slope, CAMERAS["nyu"]), (slope, narrow)]


def test_frames_hold_the_middle_of_the_image(images: list[Image]) -> None:
    frames = negative_frames(images)
    assert frames.depth.shape == (2, HEIGHT, WIDTH)
    assert frames.hands.isnan().all() and frames.doubtful.isnan().all()
    for depth, (image, camera) in zip(frames.depth, images, strict=True):
        small, _ = reduced(image, camera)
        seen = depth[depth > 0]
        assert seen.float().median() == pytest.approx(float(np.median(small[small > 0])), abs=2)
    assert (frames.depth[1, HEIGHT // 2] > 0).sum() < WIDTH  # the narrow one does not fill it
    network = ProposalNetwork()
    proposal_loss(network(frames.depth.float()), frames).backward()


def test_cubes_are_where_hands_are_proposed(images: list[Image]) -> None:
    torch.manual_seed(0)
    network = ProposalNetwork().eval()
    cubes = negative_cubes(images, network)
    expected = []
    for image, camera in images:
        small, intrinsics = reduced(image, camera)
        with torch.no_grad():
            found = network(torch.from_numpy(small)[None])[0].numpy()
        places = at_surface(peaks(found, intrinsics), small, intrinsics)
        expected += [
            Cubes(place[None], camera.intrinsics_array(), CUBE_MM, PATCH_SIZE).cut(image[None])[0]
            for place in places
        ]
    assert len(cubes) == len(expected) and (cubes.is_hand == 0).all() and cubes.right.isnan().all()
    if expected:
        np.testing.assert_allclose(cubes.patch.float(), np.stack(expected), atol=1e-3)


def test_a_network_learns_that_they_are_none() -> None:
    torch.manual_seed(0)
    patch = torch.rand(64, PATCH_SIZE, PATCH_SIZE).half()
    nothing = torch.zeros(64, 14, 3).half()
    cubes = LabelledCubes(patch, torch.zeros(64), nothing, torch.full((64,), torch.nan))
    network = train_refinement(cubes, 4, bfloat16=False)
    with torch.no_grad():
        log_odds = network(patch.float()[:, None])[:, 0]
    assert log_odds.mean() < 0 and refinement_loss(network(patch.float()[:, None]), cubes).isfinite()


def test_they_are_seen_often_enough() -> None:
    rows = repeated(7, 1000)
    assert len(rows) == pytest.approx(SHARE * (1000 + len(rows)), abs=1)
    assert torch.bincount(rows).max() - torch.bincount(rows).min() <= 1
    assert len(repeated(500, 100)) == 500 and len(repeated(0, 100)) == 0
