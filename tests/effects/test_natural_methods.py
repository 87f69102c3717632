"""Natural experiments: what the methods refuse, what they find in worlds whose truth is known, and what their checks catch."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from whywin.config import load_plan
from whywin.effects.checks.covariate_continuity import CovariateContinuity
from whywin.effects.checks.density import Density
from whywin.effects.checks.placebo_cutoffs import PlaceboCutoffs
from whywin.effects.checks.pre_trends import PreTrends
from whywin.effects.checks.weak_instrument import WeakInstrument
from whywin.effects.methods.difference_in_differences import DifferenceInDifferences
from whywin.effects.methods.discontinuity import Discontinuity
from whywin.effects.methods.instrument import Instrument
from whywin.effects.question import Effect
from whywin.effects.wording import sentence
from whywin.errors import QuestionError
from whywin.evidence import Answered, Check
from whywin.sources import read
from whywin.studies import study
from whywin.worlds.adoption import tool_adoption
from whywin.worlds.alerts import fired_alerts
from whywin.worlds.encouragement import suggested_calls
from whywin.worlds.knobs import Market

CONFIGS = Path(__file__).parents[2] / "configs" / "effects"
ADOPTION = Effect("tool", group="team", adopted="tool_adopted")
SUGGESTED = Effect("executive_call", ("engagement", "champion"), instruments=("call_suggested",), cluster="rep")
ALERTS = Effect("alerted", ("engagement", "champion"), score="risk_score", threshold=60.0)


def closed(table: pd.DataFrame) -> pd.DataFrame:
    """The deals with the outcome as a number, as the contract makes it."""
    return table.assign(won=(table["outcome"] == "Won").astype(float))


@pytest.fixture(scope="module")
def adopters() -> pd.DataFrame:
    """Teams that adopt a tool at different times."""
    return closed(tool_adoption(Market(seed=2, deals=6000)).table)


@pytest.fixture(scope="module")
def nudged() -> pd.DataFrame:
    """Calls that are suggested by chance."""
    return closed(suggested_calls(Market(seed=2, deals=6000)).table)


@pytest.fixture(scope="module")
def alerted() -> pd.DataFrame:
    """Alerts that fire at a score of 60."""
    return closed(fired_alerts(Market(seed=2, deals=6000)).table)


def judged(checker: object, method: object, question: Effect, table: pd.DataFrame) -> Check:
    """The check of one method's answer."""
    sample = method.need(question).sample(table)
    evidence = method.answer(question, sample, np.random.default_rng(0))
    (found,) = checker.check(question, (Answered("it", method, sample, evidence),), None, np.random.default_rng(0))
    return found


@pytest.mark.parametrize(
    ("config", "method"),
    [("adoption", "difference_in_differences"), ("instrument", "instrument"), ("alert_threshold", "discontinuity")],
)
def test_the_shipped_plans_hold_the_truth_with_grade_b(config: str, method: str) -> None:
    """Each natural experiment's shipped plan finds the truth within its interval, passes its checks, and is worded as very likely."""
    plan = load_plan(CONFIGS / f"{config}.yaml")
    plan = replace(plan, methods={method: plan.methods[method]})
    deals = read(plan.source)
    run = study(plan, deals.frame, truth=deals.truth)
    row = run.to_frame().iloc[0]

    assert row["low"] <= row["truth"] <= row["high"]
    assert (run.grade, run.sound) == ("B", True)
    assert "very likely causes a difference in the win rate" in run.answer


def test_an_unrelated_instrument_makes_the_run_unsound(nudged: pd.DataFrame) -> None:
    """A coin that moves nothing: the check of weak instruments is fatal, the grade falls to D, and the run is not sound (exit code 1)."""
    plan = load_plan(CONFIGS / "instrument.yaml")
    coin = np.random.default_rng(1).integers(2, size=len(nudged))
    plan = replace(plan, source=None, methods={"instrument": Instrument()})
    run = study(plan, nudged.drop(columns="won").assign(call_suggested=coin))
    (check,) = [one for one in run.all_checks if one.name == "weak_instrument"]

    assert (check.passed, check.severity, run.grade, run.sound) == (False, "fatal", "D", False)
    assert "do not bound the effect" in check.says


