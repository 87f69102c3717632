"""Pooled effects by segment: the model, its posterior, and what it rests on."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from whywin.effects.comparison import compared
from whywin.effects.methods.hierarchical import Hierarchical
from whywin.effects.modifiers import segments_of
from whywin.effects.pooled_effects import effect_draws, implied_weights, likeliest
from whywin.effects.pooling import Dimension, Pooling, Scales, pooled
from whywin.effects.question import Effect
from whywin.evidence import Evidence

QUICK = Hierarchical(draws=500, tune=300, chains=2)
WIDE = Scales(level=5.0, slope=5.0, effect=5.0, spread=5.0, effect_spread=5.0)


def differing(count: int = 1500, seed: int = 1) -> pd.DataFrame:
    """Confounded deals in which the call adds forty points in the North and nothing elsewhere."""
    rng = np.random.default_rng(seed)
    engagement, region = rng.normal(size=count), rng.choice(["North", "South", "West"], size=count)
    called = (rng.uniform(size=count) < expit(-0.3 + 0.7 * engagement)).astype(int)
    chance = expit(-0.8 + 0.5 * engagement + 1.8 * called * (region == "North"))
    won = (rng.uniform(size=count) < chance).astype(float)
    return pd.DataFrame({"called": called, "won": won, "engagement": engagement, "region": region, "cycle": 30 - 8.0 * called})


@pytest.fixture(scope="module")
def found(answered: Callable[..., Evidence], about: Callable[..., Effect]) -> Evidence:
    """What the model says of deals whose effects differ by region."""
    return answered(QUICK, about(modifiers=("region",)), differing())


@pytest.fixture(scope="module")
def model() -> tuple[Pooling, np.ndarray, np.ndarray]:
    """A model with wide priors, its outcomes and who was treated."""
    deals = differing()
    codes = deals["region"].astype("category").cat.codes.to_numpy(dtype=np.int64)
    treated, outcome = deals["called"].to_numpy() == 1, deals["won"].to_numpy()
    made = pooled(outcome, treated, deals[["engagement"]].to_numpy(), [Dimension("region", codes)], WIDE, binary=True)
    return made, outcome, treated


def test_the_segment_with_the_effect_stands_out(found: Evidence) -> None:
    """The North's effect is held by its interval and named as different; the others' are near nothing."""
    table = found.tables["pooled_effects"].set_index("level")
    truth = 100 * float(np.mean(_lift(differing())))

    assert table.loc["North", "low"] < truth < table.loc["North", "high"]
    assert table.loc["North", "differs"]
    assert table.loc[["South", "West"], "high"].max() < table.loc["North", "low"]


def _lift(deals: pd.DataFrame) -> pd.Series:
    mine = deals[(deals["called"] == 1) & (deals["region"] == "North")]
    return expit(1.0 + 0.5 * mine["engagement"]) - expit(-0.8 + 0.5 * mine["engagement"])


def test_the_posterior_is_kept_with_segments_by_name(found: Evidence) -> None:
    """The draws of each segment's effect give the estimates, in points."""
    draws = found.posterior.posterior["effect"]

    assert list(draws["segment"].to_numpy()) == [row.segment for row in found.estimates]
    assert float(draws.sel(segment="region=North").mean()) == pytest.approx(
        found.of("effect on the treated", "region=North").value
    )


def test_chains_are_judged(found: Evidence) -> None:
    """A remark says how well the chains agree."""
    check = next(check for check in found.checks if check.name == "convergence")

    assert check.severity == "note"
    assert check.value < 1.05


def test_it_is_judged_as_straight_in_logits(found: Evidence) -> None:
    """The check of straight lines applies to it, since it has a balance table and no flexible models."""
    from whywin.effects.checks.functional_form import _rests_on_linear

    assert _rests_on_linear(found.tables)


def test_priors_are_said_in_points(found: Evidence) -> None:
    """Before the data the effect is about nought, with an interval wider than the answer's."""
    prior, row = found.tables["prior"].iloc[0], found.estimates[0]

    assert prior["prior_low"] < 0 < prior["prior_high"]
    assert prior["prior_high"] - prior["prior_low"] > row.high - row.low


def test_few_deals_are_drawn_to_the_others(answered: Callable[..., Evidence], about: Callable[..., Effect]) -> None:
    """Thirty deals that all won when treated, and never otherwise, seem to gain a hundred points: the less, the more alike levels may be."""
    rng, small = np.random.default_rng(0), differing().index < 30
    deals = differing().assign(
        won=lambda frame: np.where(small, frame["called"], rng.uniform(size=len(frame)) < 0.4).astype(float),
        region=lambda frame: np.where(small, "West", np.where(frame["engagement"] > 0, "North", "South")),
    )
    alike, free = (
        answered(replace(QUICK, differing_points=points), about(modifiers=("region",)), deals) for points in (2.0, 30.0)
    )
    whole = alike.of("effect on the treated")
    drawn, loose = (one.of("effect on the treated", "region=West") for one in (alike, free))

    assert whole.value < drawn.value < loose.value < 100
    assert drawn.value - whole.value < 0.5 * (loose.value - whole.value)


