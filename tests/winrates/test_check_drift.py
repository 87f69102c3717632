"""The model of the past is held against the next period: it is quiet where effects hold, and speaks where they turn round."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from whywin.stats.streams import stream
from whywin.winrates.checks.drift import Drift, History, beyond_company, forecast
from whywin.winrates.methods.hierarchical import Hierarchical
from whywin.winrates.question import WinRates

QUESTION = WinRates(("region", "product"), time="created")
RATES = dict(zip("ABCDEFGH", np.linspace(0.3, 0.65, 8), strict=True))
PERIODS = ("2023Q1", "2023Q2", "2023Q3", "2023Q4", "2024Q1", "2024Q2")


def history(turned: float = 0.0, fall: float = 0.0, deals: int = 400, periods: tuple[str, ...] = PERIODS) -> SimpleNamespace:
    """An answer whose regions' rates trade places by `turned` in the last two periods, in which all rates fall by `fall`."""
    rng = np.random.default_rng(4)
    other = dict(zip(RATES, reversed(RATES.values()), strict=True))
    rows = []
    for number, period in enumerate(periods):
        late = number >= len(periods) - 2
        for region, rate in RATES.items():
            chance = rate + late * (turned * (other[region] - rate) - fall)
            rows += [(region, product, period, deals, rng.binomial(deals, chance)) for product in ("Core", "Pro")]
    cells = pd.DataFrame(rows, columns=["region", "product", "created_quarter", "deals", "won"])
    evidence = SimpleNamespace(estimates=(1,), posterior=SimpleNamespace(children={"constant_data": 1}))
    return SimpleNamespace(label="hierarchical", method=Hierarchical(), sample=cells, evidence=evidence)


def judged(answer: SimpleNamespace, **settings: float) -> object:
    """What the check says of one answer."""
    (check,) = Drift(**settings).check(QUESTION, (answer,), None, stream(0, "drift"))
    return check


def test_effects_that_hold_are_no_surprise() -> None:
    """Six periods with the same rates: three forecasts, in which as many levels surprise as promised, and the score beats one rate."""
    check = judged(history())
    score, promised, constant = (float(text.replace("−", "-")) for text in _scores(check.says))

    assert (check.passed, check.severity, check.method) == (True, "serious", "hierarchical")
    assert check.says.startswith("Forecast from the periods before, 2023Q4 to 2024Q2 had")
    assert score > constant
    assert score == pytest.approx(promised, abs=0.02)
    assert check.value > 0.05


def _scores(says: str) -> list[str]:
    import re

    return re.findall(r"−0\.\d{3}", says)


def test_regions_that_trade_places_are_serious() -> None:
    """Effects that turn round in the last two periods put far more levels outside their intervals than promised."""
    check = judged(history(turned=1.0))

    assert (check.passed, check.severity) == (False, "serious")
    assert "effects drift" in check.says
    assert check.value < 0.01


def test_a_poorer_score_alone_is_a_note() -> None:
    """With a seventh of the deals the same turn is within what so few deals let the intervals hold, but not the log score."""
    check = judged(history(turned=1.0, deals=60))

    assert (check.passed, check.severity) == (False, "note")
    assert "the score is poorer than promised" in check.says


def test_a_company_that_falls_as_a_whole_does_not_undo_the_answer() -> None:
    """All regions fall by 12 points at once: their effects hold, and the company alone may be a surprise."""
    check = judged(history(fall=0.12))

    assert check.passed
    assert check.value > 0.05


def test_the_latest_periods_are_judged_and_no_more() -> None:
    """With one forecast at most it is the last period's."""
    assert "2024Q2 had" in judged(history(), most_periods=1).says
    assert " to 2024Q2" not in judged(history(), most_periods=1).says


def test_the_same_stream_gives_the_same_words() -> None:
    """The check is pure, and leaves its cells as they were."""
    answer = history(deals=20)
    before = answer.sample.copy()

    assert judged(answer, most_periods=1) == judged(answer, most_periods=1)
    assert answer.sample.equals(before)


def test_without_periods_enough_nothing_is_said(answered: SimpleNamespace, question: WinRates) -> None:
    """No time, two periods, three periods, deals without a period, or no estimates: there is no next period to judge."""
    rng = stream(0, "drift")
    unfound = replace(answered.evidence, estimates=())

    assert Drift().check(replace(QUESTION, time=None), (history(),), None, rng) == ()
    assert Drift().check(question, (answered,), None, rng) == ()
    assert Drift().check(QUESTION, (history(periods=PERIODS[:3]),), None, rng) == ()
    assert Drift().check(QUESTION, (history(periods=("(missing)", *PERIODS[:3])),), None, rng) == ()
    assert Drift().check(question, (SimpleNamespace(**{**vars(answered), "evidence": unfound}),), None, rng) == ()


def test_a_levels_won_deals_are_counted_beyond_its_share() -> None:
    """Two levels of 30 and 10 deals that won 15 and 9 of them are 3 below and above their shares of the company's 24."""
    won, deals = np.array([[15, 9]]), np.array([30, 10])
    inside = np.array([[True, True], [True, False], [False, True]])

    assert beyond_company(won, deals, inside) == pytest.approx(np.array([[24.0, -3.0, 3.0]]))


def test_log_scores_and_rates_are_those_of_the_deals() -> None:
    """Two cells of 4 and 6 deals under forecasts .25 and .5, scored by hand, and against one rate of .4."""
    deals, won, mean = np.array([4, 6]), np.array([1, 4]), np.array([0.25, 0.5])
    made = np.random.default_rng(0).binomial(deals, mean, size=(400, 2))
    one = History.of([forecast("2024Q1", deals, won, mean, made, 0.4, np.ones((1, 2), dtype=bool), 0.95)])

    assert 10 * one.score == pytest.approx(np.log(0.25) + 3 * np.log(0.75) + 6 * np.log(0.5))
    assert 10 * one.constant == pytest.approx(5 * np.log(0.4) + 5 * np.log(0.6))
    assert one.promised == pytest.approx((4 * (0.25 * np.log(0.25) + 0.75 * np.log(0.75)) + 6 * np.log(0.5)) / 10, abs=0.01)
    assert (one.rate, one.forecast, one.levels) == (0.5, 0.4, 1)
    assert one.slope == pytest.approx((1 * -0.15 + 4 * 0.1) / (4 * 0.15**2 + 6 * 0.1**2))


def test_false_alarms_are_as_rare_as_promised() -> None:
    """Of 400 histories of two periods made by the forecast itself, no more than 1 % and chance are judged too surprising or too poor."""
    rng = np.random.default_rng(8)
    deals = rng.integers(5, 60, 24)
    inside = np.vstack(
        [np.ones(24, dtype=bool), np.arange(24) % 6 == np.arange(6)[:, None], np.arange(24) // 6 == np.arange(4)[:, None]]
    )
    surprising = poor = 0
    for _ in range(400):
        odds = rng.normal(-0.3, 0.4, 24) + rng.normal(0, 0.2, (301, 1)) + rng.normal(0, 0.2, (301, 24))
        rates = 1 / (1 + np.exp(-odds))
        both = [rng.binomial(deals, rates) for _ in range(2)]
        one = History.of([forecast("p", deals, made[0], rates[1:].mean(0), made[1:], 0.4, inside, 0.95) for made in both])
        surprising, poor = surprising + (one.chance_of_surprises < 0.01), poor + (one.chance_of_score < 0.01)

    assert surprising <= 11
    assert poor <= 11
