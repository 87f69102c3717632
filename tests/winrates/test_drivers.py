"""What is associated with winning: quiet on a null, right on a truth, and silent about what is known too late."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from whywin.errors import QuestionError
from whywin.evidence import Evidence
from whywin.stats.streams import stream
from whywin.winrates.methods.drivers import Drivers
from whywin.winrates.question import WinRates

DIFFERENCE = "associated difference in win rate"


def answered(table: pd.DataFrame, question: WinRates, **settings: object) -> Evidence:
    """The method's answer to a question."""
    method = Drivers(**settings)
    return method.answer(question, method.need(question).sample(table), stream(1, "drivers"))


@pytest.fixture(scope="module")
def sold() -> pd.DataFrame:
    """3,000 closed deals of 30 reps in two years: region matters, product does not, source matters in the first year alone."""
    rng = np.random.default_rng(1)
    n = 3000
    table = pd.DataFrame(
        {
            "region": rng.choice(["East", "North", "West"], size=n, p=[0.2, 0.5, 0.3]),
            "product": rng.choice(["Core", "Pro"], size=n),
            "source": rng.choice(["Call", "Web"], size=n),
            "rep": rng.integers(30, size=n).astype(str),
            "stage": rng.choice(["Lead", "Offer"], size=n),
            "amount": np.exp(rng.normal(9, 1, size=n)),
            "created": pd.Timestamp("2023-01-01") + pd.to_timedelta(rng.integers(730, size=n), unit="D"),
            "cycle_days": rng.integers(5, 90, size=n).astype(float),
        }
    )
    early = table["created"].dt.year == 2023
    shift = np.where(early, 0.3, -0.3) * (table["source"] == "Web") + 0.2 * (table["region"] == "West")
    return table.assign(won=(rng.random(n) < 0.4 + shift).astype(float))


BY = WinRates(("region", "product", "source"), rep="rep", time="created", grain="year")


def test_skygeni_has_no_drivers(shared: Path) -> None:
    """The published joint likelihood ratio: 12.8 on 18 degrees of freedom, p .80; and no column survives Holm's correction."""
    raw = pd.read_csv(shared / "data/crm/skygeni/skygeni_sales_data.csv")
    names = {"deal_stage": "stage", "sales_cycle_days": "cycle_days", "deal_amount": "amount"}
    table = raw.rename(columns=names).assign(won=raw["outcome"].eq("Won").astype(float))
    found = answered(
        table, WinRates(("industry", "region", "product_type", "lead_source")), columns=("cycle_days",), logarithms=("amount",),
        known_late=("stage", "cycle_days"),
    )  # fmt: skip

    assert "likelihood ratio 12.8 on 18 degrees of freedom, p 0.80" in found.checks[0].says
    assert "not detectably associated" in found.checks[0].says
    assert found.tables["drivers"]["p_adjusted"].min() > 0.5
    assert found.tables["drivers"]["shrunk"].abs().max() < 0.5


def test_skygeni_has_no_drivers_by_rep_and_period_either(shared: Path) -> None:
    """With reps together and quarters apart nothing is named, and nothing is told to differ between the quarters."""
    raw = pd.read_csv(shared / "data/crm/skygeni/skygeni_sales_data.csv", parse_dates=["created_date"])
    table = raw.rename(columns={"created_date": "created"}).assign(won=raw["outcome"].eq("Won").astype(float))
    question = WinRates(("industry", "region", "product_type", "lead_source"), rep="sales_rep_id", time="created")
    found = answered(table, question)

    assert found.tables["drivers"]["p_adjusted"].min() > 0.5
    assert found.tables["drivers"]["p_heterogeneity"].min() > 0.05
    assert found.tables["stability"]["period"].nunique() == 5


def test_ibm_s_resellers_win_five_points_more_and_not_nine(shared: Path) -> None:
    """With other columns held, resellers are 5.2 points above field sales (as published), and not the 9.0 of the raw rates."""
    raw = pd.read_parquet(shared / "data/crm/ibm_sales_win_loss/ibm_sales_win_loss.parquet")
    table = raw.assign(won=raw["Opportunity Result"].eq("Won").astype(float))
    sizes = ("Client Size By Revenue", "Client Size By Employee Count", "Competitor Type", "Deal Size Category")
    found = answered(table, WinRates(("Region", "Route To Market", "Supplies Subgroup", *sizes)))
    reseller = found.of(DIFFERENCE, "Route To Market=Reseller")

    assert reseller.low <= 5.2 <= reseller.high
    assert reseller.high < 9.0
    assert "are associated with winning" in found.checks[0].says


