"""What was observed, with the intervals of the papers."""

import pandas as pd
import pytest

from whywin.stats.streams import stream
from whywin.winrates.methods.observed import Observed
from whywin.winrates.question import WinRates

ANY = stream(0, "observed")


def evidence(cells: pd.DataFrame, **fields: object) -> object:
    """The observed answer from cells."""
    return Observed().answer(WinRates(("region",), **fields), cells, ANY)


def test_rates_have_wilson_s_interval() -> None:
    """81 of 263 is 30.8 %, 25.5 to 36.6 (Newcombe 1998, table I)."""
    cells = pd.DataFrame({"region": ["n", "s"], "deals": [200, 63], "won": [61, 20]})
    company = evidence(cells).of("win rate")

    assert (company.value, company.n) == (pytest.approx(100 * 81 / 263), 263)
    assert (round(company.low, 2), round(company.high, 2)) == (25.53, 36.62)


def test_changes_have_newcombe_s_interval() -> None:
    """56 of 70 against 48 of 80 is +20 points, 5.2 to 33.4 (Newcombe 1998, table II)."""
    cells = pd.DataFrame(
        {
            "region": ["n", "n", "s", "s", "e"],
            "created_quarter": ["2024Q1", "2024Q2", "2024Q1", "2024Q2", "2024Q2"],
            "deals": [40, 30, 40, 30, 10],
            "won": [28, 20, 20, 28, 8],
        }
    )
    found = evidence(cells, time="created", baseline=("2024Q1",), current=("2024Q2",))
    change = found.of("change in win rate")

    assert (change.value, change.n, change.unit) == (pytest.approx(20.0), 150, "points")
    assert (round(change.low, 2), round(change.high, 2)) == (5.24, 33.39)
    segments = {one.segment for one in found.estimates if one.quantity == "change in win rate"}
    assert segments == {"all", "region=n", "region=s"}


def test_without_periods_nothing_changed() -> None:
    """No change is told unless the question compares periods."""
    cells = pd.DataFrame({"region": ["n", "s"], "deals": [200, 63], "won": [61, 20]})

    assert {one.quantity for one in evidence(cells).estimates} == {"win rate"}
