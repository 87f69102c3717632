"""The E-value."""

import json
import math
from pathlib import Path

import pytest

from whywin.stats.sensitivity import e_value, ratio_of_difference


@pytest.mark.parametrize(("key", "ratio"), [("e_3.9", 3.9), ("e_3.9_ci", 1.8), ("e_0.80", 0.80), ("e_0.80_ci", 0.91)])
def test_the_paper_prints_these(shared: Path, key: str, ratio: float) -> None:
    """VanderWeele's and Ding's own examples, for estimates and for interval ends."""
    cases = json.loads((shared / "known_answers" / "effects.json").read_text())["cases"]
    known = next(case for case in cases if case["id"] == "evalue_rr")["expected"][key]

    assert e_value(ratio) == pytest.approx(known, abs=0.005)


def test_no_effect_needs_nothing() -> None:
    """A ratio of one has an E-value of one, an impossible ratio an infinite one, and turning the groups changes nothing."""
    assert e_value(1.0) == 1.0
    assert math.isinf(e_value(0.0))
    assert e_value(2.0) == pytest.approx(e_value(0.5))
    assert ratio_of_difference(0.0, 3.0) == 1.0
    assert ratio_of_difference(0.5, 1.0) == pytest.approx(math.exp(0.455))
