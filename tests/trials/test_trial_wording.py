"""How the answer of a trial is said."""

import pytest

from whywin.evidence import Estimate, Evidence
from whywin.trials.question import Trial
from whywin.trials.wording import sentence


def said(low: float, high: float, grade: str = "A", margin: float = 0.0) -> str:
    """Return the sentence for an interval."""
    row = Estimate("effect of assignment", "arm=alert", (low + high) / 2, low, high, 0.95, 100, "points")
    return sentence(Trial("arm", "control", "rep", margin=margin), Evidence((row,)), grade)


def test_only_a_sound_trial_causes() -> None:
    """An interval away from zero causes with grade A, and is merely associated with grade D."""
    assert "causes" in said(1.0, 5.0)
    assert "causes" not in said(1.0, 5.0, grade="D")
    assert "is associated with" in said(1.0, 5.0, grade="D")


def test_noise_is_said_to_be_noise() -> None:
    """An interval over zero is no effect shown, with the sizes that remain possible."""
    text = said(-1.0, 5.0)

    assert "does not show" in text
    assert "−1.0 to +5.0" in text


@pytest.mark.parametrize(
    ("low", "high", "words"), [(-0.5, 0.5, "does not change"), (2.5, 4.0, "causes"), (0.5, 4.0, "does not show")]
)
def test_the_margin_decides_what_is_of_interest(low: float, high: float, words: str) -> None:
    """An interval within the margin is no change of interest; one that crosses it leaves the question open."""
    assert words in said(low, high, margin=2.0)