def test_questions_that_lack_the_experiment_are_refused() -> None:
    """Each method says what the question must name before it can answer; difference in differences tells the treated alone."""
    plain = Effect("called", ("engagement",))

    assert "instruments" in Instrument().faults(plain)[0]
    assert "score and threshold" in Discontinuity().faults(plain)[0]
    assert "group and adopted" in DifferenceInDifferences().faults(plain)[0]
    assert "tells the effect on the treated" in DifferenceInDifferences().faults(replace(ADOPTION, estimand="all"))[0]
    assert Instrument().faults(SUGGESTED) == Discontinuity().faults(ALERTS) == DifferenceInDifferences().faults(ADOPTION) == []


def spoilt(table: pd.DataFrame, **changes: object) -> list[str]:
    """The faults of the adoption's question when columns are changed."""
    return ADOPTION.faults(table.assign(**changes))


def test_an_adoption_must_fit_the_deals(adopters: pd.DataFrame) -> None:
    """Half an adoption, a group with two dates, dates that are none, and a treatment that disagrees are faults; the sound one has none."""
    two_dates = adopters["tool_adopted"].where(adopters.index % 7 > 0, pd.Timestamp("2023-08-01"))

    assert ADOPTION.faults(adopters) == []
    assert any("group: missing beside adopted" in fault for fault in Effect("tool", adopted="tool_adopted").faults(adopters))
    assert any("a group adopts once" in fault for fault in spoilt(adopters, tool_adopted=two_dates))
    assert any("is no date" in fault for fault in spoilt(adopters, tool_adopted="soon"))
    assert any("make them agree" in fault for fault in spoilt(adopters, tool=1 - adopters["tool"]))
    assert any("nobody to compare with" in fault for fault in spoilt(adopters, tool_adopted=pd.Timestamp("2023-10-01")))


def test_a_threshold_must_fit_the_deals(alerted: pd.DataFrame) -> None:
    """Half a threshold, one beyond all scores, and a score with gaps are faults."""
    gaps = alerted["risk_score"].where(alerted.index > 3)

    assert ALERTS.faults(alerted) == []
    assert any("score: missing beside threshold" in fault for fault in replace(ALERTS, score=None).faults(alerted))
    assert any("different scores" in fault for fault in replace(ALERTS, threshold=101.0).faults(alerted))
    assert any("is missing in 4 closed deals" in fault for fault in ALERTS.faults(alerted.assign(risk_score=gaps)))


def test_an_instrument_must_fit_the_deals(nudged: pd.DataFrame) -> None:
    """Labels and constants are no instruments, and one that the covariates say is refused when it is used."""
    assert SUGGESTED.faults(nudged) == []
    assert any("must be a number" in fault for fault in SUGGESTED.faults(nudged.assign(call_suggested="yes")))
    assert any("moves nothing" in fault for fault in SUGGESTED.faults(nudged.assign(call_suggested=1)))
    with pytest.raises(QuestionError, match="said by the covariates"):
        Instrument().answer(SUGGESTED, nudged.assign(call_suggested=nudged["champion"]), np.random.default_rng(0))


def test_nothing_need_be_adjusted_for(adopters: pd.DataFrame) -> None:
    """A natural experiment needs neither confounders nor a graph; without one the question is refused as before."""
    assert any("neither is given" in fault for fault in Effect("tool").faults(adopters))
    assert ADOPTION.faults(adopters) == []


