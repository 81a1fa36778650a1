import torch

from murauer.handfinder.training.frames import BATCH, HEIGHT, WIDTH, RoomFrames, simulate_frames


def test_frames_are_as_described() -> None:
    frames = simulate_frames(2 * BATCH - 1, 3)
    assert len(frames) == 2 * BATCH and frames.depth.shape == (50, HEIGHT, WIDTH)
    sure = frames.hands[..., 0].isfinite()
    assert 0.3 < sure.any(1).float().mean() < 0.9
    u, v, z = frames.hands[sure].T
    assert ((u >= 0) & (u < WIDTH) & (v >= 0) & (v < HEIGHT) & (z > 0)).all()
    assert not (sure & frames.doubtful[..., 0].isfinite()).any()
    image, _ = torch.nonzero(sure, as_tuple=True)
    measured = frames.depth[
        image, v.round().long().clamp(max=HEIGHT - 1), u.round().long().clamp(max=WIDTH - 1)
    ]
    assert (
        (measured - z).abs() < 80
    ).float().mean() > 0.6  # where most of a hand is in sight, so is its palm


def test_the_same_seed_has_the_same_rooms_in_the_same_places() -> None:
    both, first, other = simulate_frames(2 * BATCH, 5), simulate_frames(BATCH, 5), simulate_frames(BATCH, 6)
    assert torch.equal(both.depth[:BATCH], first.depth)
    assert not torch.equal(other.depth, first.depth)


def test_rows_of_several_are_joined_and_taken_apart() -> None:
    one = RoomFrames(*(torch.arange(3) + number for number in range(3)))
    joined = RoomFrames.joined([one, one.part(slice(1, 3))])
    assert joined.hands.tolist() == [1, 2, 3, 2, 3]
    assert joined.part(torch.tensor([4, 0])).doubtful.tolist() == [4, 2]
