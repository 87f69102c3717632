"""The rule that was written before the data, and what it says."""

import pytest

from whywin.errors import ConfigError
from whywin.evidence import Estimate
from whywin.trials.decision import Decision, Guardrail, decide
from whywin.trials.question import Trial


def effect(low: float, high: float, quantity: str = "effect of assignment") -> Estimate:
    """Return an effect with this interval, in points."""
    return Estimate(quantity, "arm=alert", (low + high) / 2, low, high, 0.95, 500, "points")


@pytest.mark.parametrize(
    ("ship", "stop", "low", "high", "verdict"),
    [
        ("above_margin", "below_margin", 2.5, 6, "ship"),
        ("above_margin", "below_margin", 1.5, 6, "continue"),
        ("above_margin", "below_margin", -1, 1.9, "stop"),
        ("above_zero", "below_zero", 0.1, 6, "ship"),
        ("above_zero", "below_zero", -0.1, 6, "continue"),
        ("above_zero", "below_zero", -4, -0.1, "stop"),
        ("not_worse", "worse", -1.9, 3, "ship"),
        ("not_worse", "worse", -2.1, 3, "continue"),
        ("not_worse", "worse", -6, -2.1, "stop"),
        ("above_zero", None, -6, -2, "continue"),
        (None, "below_zero", 1, 2, "continue"),
    ],
)
def test_an_interval_decides_by_where_it_lies(ship: str, stop: str, low: float, high: float, verdict: str) -> None:
    """With a margin of 2 each rule ships, stops or continues where its words say so, and gives the interval as its reason."""
    found = decide(Decision(ship, stop), effect(low, high), 2.0)

    assert (found.arm, found.verdict) == ("alert", verdict)
    assert "the interval" in found.says


def test_where_lower_is_better_the_rule_is_turned() -> None:
    """A shorter cycle ships: the whole interval must lie below minus the margin."""
    rule = Decision("above_margin", "below_zero")

    assert decide(rule, effect(-9, -3), 2.0, better="lower").verdict == "ship"
    assert "wholly below −2.0" in decide(rule, effect(-9, -3), 2.0, better="lower").says
    assert decide(rule, effect(1, 4), 2.0, better="lower").verdict == "stop"
    assert decide(rule, effect(-1, 4), 2.0, better="lower").verdict == "continue"


def test_a_guardrail_that_is_harmed_stops_what_would_ship() -> None:
    """However good the primary metric is, a guardrail that is worse by its margin stops the trial."""
    harmed = Guardrail(effect(-9, -4, "effect of assignment on amount"), 3.0)
    found = decide(Decision("above_zero", None), effect(2, 5), 0.0, (harmed,))

    assert found.verdict == "stop"
    assert "amount" in found.says


def test_a_guardrail_must_be_proven_unless_the_rule_says_otherwise() -> None:
    """One whose interval crosses its margin keeps the trial going, or lets it ship where unharmed is enough."""
    unsure = Guardrail(effect(-5, 4, "effect of assignment on amount"), 3.0)

    assert decide(Decision("above_zero"), effect(2, 5), 0.0, (unsure,)).verdict == "continue"
    assert decide(Decision("above_zero", guardrails="unharmed"), effect(2, 5), 0.0, (unsure,)).verdict == "ship"


def test_an_answer_that_its_checks_undo_decides_nothing() -> None:
    """The rule is not applied where the grade fell."""
    found = decide(Decision("above_zero", "below_zero"), effect(2, 5), 0.0, trusted=False)

    assert found.verdict == "continue"
    assert "check failed" in found.says


@pytest.mark.parametrize(
    ("rule", "margin", "words"),
    [
        (Decision("above_margin"), 0.0, "needs a margin above 0"),
        (Decision("above_zero", "below_margin"), 2.0, "at once"),
        (Decision("not_worse", "below_zero"), 2.0, "at once"),
    ],
)
def test_a_rule_that_contradicts_itself_is_refused(rule: Decision, margin: float, words: str) -> None:
    """A rule that can ship and stop on the same interval, or lacks its margin, is a mistake of the config."""
    with pytest.raises(ConfigError, match=words):
        Trial("arm", "control", "rep", margin=margin, decision=rule)


def test_no_interval_ships_and_stops() -> None:
    """For every rule that is accepted, what is above its ship edge is not below its stop edge."""
    for ship in ("above_margin", "above_zero", "not_worse"):
        for stop in ("below_margin", "below_zero", "worse"):
            rule = Decision(ship, stop)  # type: ignore[arg-type]
            if rule.faults(2.0):
                continue
            for low in range(-5, 5):
                for high in range(low, 6):
                    only = [decide(one, effect(low, high), 2.0).verdict for one in (Decision(ship, None), Decision(None, stop))]  # type: ignore[arg-type]
                    assert only != ["ship", "stop"], (ship, stop, low, high)
