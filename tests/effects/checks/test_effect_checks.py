"""The checks on effects: each passes where it should and fails where it should."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from whywin.effects.checks.balance import Balance
from whywin.effects.checks.hidden_confounder import HiddenConfounder
from whywin.effects.checks.identification import Identification
from whywin.effects.checks.left_out import LeftOut
from whywin.effects.checks.missing_values import MissingValues
from whywin.effects.checks.overlap import Overlap
from whywin.effects.checks.placebo import Placebo, dealt_anew
from whywin.effects.methods.difference import Difference
from whywin.effects.methods.dowhy import Dowhy
from whywin.effects.methods.matching import Matching
from whywin.effects.question import Effect
from whywin.evidence import Check, Estimate, Evidence


@dataclass(frozen=True)
class Answer:
    """What a check may look at."""

    label: str
    method: Any
    evidence: Evidence


@pytest.fixture
def checked(answered: Callable) -> Callable[..., tuple[Check, ...]]:
    """Answer by methods, then check, as `study` does."""

    def run(checker: Any, question: Effect, table: pd.DataFrame, *methods: Any) -> tuple[Check, ...]:
        answers = tuple(Answer(type(method).__name__, method, answered(method, question, table)) for method in methods)
        need = checker.need(question)
        sample = None if need is None else need.sample(table)
        return checker.check(question, answers, sample, np.random.default_rng(0))

    return run


def test_identification_is_about_the_run_and_fatal(deals: pd.DataFrame, checked: Callable) -> None:
    """A graph that closes every path passes; an unobserved common cause fails with the path in words."""
    edges = (("engagement", "called"), ("engagement", "won"), ("called", "won"))
    (good,) = checked(Identification(), Effect("called", graph=edges), deals)
    (bad,) = checked(Identification(), Effect("called", graph=(*edges, ("mood", "called"), ("mood", "won"))), deals)

    assert (good.passed, good.severity, good.method, good.value) == (True, "fatal", "", 1.0)
    assert not bad.passed
    assert "called ← mood → won stays open" in bad.says


def test_balance_fails_where_matching_leaves_a_difference(deals: pd.DataFrame, about: Callable, checked: Callable) -> None:
    """Many neighbours balance; a limit below what is left fails; a method without a table is not judged."""
    (good,) = checked(Balance(), about(), deals, Matching(neighbours=5), Difference())
    (bad,) = checked(Balance(largest=1e-6), about(), deals, Matching(neighbours=5))

    assert (good.passed, good.method, good.severity) == (True, "Matching", "serious")
    assert 0 < good.value < 0.1
    assert not bad.passed


def test_nothing_to_adjust_for_is_balanced(deals: pd.DataFrame, checked: Callable) -> None:
    """Where the graph asks for no adjustment the check says so."""
    (check,) = checked(Balance(), Effect("called", graph=(("called", "won"),)), deals, Matching())

    assert check.passed
    assert "Nothing is adjusted for" in check.says


def test_overlap_fails_where_nobody_is_alike(deals: pd.DataFrame, about: Callable, checked: Callable) -> None:
    """Deals that are called above a threshold have no like; few controls that carry everything fail too."""
    apart = deals.assign(called=(deals["engagement"] > 0).astype(int))
    (good,) = checked(Overlap(), about(), deals, Matching(neighbours=3))
    (bad,) = checked(Overlap(), about(), apart, Matching())
    (thin,) = checked(Overlap(effective=500), about(), deals, Matching())

    assert (good.passed, good.method) == (True, "Matching")
    assert (bad.passed, bad.value) == (False, 1.0)
    assert not thin.passed


def test_placebo_is_quiet_on_every_method(made: Callable, about: Callable, checked: Callable) -> None:
    """A large true effect is no alarm: with treatment dealt out anew the mean is near zero, also for DoWhy's weighting."""
    methods = (Matching(), Difference(), Dowhy(resamples=20))
    found = checked(Placebo(refits=20), about(estimand="all"), made(800, 3, effect=0.4), *methods)

    assert [check.method for check in found] == ["Matching", "Difference", "Dowhy"]
    assert all(check.passed and abs(check.value) < 3 for check in found)
    assert all("0 of them are as far from zero" in check.says for check in found)


