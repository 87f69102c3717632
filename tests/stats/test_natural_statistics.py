"""Properties of instruments, discontinuities and staggered differences that hold whatever the data."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whywin.stats.discontinuity import against_neighbours, enough, jump, ratio
from whywin.stats.instruments import anderson_rubin, first_stage, k_class, moments, not_refuted
from whywin.stats.score_density import density_jump
from whywin.stats.staggered import NEVER, adoption, band, chance_of_none, group_times, mean_of
from whywin.stats.two_way import two_way

SEEDS = st.integers(0, 10_000)
FEW = settings(max_examples=20, deadline=None)


def lottery(seed: int, strength: float = 1.0, count: int = 300) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Outcome, treatment and an instrument, with something hidden that moves the first two; the effect is 0.5."""
    rng = np.random.default_rng(seed)
    z, hidden = rng.normal(size=count), rng.normal(size=count)
    d = strength * z + hidden + rng.normal(size=count)
    return 0.5 * d + hidden + rng.normal(size=count), d, z


@given(SEEDS, st.floats(0.5, 20), st.floats(-5, 5))
@FEW
def test_units_do_not_matter_to_an_instrument(seed: int, scale: float, shift: float) -> None:
    """An outcome in other units has an effect in those units, and a shifted instrument is the same one."""
    y, d, z = lottery(seed)
    plain, other = k_class(moments(y, d, z)), k_class(moments(scale * y + shift, d, 3 * z - shift))

    assert other.value == pytest.approx(scale * plain.value, rel=1e-6)
    assert other.error == pytest.approx(scale * plain.error, rel=1e-6)


@given(SEEDS, st.sampled_from([0.0, 0.1, 0.3, 1.0]))
@FEW
def test_what_is_not_refuted_is_what_the_test_leaves(seed: int, strength: float) -> None:
    """Inside the intervals the test keeps an effect and outside it refutes it, whether they are bounded, two rays or the whole line."""
    made = moments(*lottery(seed, strength))
    kept = not_refuted(made, 0.95)
    for effect in (-1000.0, -3.0, -0.4, 0.0, 0.5, 1.1, 4.0, 1000.0):
        inside = any(low <= effect <= high for low, high in kept)
        near = any(abs(effect - end) < 1e-6 * (1 + abs(end)) for one in kept for end in one)
        assert near or inside == (anderson_rubin(made, effect)[1] >= 0.05)


@given(SEEDS)
@FEW
def test_one_instrument_never_refutes_its_own_estimate(seed: int) -> None:
    """With one instrument the estimate is kept, limited information says the same, and nothing can be contradicted."""
    made = moments(*lottery(seed))
    found = k_class(made)

    assert any(low <= found.value <= high for low, high in not_refuted(made, 0.95))
    assert k_class(made, "limited_information").value == pytest.approx(found.value, rel=1e-6)
    assert found.excess_chance == 1.0


def test_weak_instruments_leave_two_rays_or_everything() -> None:
    """Over weak instruments every shape occurs: bounded, all but an interval, and the whole line."""
    shapes = set()
    for seed in range(80):
        kept = not_refuted(moments(*lottery(seed, 0.08)), 0.95)
        shapes.add((len(kept), bool(np.isfinite(kept).all())))

    assert {(1, True), (2, False), (1, False)} <= shapes


def test_the_needed_f_is_that_of_the_paper() -> None:
    """Montiel Olea and Pflueger's critical value for one instrument and a tenth of the worst bias: 23.1."""
    assert first_stage(moments(*lottery(0))).critical == pytest.approx(23.1, abs=0.05)


def test_clusters_of_copies_count_once() -> None:
    """Ten copies of every observation, clustered with their original, have about the error of the originals alone."""
    y, d, z = lottery(0)
    copies = np.tile(np.arange(len(y)), 10)
    many = k_class(moments(np.tile(y, 10), np.tile(d, 10), np.tile(z, 10), clusters=copies))

    assert many.error == pytest.approx(k_class(moments(y, d, z)).error, rel=0.01)


def test_an_instrument_said_by_the_covariates_is_refused() -> None:
    """Nothing is left of it to move anything."""
    y, d, z = lottery(0)
    with pytest.raises(ValueError, match="said by the covariates"):
        moments(y, d, z, np.column_stack([z, z**2]))


@given(SEEDS, st.floats(0.1, 50), st.floats(-100, 100))
@FEW
def test_the_units_of_a_score_do_not_matter(seed: int, scale: float, shift: float) -> None:
    """A score in other units, about another threshold, gives the same jump, and widths in the new units."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=400)
    y = x + 2.0 * (x >= 0) + rng.normal(size=400)
    plain, other = jump(x, y, 0.0), jump(scale * x + shift, y, shift)

    assert other.corrected == pytest.approx(plain.corrected, rel=1e-4, abs=1e-6)
    assert other.widths.estimate == pytest.approx(scale * plain.widths.estimate, rel=1e-4)


def test_a_parabola_without_noise_is_told_exactly() -> None:
    """Less its bias, the estimate of a jump between two parabolas is exact, and the lines alone are off."""
    x = np.linspace(-1, 1, 400)
    found = jump(x, np.where(x < 0, 3 * x**2, 1 - 2 * x**2) + x, 0.0)

    assert found.corrected == pytest.approx(1.0, abs=1e-6)
    assert abs(found.value - 1.0) > 1e-6


def test_one_constant_side_is_no_trouble() -> None:
    """Where all deals above the threshold are won, there is still an estimate with a width and an error."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, size=500)
    found = jump(x, np.where(x >= 0, 1.0, rng.integers(2, size=500)), 0.0)

    assert np.isfinite([found.corrected, found.robust]).all()
    assert found.widths.estimate > 0


