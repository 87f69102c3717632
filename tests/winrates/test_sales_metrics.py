"""The metrics of sales teams: by hand on a small table, what is left out and why, and the settings that are refused."""

import time

import numpy as np
import pandas as pd
import pytest

from whywin.errors import ConfigError
from whywin.evidence import Evidence
from whywin.stats.streams import stream
from whywin.winrates.methods.sales_metrics import SalesMetrics
from whywin.winrates.question import WinRates

ANY = stream(0, "sales_metrics")
STAGES = ("Lead", "Proposal", "Signing")
WHOLE = SalesMetrics(stages=STAGES, proposal="Proposal", fewest=2)
DAY = pd.Timestamp("2024-03-01")


def made(outcome: str, rep: str, region: str, days: int, amount: float, stage: str) -> dict[str, object]:
    """One deal, created so many days before the day of the table."""
    won = {"won": 1.0, "lost": 0.0, "open": np.nan}[outcome]
    created, closed = DAY - pd.Timedelta(days=days), pd.NaT if outcome == "open" else DAY
    return {
        "outcome": outcome, "won": won, "rep": rep, "region": region, "created": created, "closed": closed, "amount": amount, "stage": stage
    }  # fmt: skip


@pytest.fixture
def table() -> pd.DataFrame:
    """Twelve deals of three reps: 4 won, 5 lost, 3 open."""
    rows = [
        ("won", "a", "n", 10, 100, "Signing"), ("won", "b", "n", 20, 200, "Lead"), ("won", "c", "n", 30, 300, "Closed"),
        ("won", "a", "s", 40, 400, "Closed"), ("lost", "a", "n", 50, 500, "Lead"), ("lost", "b", "n", 60, 600, "Proposal"),
        ("lost", "b", "s", 70, 700, "Signing"), ("lost", "c", "s", 80, 800, "Lead"), ("lost", "c", "s", 90, 900, "Proposal"),
        ("open", "a", "n", 10, 50, "Lead"), ("open", "b", "s", 20, 150, "Proposal"), ("open", "c", "s", 30, 250, "Signing"),
    ]  # fmt: skip
    return pd.DataFrame([made(*row) for row in rows])


def answered(table: pd.DataFrame, method: SalesMetrics = WHOLE, rep: str | None = "rep") -> Evidence:
    """The method's answer from a table, by region."""
    question = WinRates(("region",), rep=rep)
    return method.answer(question, method.need(question).sample(table), ANY)


def test_each_metric_is_what_its_formula_says(table: pd.DataFrame) -> None:
    """The company's metrics, reckoned by hand."""
    found = answered(table)
    value = {one.quantity: one.value for one in found.estimates if one.segment == "all"}

    assert value["win rate"] == pytest.approx(100 * 4 / 9)
    assert value["revenue at risk"] == pytest.approx(450 * 5 / 9)
    assert value["cycle gap"] == 70 - 25
    assert value["pipeline velocity"] == pytest.approx(500 * (4 / 9) / 50)
    assert value["stage momentum"] == pytest.approx((1 + 2 + 3) / 60)
    assert value["conversion from Lead"] == pytest.approx(100 * 7 / 9)
    assert value["conversion from Proposal"] == pytest.approx(100 * 5 / 7)
    assert value["conversion from Signing"] == pytest.approx(100 * 4 / 5)
    assert value["late-stage loss ratio"] == pytest.approx(100 * 3 / 5)
    assert found.of("segment impact", "region=n").value == pytest.approx(100 * (3 / 5 - 4 / 9) * 5 / 9)
    assert (found.checks[0].passed, found.checks[0].says) == (True, "No metric was left out.")


def test_impacts_sum_to_nought_over_a_column(deals: pd.DataFrame) -> None:
    """What the levels of a column do to the company's rate adds up to nothing."""
    question = WinRates(("region", "product"))
    method = SalesMetrics()
    found = method.answer(question, method.need(question).sample(deals), ANY).tables["segment_impact"]

    assert found.groupby("dimension")["impact"].sum().to_numpy() == pytest.approx([0, 0], abs=1e-9)
    assert (found["p_adjusted"] >= found["p"]).all()


def test_what_the_table_lacks_is_left_out_and_said(table: pd.DataFrame) -> None:
    """Without amounts, dates or stages the metrics that need them are left out, each with a sentence, and the rest stands."""
    found = answered(table.drop(columns=["amount", "created", "closed", "stage"]), rep=None)

    assert {one.quantity for one in found.estimates} == {"win rate", "segment impact"}
    assert (found.checks[0].passed, found.checks[0].severity, found.checks[0].name) == (False, "note", "sales_metrics")
    for said in ("since no amount is mapped", "neither the dates nor", "since no stage is mapped"):
        assert said in found.checks[0].says