def test_moved_scores_are_caught(alerted: pd.DataFrame) -> None:
    """Where most of the deals just below the threshold are pushed over it, the density check fails; in the world as it is it passes."""
    near = alerted["risk_score"].between(58, 59.99) & (alerted.index % 4 > 0)
    pushed = alerted.assign(risk_score=alerted["risk_score"].mask(near, 60.01 + (alerted.index % 50) / 50))
    pushed = pushed.assign(alerted=(pushed["risk_score"] >= 60).astype(int))

    assert judged(Density(), Discontinuity(), ALERTS, alerted).passed
    assert not judged(Density(), Discontinuity(), ALERTS, pushed).passed


def test_covariates_that_jump_are_caught(alerted: pd.DataFrame) -> None:
    """Engagement that is higher from the threshold on fails the continuity of covariates."""
    shifted = alerted.assign(engagement=alerted["engagement"] + 0.8 * alerted["alerted"])

    assert judged(CovariateContinuity(), Discontinuity(), ALERTS, alerted).passed
    assert not judged(CovariateContinuity(), Discontinuity(), ALERTS, shifted).passed
    assert not judged(CovariateContinuity(), Discontinuity(), replace(ALERTS, confounders=()), alerted).passed


def test_outcomes_that_jump_elsewhere_are_caught(alerted: pd.DataFrame) -> None:
    """A jump at the upper side's median is found by the placebo cutoffs."""
    middle = alerted.loc[alerted["risk_score"] >= 60, "risk_score"].median()
    jumping = alerted.assign(won=np.where(alerted["risk_score"] >= middle, 1.0, alerted["won"]))

    assert judged(PlaceboCutoffs(), Discontinuity(), ALERTS, alerted).passed
    assert not judged(PlaceboCutoffs(), Discontinuity(), ALERTS, jumping).passed


def test_trends_that_differ_are_caught(adopters: pd.DataFrame) -> None:
    """Adopting teams that win ever more before they adopt fail the check of trends."""
    quarter = pd.PeriodIndex(adopters["created"], freq="Q").asi8
    climbing = np.where(adopters["tool_adopted"].notna(), (quarter - quarter.min()) * 0.9, 0.0)

    assert judged(PreTrends(), DifferenceInDifferences(), ADOPTION, adopters).passed
    climbed = adopters.assign(won=adopters["won"] + climbing)
    assert not judged(PreTrends(), DifferenceInDifferences(), ADOPTION, climbed).passed


def test_without_a_time_before_nothing_is_known_of_trends(adopters: pd.DataFrame) -> None:
    """Where there is one quarter before adoption, the check of trends fails and says why."""
    cohort = pd.Timestamp("2023-07-01")
    part = adopters[
        (adopters["created"] >= "2023-04-01") & (adopters["tool_adopted"].isna() | (adopters["tool_adopted"] == cohort))
    ]
    found = judged(PreTrends(), DifferenceInDifferences(), ADOPTION, part)

    assert not found.passed
    assert "nothing says that trends were parallel" in found.says


def test_a_threshold_that_decides_in_part_divides_by_its_jump(alerted: pd.DataFrame, answered: Callable) -> None:
    """Where only four of five alerts are delivered, the effect is that of the sharp world divided by the jump, within noise."""
    rng = np.random.default_rng(0)
    delivered = alerted["alerted"] * (rng.uniform(size=len(alerted)) < 0.8)
    fuzzy = answered(Discontinuity(), ALERTS, alerted.assign(alerted=delivered))
    sharp = answered(Discontinuity(), ALERTS, alerted).estimates[0]
    jump = fuzzy.tables["threshold"]["treated_jump"].iloc[0] / 100

    assert jump == pytest.approx(0.8, abs=0.1)
    assert fuzzy.estimates[0].value == pytest.approx(sharp.value / jump, rel=1e-6)


def test_a_treatment_that_barely_jumps_is_caught(alerted: pd.DataFrame) -> None:
    """Treatment at random on both sides: the check of weak instruments is fatal for the threshold too."""
    coin = alerted.assign(alerted=np.random.default_rng(3).integers(2, size=len(alerted)))
    found = judged(WeakInstrument(), Discontinuity(), ALERTS, coin)

    assert (found.passed, found.severity) == (False, "fatal")