def test_placebo_fails_a_method_that_finds_something_in_nothing(deals: pd.DataFrame, about: Callable, checked: Callable) -> None:
    """A method that adds ten points to whatever it sees is caught, with or without a `point` of its own."""

    @dataclass(frozen=True)
    class Hopeful(Difference):
        def answer(self, question: Effect, sample: pd.DataFrame, rng: np.random.Generator) -> Evidence:
            evidence = super().answer(question, sample, rng)
            row = evidence.estimates[0]
            raised = replace(row, value=row.value + 10, low=row.low + 10, high=row.high + 10)
            return replace(evidence, estimates=(raised,))

        point = property()  # so that it has none

    (check,) = checked(Placebo(), about(), deals, Hopeful())

    assert not check.passed
    assert check.value == pytest.approx(10, abs=3)


def test_treatment_is_dealt_anew_across_clusters(deals: pd.DataFrame, about: Callable) -> None:
    """The number of treated deals stays and who they are does not, whatever the clusters: a rep that is always called is dealt anew too."""
    always = deals.assign(called=deals["rep"].isin([f"R{number}" for number in range(10)]).astype(int))
    dealt = dealt_anew(about(cluster="rep"), always, np.random.default_rng(1))

    assert dealt.sum() == always["called"].sum()
    assert 0.3 < dealt[always["called"] == 1].mean() < 0.7


def evidence(low: float, high: float, unit: str = "points", without: float = 40.0) -> Evidence:
    """An effect with the outcome that there would have been."""
    value = (low + high) / 2
    table = pd.DataFrame({"treatment": ["with", "without"], "mean": [without + value, without]})
    return Evidence((Estimate("effect on the treated", "all", value, low, high, 0.95, 100, unit),), tables={"outcomes": table})


@pytest.mark.parametrize(
    ("found", "value", "passed"),
    [
        (evidence(20.0, 30.0), 1.5 + (1.5 * 0.5) ** 0.5, True),  # 60 % against 40 %
        (evidence(-30.0, -20.0), 2 + 2**0.5, True),  # 20 % against 40 %
        (evidence(0.5, 10.0), 1.0125 + (1.0125 * 0.0125) ** 0.5, False),
        (evidence(-1.0, 10.0), 1.0, True),
        (evidence(1.0, 3.0, without=0.0), 100.0, True),
    ],
)
def test_the_e_value_is_of_the_end_nearest_to_zero(
    deals: pd.DataFrame, about: Callable, found: Evidence, value: float, passed: bool
) -> None:
    """The end nearest to zero against the rate without treatment, on the risk-ratio scale; over zero nothing is claimed."""
    answers = (Answer("matching", None, found), Answer("bare", None, replace(found, tables={})))
    (check,) = HiddenConfounder().check(about(), answers, deals, np.random.default_rng(0))

    assert check.value == pytest.approx(value)
    assert (check.passed, check.method, check.severity) == (passed, "matching", "serious")


def test_the_e_value_of_a_number_is_in_deviations(deals: pd.DataFrame, about: Callable) -> None:
    """For an outcome that is no rate, the risk ratio follows from the difference in standard deviations."""
    days = deals["engagement"].std(ddof=0)
    answers = (Answer("matching", None, evidence(days, 2 * days, "number")),)
    (check,) = HiddenConfounder().check(about(outcome="engagement"), answers, deals, np.random.default_rng(0))

    ratio = np.exp(0.91)
    assert check.value == pytest.approx(ratio + np.sqrt(ratio * (ratio - 1)))


def test_missing_values_are_counted(deals: pd.DataFrame, about: Callable, checked: Callable) -> None:
    """Which columns miss how many values, and what is done about it, in a note."""
    table = deals.copy()
    table.loc[:9, "region"] = None
    table.loc[5:14, "engagement"] = np.nan
    (none,), (some,) = (checked(MissingValues(), about(), rows) for rows in (deals, table))

    assert none.passed
    assert (some.passed, some.value, some.severity) == (False, 15.0, "note")
    assert "engagement in 10, region in 10" in some.says


def test_deals_left_out_are_counted(deals: pd.DataFrame, about: Callable, checked: Callable) -> None:
    """Open deals and those that closed before the landmark are counted apart, the treated among them too."""
    table = deals.copy()
    table.loc[:19, "won"] = np.nan
    table.loc[:19, "closed"] = pd.NaT
    age = (table["closed"] - table["created"]).dt.days
    young = table["won"].notna() & (age <= 30)
    (check,) = checked(LeftOut(), about(landmark_days=30), table)
    (all_closed,) = checked(LeftOut(), about(), deals)

    assert check.value == 20 + young.sum()
    assert f"20 are still open and {young.sum():,} closed within 30 days" in check.says
    assert f"({(young & (table['called'] == 1)).sum():,} of them treated)" in check.says
    assert (check.passed, all_closed.passed) == (False, True)
