"""The answer in one sentence: quiet where segments do not differ, with names and numbers where they do."""

from dataclasses import replace
from types import SimpleNamespace

import pandas as pd

from whywin.evidence import Check, Estimate, Evidence
from whywin.winrates.question import WinRates
from whywin.winrates.segments import SEGMENT_COLUMNS
from whywin.winrates.wording import sentence

PERIODS = WinRates(("region",), time="created", baseline=("2023Q4",), current=("2024Q1",))
PLAIN = WinRates(("region",))
RATE = Estimate("win rate", "all", 45.24, 43.8, 46.65, 0.95, 5000, "percent")


def change(low: float, high: float) -> Estimate:
    """A change of minus four points with this interval."""
    return Estimate("change in win rate", "all", -4.0, low, high, 0.95, 2000, "points")


def evidence(*estimates: Estimate, named: tuple = ()) -> Evidence:
    """Evidence in which these levels, given as (level, pooled), differ and one more does not."""
    rows = [("region", level, 100, value, value, value - 2, value + 2, 0.1, 0.5, 0.5, True, 1, 1, 2) for level, value in named]
    rows += [("region", "Mid", 100, 45.0, 45.1, 43.0, 47.0, 0.5, 0.1, 0.1, False, 2, 1, 2)]
    return Evidence((RATE, *estimates), tables={"segments": pd.DataFrame(rows, columns=list(SEGMENT_COLUMNS))})


def test_noise_is_the_finding() -> None:
    """Where nothing differs the sentence says so first, then that the change is no more than noise."""
    said = sentence(PERIODS, evidence(change(-8.0, 0.5)), "E")

    assert said == (
        "Segments do not differ detectably from the company's win rate of 45.2 % (43.8 to 46.6 %, 5,000 closed deals); "
        "the change of −4.0 points (−8.0 to +0.5) from 2023Q4 to 2024Q1 is no more than noise."
    )


def test_differences_are_named_with_their_dimension_and_numbers() -> None:
    """Of several the furthest above and below are told, with how many there are."""
    said = sentence(PLAIN, evidence(named=(("North", 60.0), ("South", 55.0), ("West", 30.0))), "E")

    assert said == (
        "3 of 4 segments differ from the company's win rate of 45.2 % (43.8 to 46.6 %, 5,000 closed deals); furthest off, "
        "region North is 60.0 % (58.0 to 62.0 %) and region West is 30.0 % (28.0 to 32.0 %)."
    )


def test_one_difference_is_singular() -> None:
    """One segment differs, and nothing is furthest."""
    said = sentence(PLAIN, evidence(named=(("North", 60.0),)), "E")

    assert said.startswith("1 of 2 segments differs from the company's")
    assert "furthest" not in said


def test_a_real_change_is_more_than_noise() -> None:
    """An interval without zero is worded as a change."""
    assert sentence(PERIODS, evidence(change(-7.0, -1.0)), "E").endswith("is more than noise.")


def test_observed_rates_claim_no_difference() -> None:
    """Without a table of segments the sentence is the rate, and how far it is off before, and no more."""
    assert sentence(PLAIN, Evidence((RATE,)), "E") == "The observed win rate is 45.2 % (43.8 to 46.6 %, 5,000 closed deals)."
    said = sentence(PERIODS, Evidence((RATE, change(-7.0, -1.0))), "E")
    assert said.endswith("; it is −4.0 points (−7.0 to −1.0) off that of 2023Q4.")


def test_a_fatal_check_leaves_no_answer() -> None:
    """An answer that must not be used is not worded as one."""
    broken = evidence().with_checks([Check("convergence", passed=False, severity="fatal", says="The chains differ.", value=2.0)])

    assert sentence(PLAIN, broken, "E") == "There is no answer: the chains differ."


def test_a_fitted_answer_is_worded(answered: SimpleNamespace, question: WinRates) -> None:
    """The small market's sentence names its two outlying regions, whichever grade it has."""
    said = sentence(question, replace(answered.evidence), "E")

    assert "region West is" in said
    assert "region East is" in said
