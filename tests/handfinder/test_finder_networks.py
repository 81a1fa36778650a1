import torch

from murauer.handfinder.network import (
    JOINTS,
    MULTIPLE,
    STRIDE,
    MirroredRefinement,
    ProposalNetwork,
    RefinementNetwork,
)


def test_what_a_mirror_shows_is_refined_as_the_other_hand() -> None:
    torch.manual_seed(0)
    refinement = MirroredRefinement(RefinementNetwork()).eval()
    patch = torch.rand(3, 1, 64, 64)
    with torch.no_grad():
        straight, mirrored = refinement(patch), refinement(patch.flip(-1))
    assert straight.shape == (3, 2 + 3 * JOINTS)
    torch.testing.assert_close(mirrored[:, 0], straight[:, 0])  # as surely a hand
    torch.testing.assert_close(mirrored[:, 1], -straight[:, 1])
    opposite = torch.tensor([-1.0, 1, 1])
    joints = (each[:, 2:].unflatten(1, (JOINTS, 3)) for each in (mirrored, straight * 1))
    torch.testing.assert_close(next(joints), next(joints) * opposite)


def test_frames_of_any_size_are_searched() -> None:
    network = ProposalNetwork().eval()
    for height, width in ((MULTIPLE, MULTIPLE), (128, 160), (112, 208)):
        found = network(torch.rand(2, height, width) * 1000)
        assert found.shape == (2, 4, height // STRIDE, width // STRIDE)
