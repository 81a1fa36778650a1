import math

import numpy as np
import pytest

from murauer.handfinder.handedness import log_odds, probability


def test_one_is_the_other_backwards() -> None:
    assert probability([0.0, math.inf, -math.inf]).tolist() == [0.5, 1.0, 0.0]
    assert float(log_odds(0.75)) == pytest.approx(math.log(3))
    given = np.linspace(-15, 15, 7)
    np.testing.assert_allclose(log_odds(probability(given)), given, rtol=1e-4, atol=1e-12)


def test_certainty_stays_finite() -> None:
    assert np.isfinite(log_odds([0.0, 1.0])).all()
