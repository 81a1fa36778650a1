import math

import pytest

from murauer.errors import UserError
from murauer.handfinder.handedness import (
    MOST_EVIDENCE,
    agreement,
    evidence,
    given_log_odds,
    presumed_handedness,
)


def test_what_is_said_stays_whatever_is_seen() -> None:
    for handedness in ("right", "left"):
        for right in (0.0, 0.5, 1.0):
            assert presumed_handedness(given_log_odds(handedness) + 100 * evidence(right)) == handedness
    with pytest.raises(UserError, match="'auto', 'right' or 'left', got 'both'"):
        given_log_odds("both")  # type: ignore[arg-type]


def test_what_is_seen_decides_if_nothing_is_said() -> None:
    nothing = given_log_odds("auto")
    assert presumed_handedness(nothing + evidence(0.7)) == "right"
    assert presumed_handedness(nothing + evidence(0.1)) == "left"
    assert presumed_handedness(nothing + evidence(0.4)) == "right"  # without clear evidence
    assert evidence(0.5) == 0
    assert evidence(0.6) == pytest.approx(math.log(1.5)) == pytest.approx(-evidence(0.4))
    assert evidence(1.0) == pytest.approx(MOST_EVIDENCE) and evidence(0.0) == pytest.approx(-MOST_EVIDENCE)


def test_one_look_does_not_turn_what_two_have_shown() -> None:
    assert presumed_handedness(evidence(1.0) + evidence(0.9) + evidence(0.0)) == "right"


def test_agreement_is_the_probability_of_the_hand_that_is_meant() -> None:
    assert agreement(math.inf, 0.8) == 0.8 and agreement(-math.inf, 0.8) == pytest.approx(0.2)
    assert agreement(0.0, 0.1) == agreement(0.0, 0.9) == 0.5
    assert 0.5 < agreement(1.0, 0.9) < agreement(3.0, 0.9) < 0.9
