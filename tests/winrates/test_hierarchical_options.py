"""What a question or the method may ask for beyond the plain model: amounts, weights, ages, overdispersion, priors."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from whywin.deals.need import Cells, banded
from whywin.errors import QuestionError
from whywin.stats.streams import stream
from whywin.winrates.methods.hierarchical import Hierarchical
from whywin.winrates.priors import Priors
from whywin.winrates.question import WinRates

PLAIN = WinRates(("region",), time="created")


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """4,000 closed deals: large ones are won half as often as small ones, and deals of the last quarter less than older ones."""
    rng = np.random.default_rng(8)
    amount = rng.lognormal(9, 1, 4000).round(2)
    created = pd.Timestamp("2023-01-02") + pd.to_timedelta(rng.integers(728, size=4000), unit="D")
    rate = np.where(amount > np.median(amount), 0.3, 0.6) - 0.2 * (created >= "2024-10-01")
    return pd.DataFrame(
        {
            "deal_id": [f"D{k}" for k in range(4000)],
            "region": rng.choice(["East", "North", "West"], 4000),
            "rep": rng.choice([f"R{k}" for k in range(9)], 4000),
            "created": created,
            "closed": created + pd.Timedelta(days=30),
            "amount": amount,
            "won": (rng.random(4000) < rate).astype(float),
        }
    )


def answered(question: WinRates, table: pd.DataFrame, **settings: object) -> object:
    """The method's evidence."""
    method = Hierarchical(draws=500, **settings)
    return method.answer(question, method.need(question).sample(table), stream(1, "hierarchical"))


def test_bands_hold_equally_many_and_sort_in_order() -> None:
    """Numbers become labels whose order when sorted is that of the numbers; a missing number has none."""
    values = pd.Series([1.0, 2, 3, 4, 5, 6, 7, 8, 9, 10, np.nan])
    labels = banded(values, 5)

    assert labels.value_counts().tolist() == [2] * 5
    assert labels[:10].tolist() == sorted(labels[:10])
    assert pd.isna(labels[10])
    assert labels.iloc[0].startswith("1: to ")
    assert labels.iloc[9].startswith("5: over ")


def test_an_amount_known_at_creation_is_compared_by_bands(table: pd.DataFrame) -> None:
    """Small deals are won about 55 % of the time and large ones about 28 %: the bands' pooled rates say so, in order."""
    question = replace(PLAIN, covariates=("amount",))
    evidence = answered(question, table)
    rates = [one.value for one in evidence.estimates if one.segment.startswith("amount=")]

    assert len(rates) == 5
    assert min(rates[:2]) > 50
    assert max(rates[3:]) < 33


def test_a_weighted_rate_is_the_share_of_the_money(table: pd.DataFrame) -> None:
    """Where large deals are lost, the rate weighted by amount lies far below the rate of deals, and near what was observed."""
    evidence = answered(replace(PLAIN, weight="amount"), table)
    weighted, plain = evidence.of("win rate weighted by amount"), evidence.of("win rate")
    observed = 100 * table["amount"] @ table["won"] / table["amount"].sum()

    assert weighted.value < plain.value - 5
    assert weighted.low < observed < weighted.high
    assert evidence.of("win rate weighted by amount", "region=East").unit == "percent"


def test_older_deals_count_less_with_a_half_life(table: pd.DataFrame) -> None:
    """Without a walk over periods the company's rate is that of all deals; with a half-life of a quarter it is drawn to the latest."""
    question = WinRates(("region",), time=None)
    aged = replace(question, time="created")
    whole = answered(question, table).of("win rate")
    method = Hierarchical(draws=500, half_life_days=60, periods="independent", moving=False, spread_points=0.5)
    recent = method.answer(aged, method.need(aged).sample(table), stream(1, "hierarchical")).of("win rate")
    latest = 100 * table.loc[table["created"] >= "2024-10-01", "won"].mean()

    assert abs(recent.value - latest) < abs(whole.value - latest) - 3
    assert recent.high - recent.low > whole.high - whole.low
    assert recent.n == whole.n == 4000