def test_what_open_deals_lack_is_said(table: pd.DataFrame) -> None:
    """Revenue at risk needs open deals, and their amounts: the note tells which of the two is missing."""
    is_open = table["outcome"] == "open"
    for changed, said in (
        (table[~is_open], "revenue at risk, since no deal is open"),
        (table.assign(amount=table["amount"].where(~is_open)), "revenue at risk, since no open deal has an amount"),
    ):
        found = answered(changed)
        assert said in found.checks[0].says
        assert "revenue at risk" not in {one.quantity for one in found.estimates}


def test_without_the_order_of_stages_there_are_no_stage_metrics(table: pd.DataFrame) -> None:
    """Stages have no order of their own: without the setting none of their metrics is told, and the note says so."""
    found = answered(table, SalesMetrics(fewest=2))

    assert not {one.quantity for one in found.estimates} & {"stage momentum", "late-stage loss ratio", "conversion from Lead"}
    assert "the setting stages does not give the stages' order" in found.checks[0].says


def test_a_stage_that_closing_overwrote_tells_nothing(table: pd.DataFrame) -> None:
    """When lost deals are in no known stage, won ones would make every conversion 100 %: it is left out, momentum stays."""
    table.loc[table["outcome"] != "open", "stage"] = "Closed"
    found = answered(table)
    quantities = {one.quantity for one in found.estimates}

    assert "stage momentum" in quantities
    assert not quantities & {"late-stage loss ratio", "conversion from Lead"}
    assert "100 % of the lost deals are in none of the stages" in found.checks[0].says


def test_levels_of_few_deals_are_left_out_and_counted(table: pd.DataFrame) -> None:
    """A level below the setting has no metrics."""
    found = answered(table, SalesMetrics(fewest=5))

    assert {one.segment for one in found.estimates} == {"all", "region=n"}
    assert "1 level with fewer than 5 closed deals" in found.checks[0].says


def test_reps_make_intervals_wider() -> None:
    """When reps differ, an interval that knows it is wider than one that takes every deal by itself."""
    rng = np.random.default_rng(1)
    rep = np.repeat(np.arange(10), 60)
    won = (rng.random(600) < np.linspace(0.2, 0.7, 10)[rep]).astype(float)
    table = pd.DataFrame({"won": won, "rep": rep.astype(str), "region": np.where(rng.random(600) < 0.5, "n", "s")})
    by_rep, by_deal = (answered(table, rep=rep).of("win rate") for rep in ("rep", None))

    assert by_rep.value == by_deal.value
    assert by_rep.high - by_rep.low > 2 * (by_deal.high - by_deal.low)


def test_one_rep_s_deals_stand_for_themselves(table: pd.DataFrame) -> None:
    """With one rep in the table nothing is known of others: deals are taken one by one, and there is an answer."""
    assert answered(table.assign(rep="a")).of("win rate") == answered(table, rep=None).of("win rate")


def test_stages_in_no_order_are_refused() -> None:
    """A stage named twice and a proposal that is no stage are both said at once."""
    with pytest.raises(ConfigError) as caught:
        SalesMetrics(stages=("Lead", "Lead"), proposal="Offer")

    assert len(caught.value.faults) == 2
    assert "'Offer' must be one of stages" in str(caught.value)


def test_five_thousand_deals_take_less_than_two_seconds() -> None:
    """Every metric of every level, with its interval, is there at once."""
    rng = np.random.default_rng(2)
    created = DAY - pd.to_timedelta(rng.integers(1, 400, size=5000), unit="D")
    won = np.where(rng.random(5000) < 0.1, np.nan, (rng.random(5000) < 0.4).astype(float))
    table = pd.DataFrame(
        {
            "won": won, "rep": rng.integers(25, size=5000).astype(str), "region": rng.integers(20, size=5000).astype(str),
            "created": created, "closed": (created + pd.to_timedelta(rng.integers(5, 99, size=5000), unit="D")).where(~np.isnan(won)),
            "amount": rng.exponential(1e4, size=5000), "stage": rng.choice(STAGES, size=5000),
        }
    )  # fmt: skip
    start = time.perf_counter()
    found = answered(table)

    assert time.perf_counter() - start < 2
    assert len(found.estimates) > 150
