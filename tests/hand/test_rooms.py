import torch
from torch import Generator, Tensor
from torch.nn.functional import normalize

from murauer.hand.room_sampler import RoomSampler
from murauer.hand.rooms import EVERYDAY, HANDS, RoomPrior, Rooms

BATCH, HEIGHT, WIDTH = 12, 96, 128
INTRINSICS = torch.tensor([130.0, 130.0, 63.5, 47.5]).expand(BATCH, 4)
EMPTY = RoomPrior(first=0, second=0, trunk=0, arm=0, other=0, support=0, body=0, wall=0, thing=0)


def rooms(seed: int = 0, **changes: float) -> Rooms:
    shares = {name: getattr(EMPTY, name) for name in EMPTY.__dataclass_fields__} | changes
    return RoomSampler(RoomPrior(**shares)).sample(BATCH, Generator().manual_seed(seed))


def look(seen: Rooms) -> tuple[Tensor, Tensor]:
    return seen.depth(INTRINSICS, HEIGHT, WIDTH)


def test_a_room_without_anything_is_empty() -> None:
    depth, share = look(rooms())
    assert depth.shape == (BATCH, HEIGHT, WIDTH) and not depth.any()
    assert share.shape == (BATCH, HANDS) and not share.any()


def test_a_lone_hand_is_seen_wholly_and_lies_at_its_palm() -> None:
    room = rooms(first=1)
    depth, share = look(room)
    palm = room.palms[:, 0]
    u = (130 * palm[:, 0] / palm[:, 2] + 63.5).round().long().clamp(0, WIDTH - 1)
    v = (130 * palm[:, 1] / palm[:, 2] + 47.5).round().long().clamp(0, HEIGHT - 1)
    assert (share[:, 0] == 1).all() and (share[:, 1] == 0).all()
    surface = depth[torch.arange(BATCH), v, u]
    on_palm = (surface > 0) & ((palm[:, 2] - surface).abs() < 60)
    assert on_palm.float().mean() > 0.8  # beside it, some palms are curled around nothing
    assert (palm[:, 2] >= 300).all() and (palm[:, 2] <= 1500).all()


def test_what_is_in_front_hides_the_hand() -> None:
    room = rooms(first=1)
    everything = torch.tensor([[-1.0, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]]) * 1000
    plate = (everything + torch.tensor([0.0, 0.0, 60.0])).expand(BATCH, 4, 3).contiguous()
    faces = torch.tensor([[0, 1, 2], [0, 2, 3]], dtype=torch.int32)
    hidden = Rooms(room.hands, room.hand_faces, room.joints, room.left, room.there, plate, faces)
    depth, share = look(hidden)
    assert torch.allclose(depth, torch.tensor(60.0)) and not share.any()


def test_half_of_the_hands_are_left_ones_which_are_mirror_images() -> None:
    room = RoomSampler(RoomPrior(first=1, second=1)).sample(300, Generator().manual_seed(0))
    assert 0.35 < room.left[:, 0].float().mean() < 0.65
    assert (room.left[:, 0] != room.left[:, 1]).float().mean() > 0.7  # mostly the two of one person
    # The mesh of a mirrored hand is turned inside out: its signed volume is negative.
    corners = (room.hands[:, 0] - room.palms[:, :1])[:, room.hand_faces.long()]
    volume = torch.linalg.det(corners).sum(1)
    assert torch.equal(volume < 0, room.left[:, 0])


def test_arms_end_at_hands_and_people_stand_behind_them() -> None:
    alone = look(rooms(first=1))[0]
    room = rooms(first=1, trunk=1)
    depth, share = look(room)
    assert ((depth > 0).sum((1, 2)) > (alone > 0).sum((1, 2))).float().mean() > 0.7
    assert share[:, 0].mean() > 0.6


def test_every_room_is_furnished_otherwise_and_reproducibly() -> None:
    sampler = RoomSampler()
    first, again, other = (sampler.sample(4, Generator().manual_seed(seed)) for seed in (5, 5, 6))
    assert torch.equal(first.solids, again.solids) and torch.equal(first.hands, again.hands)
    assert not torch.equal(first.solids, other.solids)
    assert int(first.solid_faces.max()) == first.solids.shape[1] - 1
    assert first.solids.isfinite().all() and first.hands.isfinite().all()


def test_people_see_their_own_hands_near_and_without_a_trunk() -> None:
    room = rooms(first=1, own_view=1, trunk=1)
    assert room.palms[:, 0, 2].max() < 800
    away = normalize(room.hands[:, 0, -1] - room.palms[:, 0], dim=1)  # the last vertex is the end of the arm
    assert (away[:, 2] < 0.3).float().mean() > 0.7, "arms come from the camera's side"
    trunk = room.solids[:, : 5 * len(RoomSampler().cube)]
    assert (trunk.amax(1) - trunk.amin(1)).max() < 60, "wrinkles only: all in one point"


def test_first_hands_hold_things_which_are_there_without_them() -> None:
    free, holding = (look(rooms(first=1, holding=share))[0] > 0 for share in (0.0, 1.0))
    assert (holding.sum((1, 2)) > free.sum((1, 2))).float().mean() > 0.6
    assert look(rooms(holding=1))[0].flatten(1).any(1).float().mean() > 0.6


def test_household_rooms_have_tables_with_things_on_them() -> None:
    depth, share = look(rooms(household=1))
    assert ((depth > 0).flatten(1).float().mean(1) > 0.05).float().mean() > 0.6
    assert not share.any()


def test_everything_at_once_is_reproducible() -> None:
    first, again = (RoomSampler(EVERYDAY).sample(4, Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(first.solids, again.solids) and torch.equal(first.hands, again.hands)
    assert int(first.solid_faces.max()) == first.solids.shape[1] - 1
    assert first.solids.isfinite().all() and first.hands.isfinite().all()
