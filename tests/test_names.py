import random

from murauer.names import MOST_NAMED, natural_key, shortened


def test_numbers_in_names_count() -> None:
    expected = ["1", "2", "10", "a1b2", "a1b10", "a2b1", "frame 9.png", "frame 10.png"]
    mixed = random.Random(0).sample(expected, len(expected))
    assert sorted(mixed, key=natural_key) == expected
    assert sorted(["01", "1", "001"], key=natural_key) == ["001", "01", "1"]


def test_padded_names_keep_their_order() -> None:
    names = [f"{index:06d}.png" for index in (12345, 100, 99, 7, 0)]
    assert sorted(names, key=natural_key) == sorted(names)


def test_of_many_names_the_first_are_told() -> None:
    assert shortened(["a", "b"]) == "a, b"
    assert shortened([str(index) for index in range(MOST_NAMED + 3)]).endswith("9 and 3 more")
