import msgspec
import pytest

from murauer.errors import UserError
from murauer.nets.config import NetworkConfig


def test_survives_json():
    config = NetworkConfig(patch_size=64, features=32, stage_widths=(16, 32), block="basic")
    assert msgspec.json.decode(msgspec.json.encode(config), type=NetworkConfig) == config


@pytest.mark.parametrize(
    ("sizes", "complaint"),
    [
        ({"features": 0}, "at least 1"),
        ({"stage_widths": ()}, "at least 1"),
        ({"patch_size": 100}, "multiple of 32"),
        ({"patch_size": 32, "stem_stride": 2, "generator_channels": (64,)}, "not divisible by 64"),
        ({"patch_size": 32}, "more than patch_size 32"),
        ({"stage_widths": (16, 30)}, "multiples of 4"),
    ],
)
def test_refuses_sizes_that_do_not_fit(sizes, complaint):
    with pytest.raises(UserError, match=complaint):
        NetworkConfig(**sizes)


def test_unknown_field_in_a_file_is_refused():
    with pytest.raises(msgspec.ValidationError, match="feature_count"):
        msgspec.json.decode(b'{"feature_count": 3}', type=NetworkConfig)