def test_the_ratio_of_a_sharp_threshold_is_its_jump() -> None:
    """Dividing by a treatment that jumps from none to all changes nothing."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=800)
    y = 0.3 * x + (x >= 0) + rng.normal(size=800)
    found, treatment = ratio(x, y, (x >= 0).astype(float), 0.0)

    assert treatment.corrected == pytest.approx(1.0, abs=1e-9)
    assert (found.corrected, found.robust) == pytest.approx((jump(x, y, 0.0).corrected, jump(x, y, 0.0).robust), rel=1e-6)


def test_neighbours_that_tie_are_all_taken() -> None:
    """Five observations, the middle one with two at the same distance on either side: three wanted means all four."""
    found = against_neighbours(np.array([0.0, 1.0, 2.0, 3.0, 4.0]), np.array([0.0, 0.0, 10.0, 0.0, 4.0]))

    assert found[2] == pytest.approx(np.sqrt(4 / 5) * (10 - 1))
    assert enough([1, 2, 3, 4], 3, 2)
    assert not enough([1, 2, 3, 4], 3, 3)


def test_the_density_test_keeps_its_level_and_sees_a_jump() -> None:
    """Of 300 smooth scores about 5 % are called uneven, rounded ones too; twice as many above than below always is."""
    rng = np.random.default_rng(0)
    alarms = {False: 0, True: 0}
    for number in range(300):
        score = 100 * rng.beta(3, 2.2, size=3000) - 60
        rounded = bool(number % 2)
        below, above, error = density_jump(np.round(score) if rounded else score)
        alarms[rounded] += abs(above - below) > 1.96 * error
    uneven = np.concatenate([-rng.uniform(size=5000), rng.uniform(size=10_000)])
    below, above, error = density_jump(uneven)

    assert all(1 <= count <= 17 for count in alarms.values())  # binomial 150 × .05 within three standard errors
    assert above - below > 4 * error
    assert (below, above) == pytest.approx((5000, 10_000), rel=0.15)


def panel(seed: int, effect: float = 1.0, units: int = 30) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Units seen in six periods, of which two thirds adopt in the third, fourth or fifth."""
    rng = np.random.default_rng(seed)
    cohort = np.where(np.arange(units) % 3 == 0, NEVER, 2 + np.arange(units) % 3)
    unit, period = np.repeat(np.arange(units), 6), np.tile(np.arange(6), units)
    level, time = rng.normal(size=units), rng.normal(size=6)
    y = level[unit] + time[period] + effect * (period >= cohort[unit]) + 0.1 * rng.normal(size=len(unit))
    return y, period, unit, cohort[unit]


@given(SEEDS)
@FEW
def test_levels_and_times_cancel(seed: int) -> None:
    """Whatever is added to a unit in all periods, or to a period in all units, moves no effect."""
    y, period, unit, cohort = panel(seed)
    moved = y + 7.0 * (unit % 5) - 3.0 * period**2
    for controls in ("never", "not_yet"):
        plain, other = (
            [cell.value for cell in group_times(adoption(one, period, unit, cohort), controls=controls)] for one in (y, moved)
        )
        assert other == pytest.approx(plain, abs=1e-9)


@pytest.mark.parametrize("before", ["last", "all"])
@pytest.mark.parametrize("controls", ["never", "not_yet"])
def test_an_even_effect_is_found(before: str, controls: str) -> None:
    """Without much noise every form finds the effect, two-way fixed effects too, since it is the same everywhere."""
    given_ = adoption(*panel(3))
    after = [cell for cell in group_times(given_, controls=controls, before=before) if cell.since >= 0]

    assert mean_of(given_, after).value == pytest.approx(1.0, abs=0.1)
    assert two_way(given_).value == pytest.approx(1.0, abs=0.1)


def test_influence_is_what_leaving_out_shows() -> None:
    """A unit's influence is, to first order, what leaving it out changes: in the mean of a large cohort."""
    y, period, unit, cohort = panel(5, units=150)
    given_ = adoption(y, period, unit, cohort)
    cells = group_times(given_)
    whole = next(cell for cell in cells if (cell.cohort, cell.period) == (3, 4))
    left = unit != 1
    part = group_times(adoption(y[left], period[left], unit[left], cohort[left]))
    without = next(cell for cell in part if (cell.cohort, cell.period) == (3, 4))

    assert whole.value - without.value == pytest.approx(whole.influence[1], rel=0.05)


def test_bands_are_wider_than_single_intervals_and_noise_is_called_noise() -> None:
    """The simultaneous multiplier is at least the pointwise one; strong effects have a small chance of being none, and a null a large one."""
    rng = np.random.default_rng(0)
    for effect, small in ((1.0, True), (0.0, False)):
        given_ = adoption(*panel(11, effect))
        cells = group_times(given_)
        means = [mean_of(given_, [cell for cell in cells if cell.since == since]) for since in (0, 1)]
        low, high = means[0].interval(0.95)

        assert min(band(means, 0.95, rng)) >= (high - low) / 2 / means[0].error * 0.999
        assert (chance_of_none(means, rng) < 0.01) is small
