"""Holm's adjustment."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whywin.stats.multiplicity import holm


def test_it_is_holm_s_and_keeps_missing_ones_missing() -> None:
    """The p-values .01, .04, .03, .005 become .03, .06, .06, .02; a missing one is not counted."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    found = holm([0.01, np.nan, 0.03])
    assert found[[0, 2]] == pytest.approx([0.02, 0.03])
    assert np.isnan(found[1])
    assert len(holm([])) == 0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_no_p_value_falls_and_none_changes_places(p_values: list[float]) -> None:
    """An adjusted p-value is no smaller than its own and at most one, and the order stays."""
    found = holm(p_values)

    assert (found >= np.array(p_values)).all()
    assert found.max() <= 1
    assert (np.diff(found[np.argsort(p_values, kind="stable")]) >= 0).all()
