"""What share of the deals to come will be won."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from whywin.errors import ClaimError
from whywin.winrates.forecast import belongs, forecast
from whywin.winrates.methods.hierarchical import Hierarchical
from whywin.winrates.model import FittedModel, fitted_model
from whywin.winrates.question import WinRates

AFTER, DUE = pd.Timestamp("2023-12-31"), pd.Timestamp("2024-03-31")
QUESTION = WinRates(segments=("region",), time="closed")


def deals(seed: int, count: int = 800, rate: float = 0.4) -> pd.DataFrame:
    """Deals of three regions over four quarters of 2023, all alike."""
    rng = np.random.default_rng(seed)
    closed = pd.Timestamp("2023-01-01") + pd.to_timedelta(rng.integers(0, 365, count), unit="D")
    won = (rng.random(count) < rate).astype(float)
    return pd.DataFrame(
        {
            "region": rng.choice(["North", "South", "East"], count),
            "created": closed - pd.Timedelta(days=30),
            "closed": closed,
            "won": won,
        }
    )


@pytest.fixture(scope="module")
def model() -> Callable[[pd.DataFrame], FittedModel]:
    """Fit the default model to deals."""

    def fitted(table: pd.DataFrame) -> FittedModel:
        method = Hierarchical()
        need = method.need(QUESTION)
        tree = method.answer(QUESTION, need.sample(table), np.random.default_rng(1)).posterior
        return fitted_model(need, table, tree, 0.95, 1)

    return fitted


def test_it_expects_as_many_deals_as_closed_in_the_window_before(model: Callable) -> None:
    """The 91 days before the end of the year stand for the 91 after it."""
    table = deals(1)
    found = forecast(QUESTION, model(table), table, "all", AFTER, DUE, 0.8, np.random.default_rng(2))
    last = table["closed"] > AFTER - (DUE - AFTER)

    assert found.deals == int(last.sum())
    assert found.low < found.value < found.high
    assert found.value == pytest.approx(100 * table["won"].mean(), abs=4)


def test_it_is_wider_than_the_noise_of_the_deals_alone(model: Callable) -> None:
    """The posterior's doubt and the walk's next step come on top of the binomial noise, and are not many times it where nothing drifts."""
    table = deals(2, 4000)
    found = forecast(QUESTION, model(table), table, "all", AFTER, DUE, 0.8, np.random.default_rng(2))
    alone = 2 * 1.2816 * 100 * np.sqrt(0.4 * 0.6 / found.deals)

    assert alone < found.high - found.low < 3 * alone


def test_a_segment_has_its_own_deals_and_rate(model: Callable) -> None:
    """A region that wins more is expected to go on winning more."""
    table = deals(3, 3000)
    better = table["region"] == "North"
    table.loc[better, "won"] = (np.random.default_rng(5).random(int(better.sum())) < 0.7).astype(float)
    fitted = model(table)
    north = forecast(QUESTION, fitted, table, "region=North", AFTER, DUE, 0.8, np.random.default_rng(2))
    everyone = forecast(QUESTION, fitted, table, "all", AFTER, DUE, 0.8, np.random.default_rng(2))

    assert north.low > everyone.high
    assert north.deals < everyone.deals


def test_what_cannot_be_forecast_is_refused(model: Callable) -> None:
    """Without a time column drift is unknown; without deals in the window before there is nothing to go by."""
    table = deals(4)
    fitted = model(table)

    with pytest.raises(ClaimError, match="add time"):
        forecast(WinRates(segments=("region",)), fitted, table, "all", AFTER, DUE, 0.8, np.random.default_rng(2))
    with pytest.raises(ClaimError, match="none of its deals closed"):
        forecast(QUESTION, fitted, table, "region=West", AFTER, DUE, 0.8, np.random.default_rng(2))
    with pytest.raises(ClaimError, match="column=level"):
        belongs(table, "West")
