"""The methods of trials: what they say of a table, and that the wrong one is wrong."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_ind

import whywin as ww
from whywin.deals.need import Cells, Columns
from whywin.stats.streams import stream
from whywin.trials.methods.deals_as_units import DealsAsUnits
from whywin.trials.methods.fixed import Fixed
from whywin.trials.question import Trial

QUESTION = Trial(arm="arm", control="control", unit="rep")
LABELS = ww.Contract(won=("won",), lost=("lost",))


def counts(rows: list[tuple[str, str, int, int]]) -> pd.DataFrame:
    """Return cells of (arm, rep, deals, won)."""
    return pd.DataFrame(rows, columns=["arm", "rep", "deals", "won"])


TWO_BY_THREE = counts(
    [
        ("alert", "a", 10, 6),
        ("alert", "b", 20, 11),
        ("alert", "c", 5, 1),
        ("control", "d", 12, 4),
        ("control", "e", 9, 3),
        ("control", "f", 16, 9),
    ]
)


def test_the_default_needs_only_counts_by_rep() -> None:
    """For the win rate one row a rep leaves the engine; for another metric its column does."""
    assert Fixed().need(QUESTION) == Cells(("arm", "rep"))
    assert isinstance(Fixed().need(Trial("arm", "control", "rep", metric="amount")), Columns)


def test_the_default_gives_rates_and_their_difference() -> None:
    """Rates are won over closed deals in percent, the effect is their difference in points."""
    evidence = Fixed().answer(QUESTION, TWO_BY_THREE, stream(0, "fixed"))

    assert evidence.of("win rate", "arm=alert").value == pytest.approx(100 * 18 / 35)
    assert evidence.of("win rate", "arm=control").value == pytest.approx(100 * 16 / 37)
    assert evidence.of("effect of assignment", "arm=alert").value == pytest.approx(100 * (18 / 35 - 16 / 37))
    assert evidence.of("effect of assignment", "arm=alert").n == 72
    assert list(evidence.tables["reps"]["rate"].round(1)) == [60.0, 55.0, 20.0, 33.3, 33.3, 56.2]


def test_eight_reps_give_the_published_interval(shared: Path) -> None:
    """The whole method, from counts to points, gives clubSandwich's interval."""
    cases = json.loads((shared / "known_answers/trials.json").read_text(encoding="utf-8"))["cases"]
    expected = next(case for case in cases if case["id"] == "cr2_eight_reps_won")["expected"]
    deals = pd.read_csv(shared / "known_answers/data/reps8.csv")
    cells = deals.groupby(["arm", "rep"])["won"].agg(["size", "sum"]).reset_index()
    cells = cells.rename(columns={"size": "deals", "sum": "won"}).astype({"arm": str, "rep": str})

    effect = Fixed().answer(Trial("arm", "0", "rep"), cells, stream(0, "fixed")).of("effect of assignment", "arm=1")

    assert (effect.low, effect.high) == pytest.approx([100 * end for end in expected["ci95_cr2"]], abs=1e-6)


def test_deals_as_units_is_welch_on_deals(shared: Path) -> None:
    """23 % against 20 % of a thousand gives the published interval, whose variance is divided by n where ours is by n - 1."""
    cases = json.loads((shared / "known_answers/trials.json").read_text(encoding="utf-8"))["cases"]
    expected = next(case for case in cases if case["id"] == "ztest_ttest_chi2_2x2")["expected"]["t"]
    cells = counts([("control", "a", 1000, 200), ("alert", "b", 1000, 230)])

    effect = DealsAsUnits().answer(QUESTION, cells, stream(0, "deals_as_units")).of("effect of assignment", "arm=alert")

    half = (effect.high - effect.low) / 2 * np.sqrt(999 / 1000)

    assert effect.value == pytest.approx(100 * expected["difference"], abs=1e-9)
    assert (3 - half, 3 + half) == pytest.approx((100 * expected["ci_lower"], 100 * expected["ci_upper"]), abs=1e-4)


def test_deals_as_units_from_counts_is_scipy_on_rows() -> None:
    """Counts give the same interval as a row a deal."""
    cells = TWO_BY_THREE
    rows = {
        arm: np.r_[np.ones(part["won"].sum()), np.zeros((part["deals"] - part["won"]).sum())]
        for arm, part in cells.groupby("arm")
    }
    classic = ttest_ind(rows["alert"], rows["control"], equal_var=False).confidence_interval(0.95)

    effect = DealsAsUnits().answer(QUESTION, cells, stream(0, "deals_as_units")).of("effect of assignment", "arm=alert")

    assert (effect.low, effect.high) == pytest.approx((100 * classic.low, 100 * classic.high), abs=1e-9)


def test_missing_values_of_a_metric_do_not_count(shared: Path) -> None:
    """N is the number of deals with a value: a peer counts the others too, and gets p = .245 where .371 is right."""
    users = pd.read_csv(shared / "known_answers/data/tt_users_1_nulls.csv")
    sample = pd.DataFrame({"arm": users["variant"].astype(str), "rep": users["user"].astype(str), "revenue": users["revenue"]})
    question = Trial("arm", "0", "rep", metric="revenue")

    evidence = DealsAsUnits().answer(question, sample, stream(0, "x"))
    effect = evidence.of("effect of assignment", "arm=1")
    classic = ttest_ind(*(sample.loc[sample["arm"] == arm, "revenue"].dropna() for arm in "10"), equal_var=False)

    assert effect.n == 299
    assert classic.pvalue == pytest.approx(0.3709863523123903, abs=1e-8)
    assert (effect.low, effect.high) == pytest.approx(tuple(classic.confidence_interval(0.95)), abs=1e-9)


def test_a_trial_of_days_is_in_days() -> None:
    """Another metric is compared in its own unit, over the deals that have it."""
    rng = np.random.default_rng(1)
    rep = rng.integers(20, size=400)
    table = pd.DataFrame({"rep": [f"r{i}" for i in rep], "arm": np.where(rep % 2, "alert", "control"), "outcome": "won"})
    table.loc[::2, "outcome"] = "lost"
    table["created"] = pd.Timestamp("2024-01-01")
    table["closed"] = table["created"] + pd.to_timedelta(30 + 5 * (rep % 2) + rng.integers(10, size=400), unit="D")
    plan = ww.Plan(
        "days", Trial("arm", "control", "rep", metric="cycle_days"), {"fixed": Fixed(), "w": DealsAsUnits()}, deals=LABELS
    )

    run = ww.study(plan, table)

    effect = run.headline.of("effect of assignment", "arm=alert")
    assert effect.unit == "days"
    assert effect.low < 5 < effect.high
    assert "days" in run.answer


def test_three_arms_are_each_compared_with_control() -> None:
    """Every arm other than control has its effect."""
    cells = pd.concat([TWO_BY_THREE, counts([("call", "g", 8, 4), ("call", "h", 9, 2)])], ignore_index=True)

    evidence = Fixed().answer(QUESTION, cells, stream(0, "fixed"))

    assert [row.segment for row in evidence.estimates if row.quantity == "effect of assignment"] == ["arm=alert", "arm=call"]
