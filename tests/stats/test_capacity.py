"""Who is treated under a capacity, and what that is worth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whywin.stats.capacity import NEVER, Choice, filled, worth


@given(
    places=st.lists(st.integers(min_value=-1, max_value=4), min_size=1, max_size=60),
    share=st.floats(min_value=0.01, max_value=1.0),
)
def test_the_capacity_is_used_exactly_and_never_exceeded(places: list[int], share: float) -> None:
    """As many are treated as can be, or all that are worth it; those named NEVER are not."""
    place = np.array(places)
    found = filled(place, share)
    worthwhile = float((place != NEVER).mean())

    assert found.chance.mean() == pytest.approx(min(share, worthwhile))
    assert (found.chance[place == NEVER] == 0).all()
    assert ((found.chance >= 0) & (found.chance <= 1)).all()


def test_who_comes_first_is_treated_first() -> None:
    """The first place is treated whole, the one where the capacity ends in part, and those behind not at all."""
    found = filled(np.array([1, 0, 1, 2]), 0.5)

    assert found.chance.tolist() == [0.5, 1.0, 0.5, 0.0]
    assert found.last == 1
    assert filled(np.array([0, NEVER]), 0.9).last == NEVER


@pytest.fixture
def world() -> dict[str, np.ndarray]:
    """A trial of four thousand units, half of which gain forty points and half nothing, and its scores."""
    rng = np.random.default_rng(8)
    helped, treated = rng.uniform(size=4000) < 0.5, rng.uniform(size=4000) < 0.5
    outcome = (rng.uniform(size=4000) < 0.3 + 0.4 * helped * treated).astype(float)
    without = np.where(treated, 0.0, 2 * outcome)
    return {
        "outcome": outcome,
        "treated": treated,
        "without": without,
        "effect": np.where(treated, 2, -2) * outcome,
        "helped": helped,
    }


def chosen(chance: np.ndarray, bound: bool = True) -> Choice:
    """A choice among all units, with no effect where the capacity ends."""
    return Choice(np.arange(len(chance)), chance, np.zeros(len(chance)), np.full(len(chance), bound))


def judged(world: dict[str, np.ndarray], choice: Choice, cost: float = 0.0) -> object:
    """What a choice is worth."""
    return worth(world["outcome"], world["treated"], world["without"], world["effect"], choice, cost=cost, as_now=False)


def test_a_lottery_gains_nothing_over_chance(world: dict[str, np.ndarray]) -> None:
    """The same chance for everybody is treating at random, exactly."""
    found = judged(world, chosen(np.full(4000, 0.3), bound=False))

    assert found.over_random.value == pytest.approx(0.0, abs=1e-12)
    assert found.over_random.variance == pytest.approx(0.0, abs=1e-12)


def test_the_right_choice_gains_what_it_should(world: dict[str, np.ndarray]) -> None:
    """Treating only the half that is helped gains twenty points less ten over chance, and as much over the trial's own coin."""
    found = judged(world, chosen(world["helped"].astype(float), bound=False))
    low, high = found.over_random.interval(0.99)

    assert low < 0.1 < high
    assert found.over_current.value == pytest.approx(0.1, abs=3 * found.over_current.variance**0.5)
    assert high - low < 0.1


def test_costs_are_taken_off(world: dict[str, np.ndarray]) -> None:
    """A cost lowers the value of a rule by the share that it treats, and its gain over as many at random not at all."""
    choice = chosen(world["helped"].astype(float), bound=False)
    free, dear = judged(world, choice), judged(world, choice, cost=0.2)

    assert free.rule.value - dear.rule.value == pytest.approx(0.2 * world["helped"].mean())
    assert dear.over_random.value == pytest.approx(free.over_random.value)


@pytest.mark.parametrize("as_now", [False, True])
def test_errors_are_those_of_drawing_anew(as_now: bool) -> None:
    """Over a thousand small trials the standard deviation of the gain is what the variance says, with a capacity given or as now."""
    rng, found = np.random.default_rng(2), []
    for _ in range(1000):
        helped, treated = rng.uniform(size=400) < 0.4, rng.uniform(size=400) < 0.5
        outcome = (rng.uniform(size=400) < 0.3 + 0.4 * helped * treated).astype(float)
        effect = np.where(treated, 2, -2) * outcome
        share = float(treated.mean()) if as_now else 0.5
        chance = filled(np.where(helped, 0, 1), share).chance
        choice = Choice(np.arange(400), chance, np.zeros(400), np.ones(400, dtype=bool))  # beyond the helped nothing is gained
        one = worth(outcome, treated, np.where(treated, 0.0, 2 * outcome), effect, choice, cost=0.0, as_now=as_now)
        found.append([(told.value, told.variance) for told in (one.rule, one.over_random, one.over_current)])
    values, variances = np.array(found).transpose(2, 0, 1)

    assert values.std(axis=0) == pytest.approx(np.sqrt(variances.mean(axis=0)), rel=0.08)