def test_groups_alone_in_their_quarter_are_left_out_and_said(adopters: pd.DataFrame, answered: Callable) -> None:
    """The spread of a cohort cannot be told from one group: its effect is left out, and a note says so."""
    lone = adopters["team"] == adopters.loc[adopters["tool_adopted"].isna(), "team"].iloc[0]
    day = adopters["tool_adopted"].mask(lone, pd.Timestamp("2023-04-01"))
    table = adopters.assign(tool_adopted=day, tool=(adopters["created"] >= day).astype(int))
    evidence = answered(DifferenceInDifferences(), ADOPTION, table)
    (note,) = evidence.checks

    assert (note.name, note.passed, note.severity, note.value) == ("cohorts", False, "note", 1.0)


def test_deals_between_the_quarter_and_the_day_are_left_out(adopters: pd.DataFrame, answered: Callable) -> None:
    """Adopting a month into the quarter leaves out the deals of its first month: neither before nor after."""
    later = adopters["tool_adopted"] + pd.Timedelta(days=30)
    table = adopters.assign(tool_adopted=later, tool=(adopters["created"] >= later).astype(int))
    evidence = answered(DifferenceInDifferences(), ADOPTION, table)

    assert evidence.estimates[0].n < answered(DifferenceInDifferences(), ADOPTION, adopters).estimates[0].n
    assert evidence.estimates[0].n == int(table["tool"].sum())


def test_adjusting_by_engagement_narrows_and_agrees(adopters: pd.DataFrame, answered: Callable) -> None:
    """What explains outcomes and has the same trend everywhere changes the estimate little in both forms of adjustment."""
    plain = answered(DifferenceInDifferences(), ADOPTION, adopters).estimates[0]
    question = replace(ADOPTION, confounders=("engagement", "champion"))
    for form in ("doubly_robust", "outcome_regression"):
        found = answered(DifferenceInDifferences(adjustment=form), question, adopters).estimates[0]
        assert abs(found.value - plain.value) < (plain.high - plain.low) / 4
    assert answered(DifferenceInDifferences(adjustment="none"), question, adopters).estimates[0] == plain


def test_contradicting_instruments_are_said(nudged: pd.DataFrame, answered: Callable) -> None:
    """A second instrument that moves the outcome by itself fails the test of agreement, and there is one only where there are two."""
    own_way = nudged["call_suggested"] * 0 + np.random.default_rng(0).integers(2, size=len(nudged))
    table = nudged.assign(
        second=own_way, executive_call=np.where(own_way == 1, 1, nudged["executive_call"]), won=nudged["won"] - 0.6 * own_way
    )
    question = replace(SUGGESTED, instruments=("call_suggested", "second"))
    (found,) = answered(Instrument(), question, table).checks

    assert (found.name, found.passed) == ("agreeing_instruments", False)
    assert answered(Instrument(), SUGGESTED, nudged).checks == ()


def test_each_design_says_whose_effect_it_is(nudged: pd.DataFrame, alerted: pd.DataFrame, answered: Callable) -> None:
    """The sentence names the compliers, or the deals at the threshold, not the treated deals."""
    by_instrument = answered(Instrument(), SUGGESTED, nudged)
    by_threshold = answered(Discontinuity(), ALERTS, alerted)

    assert "of the deals whose treatment the instrument moves" in sentence(SUGGESTED, by_instrument, "B")
    assert "of the deals at the threshold" in sentence(ALERTS, by_threshold, "B")


def test_adjusting_for_nothing_identifies_nothing(adopters: pd.DataFrame) -> None:
    """Beside a natural experiment a comparison that adjusts for nothing is not identified, and its grade is D."""
    plan = load_plan(CONFIGS / "adoption.yaml")
    run = study(replace(plan, source=None), adopters.drop(columns="won"))
    by_method = {check.method: check.passed for check in run.all_checks if check.name == "identification"}

    assert by_method == {"difference_in_differences": True, "difference": False}
    assert run.grades["difference"] == "D"
