"""Augmented weighting: right when either nuisance is, efficient influence, and symmetry."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whywin.stats.doubly_robust import augmented
from whywin.stats.influence import variance_of


def made(seed: int, count: int = 2000) -> dict[str, np.ndarray]:
    """Units with all that is true of them."""
    rng = np.random.default_rng(seed)
    place = rng.normal(size=count)
    chance = 1 / (1 + np.exp(0.5 - place))
    lower, upper = place, place + 1 + 0.5 * place
    treated = rng.uniform(size=count) < chance
    outcome = np.where(treated, upper, lower) + rng.normal(size=count)
    return {"outcome": outcome, "treated": treated, "chance": chance, "lower": lower, "upper": upper}


@pytest.mark.parametrize("stabilised", [True, False])
@pytest.mark.parametrize("wrong", ["neither", "chance", "outcomes"])
@pytest.mark.parametrize("everyone", [True, False])
def test_one_right_nuisance_is_enough(everyone: bool, wrong: str, stabilised: bool) -> None:
    """Averaged over samples the estimate is the truth unless both nuisances are wrong; the plain difference is not."""
    off, naive = [], []
    for seed in range(60):
        units = made(seed)
        chance = np.full(2000, 0.4) if wrong == "chance" else units["chance"]
        lower, upper = (np.zeros(2000), np.zeros(2000)) if wrong == "outcomes" else (units["lower"], units["upper"])
        given_upper = upper if everyone else None
        found = augmented(units["outcome"], units["treated"], chance, lower, given_upper, stabilised=stabilised)
        asked = np.ones(2000, dtype=bool) if everyone else units["treated"]
        truth = (units["upper"] - units["lower"])[asked].mean()
        off.append(found.effect - truth)
        naive.append(units["outcome"][units["treated"]].mean() - units["outcome"][~units["treated"]].mean() - truth)

    assert abs(np.mean(off)) < 4 * np.std(off) / np.sqrt(60)
    assert np.mean(naive) > 0.5


@pytest.mark.parametrize("everyone", [True, False])
def test_the_influence_tells_the_spread_of_repetition(everyone: bool) -> None:
    """The variance of the influence is that of the estimate over samples."""
    effects, stated = [], []
    for seed in range(300):
        units = made(seed, 500)
        found = augmented(
            units["outcome"], units["treated"], units["chance"], units["lower"], units["upper"] if everyone else None
        )
        effects.append(found.effect)
        stated.append(variance_of(found.influence))

    assert np.mean(stated) ** 0.5 == pytest.approx(np.std(effects), rel=0.12)


@given(seed=st.integers(0, 10_000), shift=st.floats(-50, 50), stretch=st.floats(0.1, 20))
@settings(max_examples=20, deadline=None)
def test_units_of_the_outcome_and_order_of_rows_decide_nothing(seed: int, shift: float, stretch: float) -> None:
    """Moving and stretching outcomes moves the means and stretches the effect; the order of rows does nothing."""
    units = made(seed, 200)
    order = np.random.default_rng(seed).permutation(200)
    plain = augmented(units["outcome"], units["treated"], units["chance"], units["lower"], units["upper"])
    other = augmented(
        shift + stretch * units["outcome"][order],
        units["treated"][order],
        units["chance"][order],
        shift + stretch * units["lower"][order],
        shift + stretch * units["upper"][order],
    )

    assert other.effect == pytest.approx(stretch * plain.effect, abs=1e-8)
    assert other.with_treatment == pytest.approx(shift + stretch * plain.with_treatment, abs=1e-8)
    assert other.influence == pytest.approx(stretch * plain.influence[order], abs=1e-7)
    assert plain.influence.mean() == pytest.approx(0, abs=1e-10)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_relabelling_the_groups_turns_the_sign(seed: int) -> None:
    """Who is called treated decides the sign of the mean effect over everyone, and nothing else."""
    units = made(seed, 200)

    one = augmented(units["outcome"], units["treated"], units["chance"], units["lower"], units["upper"])
    other = augmented(units["outcome"], ~units["treated"], 1 - units["chance"], units["upper"], units["lower"])

    assert other.effect == pytest.approx(-one.effect, abs=1e-12)
    assert other.influence == pytest.approx(-one.influence, abs=1e-9)


def test_without_a_model_it_is_weighting() -> None:
    """With outcomes predicted to be the same for all, the stabilised estimate is the difference of weighted means."""
    units = made(1)
    treated, chance, outcome = units["treated"], units["chance"], units["outcome"]
    nothing = np.zeros(len(outcome))
    odds = chance / (1 - chance)

    own = augmented(outcome, treated, chance, nothing)
    every = augmented(outcome, treated, chance, nothing, nothing)

    assert own.effect == pytest.approx(outcome[treated].mean() - np.average(outcome[~treated], weights=odds[~treated]))
    parts = [np.average(outcome[g], weights=w[g]) for g, w in ((treated, 1 / chance), (~treated, 1 / (1 - chance)))]
    assert every.effect == pytest.approx(parts[0] - parts[1])
