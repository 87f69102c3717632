"""Adjusted, complier and Bayesian answers of trials."""

import numpy as np
import pandas as pd
import pytest

from whywin.config import load_plan
from whywin.deals.need import Cells
from whywin.errors import QuestionError
from whywin.stats.before_after import adjusted_contrast
from whywin.stats.cluster import arm_contrast, cr2
from whywin.stats.complier import complier
from whywin.stats.streams import stream
from whywin.trials.methods.adjusted import Adjusted
from whywin.trials.methods.bayesian import Bayesian
from whywin.trials.methods.complier import Complier
from whywin.trials.metric import Metric
from whywin.trials.question import Trial

RNG = stream(0, "room methods")


def reps(count: int = 30, effect: float = 0.0, seed: int = 2) -> pd.DataFrame:
    """Return one row a rep: deals and won before and in the trial, half treated."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {"size": rng.integers(20, 120, count), "before": rng.integers(20, 120, count), "arm": np.arange(count) % 2}
    )
    chance = rng.beta(6, 12, count)
    table["won_before"] = rng.binomial(table["before"], chance)
    return table.assign(won=rng.binomial(table["size"], np.clip(chance + effect * table["arm"], 0, 1)))


def as_deals(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row a deal of the reps, those before the trial in 2023 and those of it in 2024."""
    rows = []
    for name, row in table.iterrows():
        for day, total, won in (("2023-06-01", row["before"], row["won_before"]), ("2024-02-01", row["size"], row["won"])):
            rows += [(f"r{name}", "alert" if row["arm"] else "control", pd.Timestamp(day), float(i < won)) for i in range(total)]
    found = pd.DataFrame(rows, columns=["rep", "arm", "created", "won"])
    return found.assign(closed=found["created"] + pd.Timedelta(days=5))


def test_the_adjustment_is_the_regression_of_deals_by_rep() -> None:
    """One row a rep, weighted by deals, gives CR2's numbers of the regression of all deals on arm and the rep's past."""
    table = reps(14)
    past = (table["won_before"] / table["before"]).to_numpy()
    found = adjusted_contrast(table["won"], table["size"], table["arm"], past)
    rep = np.repeat(np.arange(len(table)), table["size"])
    y = np.concatenate([np.arange(n) < won for n, won in zip(table["size"], table["won"], strict=True)]).astype(float)
    matrix = np.column_stack([np.ones(len(rep)), table["arm"].to_numpy()[rep], past[rep]])
    right = cr2(matrix, y, rep, [0.0, 1.0, 0.0])

    assert (found.value, found.standard_error, found.degrees) == pytest.approx((right.value, right.standard_error, right.degrees))


def test_a_past_makes_a_trial_more_precise() -> None:
    """Deals before the start are the pre-period: they answer nothing themselves, and narrow the interval."""
    table = reps(40, 0.05)
    sample = as_deals(table)
    question = Trial("arm", "control", "rep", start=pd.Timestamp("2024-01-01").date())

    evidence = Adjusted().answer(question, sample, RNG)
    effect, row = evidence.of("effect of assignment", "arm=alert"), evidence.tables["adjustment"].iloc[0]

    assert effect.n == table["size"].sum()
    assert row["error"] < 0.8 * row["error_unadjusted"]
    assert effect.low < 5 < effect.high


def test_a_deal_that_closed_in_the_trial_is_no_past() -> None:
    """Deals created before the start but closed after it may have been changed by it: they are neither past nor trial."""
    table = reps(20)
    sample = as_deals(table)
    across = sample["created"].eq(pd.Timestamp("2023-06-01")) & (sample.index % 3 == 0)
    crossed = sample.assign(closed=sample["closed"].mask(across, pd.Timestamp("2024-03-01")))
    without = sample[~across]
    question = Trial("arm", "control", "rep", start=pd.Timestamp("2024-01-01").date())

    assert Adjusted().answer(question, crossed, RNG).estimates == Adjusted().answer(question, without, RNG).estimates


def test_slopes_by_arm_and_too_many_covariates() -> None:
    """Lin's regression gives about the same effect; more covariates than reps are refused with a way out."""
    table = reps(20, 0.1)
    past = (table["won_before"] / table["before"]).to_numpy()
    shared, own = (adjusted_contrast(table["won"], table["size"], table["arm"], past, interacted=lin) for lin in (False, True))

    assert own.value == pytest.approx(shared.value, abs=0.03)
    assert own.degrees < shared.degrees
    with pytest.raises(ValueError, match="cannot carry"):
        adjusted_contrast(table["won"][:4], table["size"][:4], table["arm"][:4], np.eye(4))


def test_an_adjustment_needs_a_past() -> None:
    """Without a start or columns of before the method says what to give."""
    assert "question.start" in Adjusted().faults(Trial("arm", "control", "rep"))[0]
    assert Adjusted().faults(Trial("arm", "control", "rep", before=("skill",))) == []


