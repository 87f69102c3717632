"""What would undo a trial: arms unlike before, deals lost, effects that spread or wear off, one unit under two names."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from whywin.evidence import Check
from whywin.stats.streams import stream
from whywin.trials.checks.attrition import Attrition
from whywin.trials.checks.interference import Interference
from whywin.trials.checks.novelty import Novelty
from whywin.trials.checks.pre_period_balance import PrePeriodBalance
from whywin.trials.checks.sample_ratio import SampleRatio
from whywin.trials.checks.units_in_both_arms import UnitsInBothArms
from whywin.trials.question import Trial

START = date(2024, 1, 1)


def checked(checker: object, question: Trial, sample: pd.DataFrame) -> Check:
    """Return the one check of the run."""
    (found,) = checker.check(question, (), sample, stream(0, "check"))
    return found


def deals(seed: int = 1, reps: int = 24, per_rep: int = 40) -> pd.DataFrame:
    """Return deals of reps without any effect, over twelve weeks from the start."""
    rng = np.random.default_rng(seed)
    rep = np.repeat(np.arange(reps), per_rep)
    week = rng.integers(12, size=len(rep))
    created = pd.Timestamp(START) + pd.to_timedelta(7 * week, unit="D")
    arm = rng.permutation(np.arange(reps) % 2)
    frame = pd.DataFrame(
        {
            "rep": [f"r{i}" for i in rep],
            "arm": np.where(arm[rep] == 1, "alert", "control"),
            "team": [f"t{i // 3}" for i in rep],
            "won": (rng.random(len(rep)) < 0.4).astype(float),
            "created": created,
            "closed": created + pd.Timedelta(days=9),
            "skill": rng.normal(size=len(rep)),
        }
    )
    return frame.assign(created_week=frame["created"].dt.to_period("W").astype("string"))


QUESTION = Trial("arm", "control", "rep", start=START, team="team", before=("skill",))
CHECKERS = (PrePeriodBalance(), Attrition(), Interference(), Novelty())


@pytest.mark.parametrize("checker", CHECKERS, ids=lambda one: type(one).__name__)
def test_a_sound_trial_passes(checker: object) -> None:
    """Over many trials of which nothing is wrong it is below .05 in about 5 of 100, and hardly ever fails."""
    p_values = np.array([checked(checker, QUESTION, deals(seed)).value for seed in range(80)])

    assert (p_values < 0.05).mean() <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 80)
    assert (p_values < 0.01).mean() <= 0.05


def test_arms_that_were_unlike_before_are_caught() -> None:
    """Better reps in one arm are no chance: the sentence names the covariate and how far apart the arms are."""
    sample = deals()
    sample["skill"] += 1.0 * (sample["arm"] == "alert")

    found = checked(PrePeriodBalance(), QUESTION, sample)

    assert not found.passed
    assert "skill" in found.says
    assert PrePeriodBalance().need(Trial("arm", "control", "rep")) is None


def test_deals_that_stay_open_in_one_arm_are_caught() -> None:
    """Twice as many open deals in one arm change which deals are compared; reps without any closed deal are counted."""
    sample, rng = deals(), np.random.default_rng(0)
    stays = (sample["arm"] == "alert") & (rng.random(len(sample)) < 0.4) | (sample["rep"] == "r3")
    sample["won"] = sample["won"].mask(stays)

    found = checked(Attrition(), QUESTION, sample)

    assert not found.passed
    assert "1 reps have none" in found.says


def test_an_effect_that_spreads_in_a_team_is_caught() -> None:
    """Reps whose colleagues are treated do better, whatever their own arm: the slope in the dose is found."""
    rng = np.random.default_rng(4)
    sample = deals(reps=90)
    first = sample.drop_duplicates("rep").set_index("rep")
    treated = first["arm"].eq("alert").astype(float)
    share = treated.groupby(first["team"]).transform("mean")
    sample["won"] = (rng.random(len(sample)) < 0.2 + 0.6 * sample["rep"].map(share)).astype(float)

    found = checked(Interference(), QUESTION, sample)

    assert not found.passed
    assert "30 groups" in found.says


def test_without_teams_nothing_is_said_of_spreading() -> None:
    """It passes as a note that names the way out; a handful of teams cannot tell either."""
    assert "question.team" in checked(Interference(), Trial("arm", "control", "rep"), deals()).says
    few = checked(Interference(), QUESTION, deals(reps=9))
    assert few.passed
    assert "cannot be told" in few.says


def test_an_effect_that_wears_off_is_noted() -> None:
    """A large effect in the first weeks and none later is novelty; the sentence tells the change by week."""
    rng, sample = np.random.default_rng(2), deals(reps=40)
    week = (sample["created"] - pd.Timestamp(START)).dt.days // 7
    effect = 0.5 * (1 - week / 11) * (sample["arm"] == "alert")
    sample["won"] = (rng.random(len(sample)) < 0.3 + effect).astype(float)

    found = checked(Novelty(), QUESTION, sample)

    assert not found.passed
    assert found.severity == "note"
    assert "−" in found.says


def test_one_unit_under_two_names_is_caught() -> None:
    """Anna Lee of one arm and anna.lee of the other are one person; numbers that differ by nothing but digits are not."""
    sample = pd.DataFrame({"arm": ["alert", "control"] * 2, "rep": ["Anna Lee", "anna.lee", "Bo", "Cy"], "deals": 3, "won": 1})
    numbers = sample.assign(rep=["1", "11", "2-1", "21"])
    question = Trial("arm", "control", "rep")

    assert not checked(UnitsInBothArms(), question, sample).passed
    assert checked(UnitsInBothArms(), question, numbers).passed


def test_a_ratio_may_be_looked_at_every_week() -> None:
    """Where looks are planned the anytime-valid p-value decides; a lopsided stream of customers is caught by it, an even one is not."""
    question = Trial("arm", "control", "customer", start=START, looks=((date(2024, 2, 1), 0.5), (date(2024, 4, 1), 1.0)))

    def stream_of(share: float) -> pd.DataFrame:
        rng = np.random.default_rng(1)
        day = pd.Timestamp(START) + pd.to_timedelta(rng.integers(84, size=2000), unit="D")
        arm = np.where(rng.random(2000) < share, "alert", "control")
        return pd.DataFrame({"customer": [f"c{i}" for i in range(2000)], "arm": arm, "created": day, "closed": day, "won": 1.0})

    assert checked(SampleRatio(), question, stream_of(0.5)).passed
    lopsided = checked(SampleRatio(), question, stream_of(0.58))
    assert not lopsided.passed
    assert "looked at every week" in lopsided.says
