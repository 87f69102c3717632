"""The calibration card of a trial's methods."""

import numpy as np
import pandas as pd

from whywin.evidence import Answered, Evidence, Judged
from whywin.stats.streams import stream
from whywin.trials.checks.calibration_card import CalibrationCard
from whywin.trials.methods.bayesian import Bayesian
from whywin.trials.methods.deals_as_units import DealsAsUnits
from whywin.trials.methods.fixed import Fixed
from whywin.trials.methods.group_sequential import GroupSequential
from whywin.trials.metric import Metric
from whywin.trials.question import Trial


def deals(units: int = 20, *, correlation: float = 0.1, past: bool = True, seed: int = 0) -> pd.DataFrame:
    """Return the closed deals of a company's reps, half of them before a trial that starts in 2025."""
    rng = np.random.default_rng(seed)
    rate = rng.beta(0.4 * (1 / correlation - 1), 0.6 * (1 / correlation - 1), units)
    rep = np.repeat(np.arange(units), rng.poisson(80, units) + 1)
    created = pd.Timestamp("2024-01-01" if past else "2025-01-01") + pd.to_timedelta(rng.integers(0, 500, len(rep)), unit="D")
    return pd.DataFrame({
        "arm": np.where(rep < units // 2, "alert", "control"), "rep": [f"r{one:02d}" for one in rep], "created": created,
        "closed": created + pd.Timedelta(days=10), "won": (rng.uniform(size=len(rep)) < rate[rep]).astype(float),
    })  # fmt: skip


def card(question: Trial, sample: pd.DataFrame, *methods: object) -> Judged:
    """Return the card of methods that answered."""
    answers = tuple(Answered(type(method).__name__.lower(), method, sample, Evidence(())) for method in methods)
    checker = CalibrationCard(draws=1000)
    return checker.check(question, answers, checker.need(question).sample(sample), stream(0, "card"))


QUESTION = Trial("arm", "control", "rep", start=pd.Timestamp("2025-01-01").date(), margin=8.0)


def test_the_right_method_passes_and_the_usual_one_fails() -> None:
    """Among reps before the trial CR2 keeps its promise, and Welch's test over their deals raises many false alarms."""
    found = card(QUESTION, deals(), Fixed(), DealsAsUnits())
    checks = {check.method: check for check in found.checks}
    table = found.tables["fixed"]["calibration"].set_index("method")

    assert checks["fixed"].passed
    assert not checks["dealsasunits"].passed
    assert checks["dealsasunits"].undoes
    assert table.loc["dealsasunits", "false_alarms"] > 0.2
    assert table.loc["fixed", "coverage"] == 1 - table.loc["fixed", "false_alarms"]
    assert 0.05 < table.loc["fixed", "power_at_margin"] < table.loc["dealsasunits", "power_at_margin"]
    assert "20 reps before the trial" in checks["fixed"].says


def test_the_card_does_not_look_at_what_the_trial_did() -> None:
    """Whatever happens to the deals of the trial itself, the card from the time before is the same."""
    sample = deals()
    changed = sample.assign(won=sample["won"].mask(sample["created"] >= "2025-01-01", 1.0))

    before, after = (card(QUESTION, one, Fixed()).tables["fixed"]["calibration"] for one in (sample, changed))
    assert before.equals(after)


def test_without_a_time_before_control_is_drawn_anew() -> None:
    """Where no deals are from before, the reps of control stand in, and the sentence says so."""
    found = card(QUESTION, deals(past=False), Fixed())

    assert "10 reps of control in the trial" in found.checks[0].says


def test_too_few_reps_have_no_card() -> None:
    """With three reps in control there is nothing to draw anew, which is a note and nothing worse."""
    found = card(QUESTION, deals(6, past=False), Fixed())

    assert [(check.passed, check.severity) for check in found.checks] == [(True, "note")]
    assert "no calibration" in found.checks[0].says
    assert found.tables == {}


def test_a_method_without_a_fast_form_says_so() -> None:
    """A sampler cannot be run a thousand times: the card says that it was not tried."""
    found = card(QUESTION, deals(), Fixed(), Bayesian())

    assert [check.says for check in found.checks if check.method == "bayesian"] == [
        "It has no fast form, so that it was not tried on 20 reps before the trial, "
        + found.checks[0].says.split("trial, ")[1].split(" deals")[0]
        + " deals."
    ]


def test_a_metric_that_is_no_sum_has_no_card() -> None:
    """A quantile cannot be had from sums."""
    question = Trial("arm", "control", "rep", metrics=(Metric("amount", "quantile", "primary"),))
    found = card(question, deals().assign(amount=1.0), Fixed())

    assert "a quantile is not the sum" in found.checks[0].says


def test_looks_are_tried_as_planned() -> None:
    """A plan of three looks is tried at three looks of the time before; naive looks would raise more alarms than its own."""
    looks = tuple((pd.Timestamp(f"2025-0{month}-01").date(), month / 3) for month in (1, 2, 3))
    question = Trial("arm", "control", "rep", start=QUESTION.start, looks=looks)
    found = card(question, deals(), GroupSequential())

    assert found.tables["groupsequential"]["calibration"]["how"].tolist() == ["3 looks"]
    assert found.checks[0].passed