def test_counts_by_age_are_sums_of_halves() -> None:
    """A deal one half-life older than the latest counts one half, two older a quarter."""
    day = pd.Timestamp("2024-03-01")
    table = pd.DataFrame({"created": [day, day - pd.Timedelta(days=10), day - pd.Timedelta(days=20)], "won": [1.0, 0.0, 1.0]})
    cells = Cells((), half_life=10, date="created").sample(table)

    assert cells.loc[0, ["deals", "won", "counted", "counted_won"]].tolist() == pytest.approx([3, 2, 1.75, 1.25])


def test_a_half_life_needs_a_date(table: pd.DataFrame) -> None:
    """Without a time in the question a deal has no age; the sentence says what to set."""
    with pytest.raises(QuestionError, match="set time: created"):
        answered(WinRates(("region",)), table, half_life_days=30)


def test_overdispersed_cells_widen_what_is_known_of_the_levels() -> None:
    """Cells that differ far beyond chance give their own standard deviation, and wider intervals of the levels."""
    rng = np.random.default_rng(2)
    cells = pd.DataFrame({"a": np.repeat(list("xyz"), 12), "b": np.tile([f"{k:02d}" for k in range(12)], 3), "deals": 200})
    cells["won"] = rng.binomial(200, 1 / (1 + np.exp(-rng.normal(-0.5, 0.8, 36))))
    question = WinRates(("a", "b"))
    plain, wide = (Hierarchical(draws=500, overdispersed=way).answer(question, cells, stream(1, "x")) for way in (False, True))

    assert wide.tables["variation"]["term"].tolist() == ["a", "b", "cells"]
    assert wide.tables["variation"].set_index("term").loc["cells", "between_sd"] > 10
    new = [one.tables["new_levels"].set_index("dimension").loc["a"] for one in (plain, wide)]
    assert wide.posterior.attrs["engine"] == "laplace"
    assert new[1]["high"] - new[1]["low"] > 0


@pytest.mark.parametrize("family", ["half_normal", "half_cauchy", "inverse_gamma"])
def test_draws_of_a_prior_follow_its_density(family: str) -> None:
    """The share of draws below some points is the integral of the density of the logarithm up to there."""
    priors = Priors(0.0, 1.0, 0.7, family)
    log_sd = np.log(priors.draw(np.random.default_rng(1), (200_000,)))
    grid = np.linspace(-30, 30, 200_001)
    density = np.exp(priors.log_density(grid))
    share = np.cumsum(density) / density.sum()

    for edge in (-1.0, -0.3, 0.2, 0.8):
        assert (log_sd < edge).mean() == pytest.approx(share[np.searchsorted(grid, edge)], abs=0.005)


def test_the_priors_are_told_in_points(table: pd.DataFrame) -> None:
    """Before the data the company may be anywhere, and levels differ by up to some twenty points."""
    prior = answered(PLAIN, table).tables["prior"].set_index("quantity")

    assert prior.loc["win rate of the company", "low"] < 15
    assert prior.loc["win rate of the company", "high"] > 75
    assert 4 < prior.loc["between the levels of a dimension", "middle"] < 9
    assert prior.loc["between the levels of a dimension", "high"] < 25


def test_every_fault_of_a_question_is_told_at_once(table: pd.DataFrame) -> None:
    """Unknown columns, one level, an absent period, negative weights and too many combinations stand in one list."""
    deals = table.assign(
        one="same", amount=table["amount"].where(table.index != 7, -5.0), many=[f"M{k % 1200}" for k in range(4000)]
    )
    question = WinRates(
        ("region", "regoin", "one", "many"), cross=(("region", "many"), ("many", "rep")), rep="rep", time="created",
        baseline=("2023Q4",), current=("2031Q1",), weight="amount", covariates=("cycle_days",),
    )  # fmt: skip
    faults = " | ".join(question.faults(deals))

    for words in (
        "segments: the deals have no column 'regoin'; did you mean region", "'one' has one level", "no closed deal has the quarter '2031Q1'",
        "weight: 'amount' is negative in 1 closed deals, first in row 7", "'cycle_days' is known only when a deal has ended",
        "cross: [many, rep] makes 10,800 cells of 4,000 closed deals",
    ):  # fmt: skip
        assert words in faults, words
