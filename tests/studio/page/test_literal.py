"""Values that a browser sends, and text that it is shown."""

from html import unescape
from types import SimpleNamespace

import pytest

from murauer.errors import UserError
from murauer.studio.page.actions import _Legal
from murauer.studio.page.literal import literal

HOSTILE = "{alert(1)} <img src=x onerror=alert(2)> ![a](http://b/c) **d** `e`"


def test_text_is_letters_alone() -> None:
    shown = literal(HOSTILE)
    assert not set(shown) & set("{}<>[]()!*`_:/=") and unescape(shown) == HOSTILE
    assert literal("plain words") == "plain words" and literal("") == ""
    assert "\x1b" not in unescape(literal("\x1b[31m"))


@pytest.mark.parametrize(
    ("control", "good", "bad"),
    [
        ({"options": ("a", "b")}, ["a", "b"], ["c", "", 1]),
        ({"min": 1}, [1, 60, 2.5], [0, -1, float("nan"), float("inf"), 1e300]),
        ({}, [True, False, (1.0, 2.0, 3.0)], [(1.0, float("nan"), 0.0), (1e9, 0.0, 0.0)]),
    ],
)
def test_inputs_have_values_that_they_can_have(control: dict, good: list, bad: list) -> None:
    legal = _Legal(SimpleNamespace(**control))
    assert [legal.checked(value) for value in good] == good
    for value in bad:
        with pytest.raises(UserError, match="this cannot be"):
            legal.checked(value)