def test_the_effect_of_treatment_is_assignment_s_over_the_share_it_moves() -> None:
    """The ratio of the two effects, with the error of two-stage least squares by rep and Anderson and Rubin's interval."""
    table = reps(24, 0.2)
    taken = np.round(0.6 * table["size"] * table["arm"])
    found = complier(table["won"], taken, table["size"], table["arm"])
    first = arm_contrast(taken, table["size"], table["arm"], [-1.0, 1.0])
    low, high = found.interval(0.95)

    assert found.value == pytest.approx(found.outcome.value / first.value)
    for end in (low, high):  # at an end of the interval the test of that effect is on the edge
        left = arm_contrast(table["won"] - end * taken, table["size"], table["arm"], [-1.0, 1.0])
        assert left.p_value == pytest.approx(0.05, abs=1e-6)
    assert low < found.value < high


def test_full_delivery_makes_the_two_effects_one() -> None:
    """Where all assigned deals and no others are treated, the effect of treatment is that of assignment, interval and all."""
    table = reps(24, 0.2)
    found = complier(table["won"], table["size"] * table["arm"], table["size"], table["arm"])

    assert found.interval(0.95) == pytest.approx(found.outcome.interval(0.95))
    assert found.strength > 1e9


def test_a_weak_instrument_is_refused() -> None:
    """Where assignment hardly moves the treatment no interval has ends; that is told, not hidden."""
    sample = as_deals(reps(20)).assign(opened=lambda t: (t.index % 2).astype(float))
    question = Trial("arm", "control", "rep", treated="opened")

    with pytest.raises(QuestionError, match="too little"):
        Complier().answer(question, sample, RNG)
    assert "question.treated" in Complier().faults(Trial("arm", "control", "rep"))[0]


def test_the_made_up_market_s_delivery_is_found() -> None:
    """In the demonstration four alerts in five are delivered, and the effect of delivery lies in the interval."""
    from whywin.sources import read
    from whywin.studies import study

    plan = load_plan("configs/trials/metrics.yaml")
    source = read(plan.source)
    run = study(plan, source.frame, truth=source.truth)
    table = run.to_frame().query("quantity == 'effect of delivery'")

    assert (table["low"] < table["truth"]).all()
    assert (table["truth"] < table["high"]).all()
    assert run.evidence["complier"].of("share treated by assignment", "arm=alert").value == pytest.approx(80, abs=3)


def cells(table: pd.DataFrame) -> pd.DataFrame:
    """Return counts by arm and rep."""
    arms = np.where(table["arm"] == 1, "alert", "control")
    return pd.DataFrame({"arm": arms, "rep": [f"r{i}" for i in table.index], "deals": table["size"], "won": table["won"]})


def test_the_posterior_of_a_large_trial_is_that_of_the_default() -> None:
    """With many reps the prior hardly matters: value and width agree with CR2's, and the decision's numbers with its draws."""
    table = reps(40, 0.2)
    question = Trial("arm", "control", "rep", margin=1.0)
    evidence = Bayesian(effect_scale=2.0).answer(question, cells(table), stream(1, "bayesian"))
    effect, row = evidence.of("effect of assignment", "arm=alert"), evidence.tables["decisions"].iloc[0]
    right = arm_contrast(table["won"], table["size"], table["arm"], [-1.0, 1.0])

    assert effect.value == pytest.approx(100 * right.value, abs=2.5)
    assert (effect.high - effect.low) / 2 == pytest.approx(196 * right.standard_error, rel=0.3)
    assert row["better"] > 95
    assert row["loss_of_control"] - row["loss_of_treating"] == pytest.approx(effect.value)
    assert all(check.passed for check in evidence.checks)
    assert Bayesian().need(question) == Cells(("arm", "rep"))


def test_a_lower_metric_can_be_the_better_one() -> None:
    """Where lower is better the chance of being better is that of a negative effect."""
    table = reps(40, 0.2)
    chances = {}
    for better in ("higher", "lower"):
        question = Trial("arm", "control", "rep", metrics=(Metric("won", role="primary", better=better),))
        evidence = Bayesian(draws=300, tune=300).answer(question, cells(table), stream(2, "bayesian"))
        chances[better] = evidence.tables["decisions"]["better"].iloc[0]

    assert chances["higher"] == pytest.approx(100 - chances["lower"])
    assert chances["higher"] > 90


def test_one_deal_a_unit_has_no_spread_between_units() -> None:
    """Customers of one deal each are two binomials; with flat enough priors the effect is the difference of the rates."""
    won = np.r_[np.ones(300), np.zeros(700), np.ones(360), np.zeros(640)]
    table = pd.DataFrame({"arm": ["control"] * 1000 + ["alert"] * 1000, "rep": range(2000), "deals": 1, "won": won})

    effect = (
        Bayesian(effect_scale=2.0, draws=500, tune=500)
        .answer(Trial("arm", "control", "rep"), table, stream(3, "x"))
        .of("effect of assignment", "arm=alert")
    )

    assert effect.value == pytest.approx(6.0, abs=0.4)
    assert (effect.high - effect.low) / 2 == pytest.approx(196 * np.sqrt(0.21 / 1000 + 0.2304 / 1000), rel=0.1)


def test_a_mean_is_no_win_rate() -> None:
    """A metric that is no proportion is refused by the model of won and lost deals."""
    assert "mean" in Bayesian().faults(Trial("arm", "control", "rep", metric="amount"))[0]