def test_a_true_difference_is_found_and_a_false_one_is_not(sold: pd.DataFrame) -> None:
    """West wins 20 points more, products do not differ: the interval holds the one, and the other is not named."""
    found = answered(sold, BY)
    west, table = found.of(DIFFERENCE, "region=West"), found.tables["drivers"].set_index(["column", "level"])

    assert west.low <= 20 <= west.high
    assert west.low > 10
    assert west.unit == "points"
    assert table.loc[("region", "West"), "reference"] == "North"
    assert table.loc[("region", "West"), "p_adjusted"] < 0.001
    assert table.loc["product", "p_adjusted"].min() > 0.05


def test_what_turns_its_sign_is_not_stable(sold: pd.DataFrame) -> None:
    """The web wins more in one year and less in the next: it is told by period, and called unstable; West is stable."""
    found = answered(sold, BY)
    table = found.tables["drivers"].set_index(["column", "level"])
    by_year = found.tables["stability"].set_index(["column", "level", "period"])["effect"]
    source = next(level for column, level in table.index if column == "source")

    assert by_year["source", source, "2023"] * by_year["source", source, "2024"] < 0
    assert not table.loc[("source", source), "stable"]
    assert table.loc[("source", source), "p_heterogeneity"] < 0.001
    assert table.loc[("region", "West"), "stable"]


def test_columns_known_too_late_are_left_out_and_named(sold: pd.DataFrame) -> None:
    """Stage and length of the cycle are no drivers unless asked for by name; nor is the rep, by which deals are grouped."""
    question = WinRates(("region", "stage", "rep"), rep="rep", covariates=("cycle_days", "amount"))
    found = answered(sold, question)

    assert set(found.tables["drivers"]["column"]) == {"region", "amount"}
    said = " ".join(check.says for check in found.checks)
    for name in ("stage, known only when", "cycle_days, known only when", "rep, by which deals are grouped"):
        assert name in said
    assert "stage" in set(answered(sold, question, known_late=("stage",)).tables["drivers"]["column"])


def test_thin_levels_and_columns_that_follow_are_said(sold: pd.DataFrame) -> None:
    """A level with few losses has no estimate, and a column that repeats another is left out; both are said."""
    rare = np.where(np.arange(len(sold)) < 6, "Rare", sold["product"])
    found = answered(
        sold.assign(product=rare, area=sold["region"].str.lower()), WinRates(("region", "product", "area"), rep="rep")
    )
    said = " ".join(check.says for check in found.checks)

    assert set(found.tables["collinearity"]["column"]) == {"region", "product"}
    assert "no estimate of Rare" in said
    assert "area is left out: it follows from the columns before it" in said


def test_a_reference_can_be_chosen(sold: pd.DataFrame) -> None:
    """Against West instead of North, North is as much below as West was above."""
    west = answered(sold, BY).of(DIFFERENCE, "region=West")
    north = answered(sold, BY, references={"region": "West"}).of(DIFFERENCE, "region=North")

    assert (north.value, north.low, north.high) == pytest.approx((-west.value, -west.high, -west.low), abs=1e-4)


def test_columns_that_are_not_there_are_refused(sold: pd.DataFrame) -> None:
    """A number that the deals do not have, and a number that is none, are both said at once."""
    with pytest.raises(QuestionError) as caught:
        answered(sold, BY, columns=("emails", "stage"), known_late=("stage",))

    assert len(caught.value.faults) == 2


def test_it_is_always_an_association(sold: pd.DataFrame) -> None:
    """No sentence of the answer says that anything causes, drives or changes the win rate."""
    found = answered(sold, BY, logarithms=("amount",))

    assert found.of("win rate").value == pytest.approx(100 * sold["won"].mean())
    for check in found.checks:
        assert check.severity == "note"
        assert not any(word in check.says for word in ("cause", "drive", "effect", "impact"))
