"""Which segments are named, how far they were drawn in, and how much levels vary."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from whywin.evidence import Estimate
from whywin.winrates.question import WinRates
from whywin.winrates.segments import between_levels, compared


def table(draws: np.ndarray, margin: float, sure: float = 0.9) -> pd.DataFrame:
    """The table of two levels whose draws, beside the company's, are given."""
    cells = pd.DataFrame({"region": ["n", "s"], "deals": [50, 50], "won": [30, 20]})
    means = 100 * draws.mean(axis=0)
    names = ("all", "region=n", "region=s")
    estimates = [Estimate("win rate", name, mean, 0, 100, 0.9, 50, "percent") for name, mean in zip(names, means, strict=True)]
    return compared(WinRates(("region",), margin=margin), cells, estimates, draws, sure).set_index("level")


def test_a_level_is_named_when_it_is_surely_off_by_the_margin() -> None:
    """North lies four points above in every draw: named at a margin of three, not at one of five."""
    draws = np.tile([0.50, 0.54, 0.46], (200, 1))

    assert table(draws, 3.0)["different"].all()
    assert not table(draws, 5.0)["different"].any()
    assert table(draws, 3.0).loc["n", ["p_below", "p_above"]].tolist() == [0.0, 1.0]


def test_draws_on_both_sides_name_nobody() -> None:
    """A level that is off by ten points, but to either side, is not different at a margin of zero."""
    draws = np.array([[0.5, 0.6, 0.5], [0.5, 0.4, 0.5]] * 50)

    assert not table(draws, 0.0)["different"].any()


def test_drawn_in_is_the_share_of_the_raw_distance() -> None:
    """North's raw 60 % pooled to 54 % of a company at 50 % is drawn in by six tenths; past the company is 1, beyond raw 0."""
    draws = np.tile([0.50, 0.54, 0.52], (10, 1))

    assert table(draws, 0.0)["drawn_in"].tolist() == pytest.approx([0.6, 1.0])
    assert table(np.tile([0.50, 0.70, 0.30], (10, 1)), 0.0)["drawn_in"].tolist() == [0.0, 0.0]


def test_between_levels_is_the_sd_of_the_rates() -> None:
    """Quadrature agrees with a million simulated levels, and to first order with p (1 - p) sd."""
    simulated = expit(-1.0 + 0.8 * np.random.default_rng(0).normal(size=1_000_000)).std()

    assert between_levels(np.array([-1.0]), np.array([0.8]))[0] == pytest.approx(simulated, abs=5e-4)
    assert between_levels(np.array([0.3]), np.array([0.01]))[0] == pytest.approx(0.01 * expit(0.3) * expit(-0.3), rel=1e-3)
    assert between_levels(np.array([0.3]), np.array([0.0]))[0] < 1e-12