def test_cells_lose_nothing(model: tuple[Pooling, np.ndarray, np.ndarray]) -> None:
    """Deals that are alike are counted together, and the counts are those of the deals."""
    rng = np.random.default_rng(2)
    codes, flag, treated = rng.integers(3, size=900), rng.integers(2, size=900), rng.uniform(size=900) < 0.5
    outcome = (rng.uniform(size=900) < 0.4).astype(float)
    made = pooled(outcome, treated, flag[:, None].astype(float), [Dimension("region", codes)], WIDE, binary=True)

    assert len(made.base) == 3 * 2 * 2
    assert made.deals.sum() == 900
    assert made.total.sum() == outcome.sum()
    assert (made.treated[made.cell] == treated).all()


def test_with_wide_priors_the_top_is_the_likelihoods(model: tuple[Pooling, np.ndarray, np.ndarray]) -> None:
    """Without pooling the model is the logistic regression with all products, as statsmodels fits it."""
    import statsmodels.api as sm

    _, outcome, treated = model
    vague = pooled(outcome, treated, differing()[["engagement"]].to_numpy(), [_regions()], Scales(*[1e4] * 5), binary=True)
    coefficients = likeliest(vague, outcome)
    peer = sm.GLM(outcome, vague.columns[vague.cell], family=sm.families.Binomial()).fit()
    expected = vague.mean(vague.columns @ peer.params - vague.offset)

    assert vague.mean(vague.columns @ coefficients) == pytest.approx(expected, abs=1e-5)


def _regions() -> Dimension:
    return Dimension("region", differing()["region"].astype("category").cat.codes.to_numpy(dtype=np.int64))


def test_implied_weights_are_what_outcomes_move_the_effect_by(model: tuple[Pooling, np.ndarray, np.ndarray]) -> None:
    """Turning one deal's outcome moves the effect at the posterior's top by the deal's weight, to first order."""
    made, outcome, treated = model
    spread = 0.6745 * made.widths
    top = likeliest(made, outcome)
    weight = implied_weights(made, top, spread, treated)

    def effect(values: np.ndarray) -> float:
        coefficients = likeliest(made, values)
        return float(
            (made.mean(made.under(1.0) @ coefficients) - made.mean(made.under(0.0) @ coefficients))[made.cell[treated]].mean()
        )

    for deal in (0, 17, 400):
        nudged = outcome.copy()
        nudged[deal] += 1e-3
        assert effect(nudged) - effect(outcome) == pytest.approx(1e-3 * weight[deal], rel=0.02, abs=1e-9)


def test_standardisation_is_a_mean_over_the_deals_asked_for(model: tuple[Pooling, np.ndarray, np.ndarray]) -> None:
    """With the same coefficients in every draw the draws differ only by the Bayesian bootstrap, about the plain mean."""
    made, outcome, treated = model
    top = likeliest(made, outcome)
    draws = effect_draws(
        made, np.tile(top, (2000, 1)), treated, [np.ones(len(treated), dtype=bool)], None, np.random.default_rng(0)
    )
    effects = (made.mean(made.under(1.0) @ top) - made.mean(made.under(0.0) @ top))[made.cell[treated]]

    assert draws.mean() == pytest.approx(effects.mean(), abs=0.001)
    assert draws.std() == pytest.approx(effects.std() / np.sqrt(treated.sum()), rel=0.1)


def test_a_number_that_is_cut_into_bands_keeps_its_slope(about: Callable[..., Effect]) -> None:
    """Within a band of engagement deals still differ in what moves both treatment and outcome, so that it is adjusted for as well."""
    question, deals = about(modifiers=("engagement", "region")), differing()
    comparison = compared(question, deals)
    made = QUICK._model(question, comparison, segments_of(question, comparison, deals), deals)

    assert (made.slopes, made.base.shape[1]) == (1, 1 + 1 + 2 + 2)


def test_numbers_are_modelled_as_they_are(answered: Callable[..., Evidence], about: Callable[..., Effect]) -> None:
    """A cycle that the call shortens by eight days comes out in its own unit."""
    rng = np.random.default_rng(3)
    deals = differing(600).assign(
        cycle=lambda frame: frame["cycle"] + rng.normal(0, 5, size=len(frame)) + 3 * frame["engagement"]
    )
    evidence = answered(QUICK, about(outcome="cycle", modifiers=("region",)), deals)
    row = evidence.of("effect on the treated")

    assert (row.unit, row.low < -8 < row.high) == ("number", True)
    assert row.high - row.low < 3


def test_more_deals_than_can_be_modelled_are_sampled(about: Callable[..., Effect]) -> None:
    """The sample is drawn from the stream, of the size that was set, and the fast refit uses it too."""
    method = Hierarchical(most=1000)
    taken = method._taken(about(), differing(), np.random.default_rng(0))

    assert len(taken) == 1000
    assert np.isfinite(method.point(about(modifiers=("region",)), differing()))


def test_the_overlap_is_refused(about: Callable[..., Effect]) -> None:
    """The model cannot tell the effect on the overlap, and says what can."""
    assert "overlap" in Hierarchical().faults(about(estimand="overlap"))[0]
    assert Hierarchical().faults(about()) == []
