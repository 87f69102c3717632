"""Published numbers of instruments, discontinuities, and differences in differences."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from whywin.effects.methods.instrument import Instrument
from whywin.effects.question import Effect
from whywin.stats.discontinuity import Widths, jump
from whywin.stats.instruments import anderson_rubin, first_stage, k_class, moments, not_refuted
from whywin.stats.staggered import NEVER, Adoption, adoption, group_times, mean_of
from whywin.stats.two_way import two_way

PUBLISHED = Path(__file__).with_name("published")


def table(name: str) -> pd.DataFrame:
    """One of the published tables."""
    return pd.read_csv(PUBLISHED / f"{name}.csv.gz")


@pytest.fixture(scope="module")
def known(shared: Path) -> Callable[[str], Callable[..., None]]:
    """Compare numbers with a known answer, each to the tolerance of the case."""
    cases = json.loads((shared / "known_answers" / "effects.json").read_text())["cases"]

    def of(name: str) -> Callable[..., None]:
        case = next(case for case in cases if case["id"] == name)

        def agree(**found: float) -> None:
            for key, value in found.items():
                tolerance = case["tolerance"].get(key, case["tolerance"].get("*"))
                assert value == pytest.approx(case["expected"][key], abs=tolerance), key

        return agree

    return of


@pytest.fixture(scope="module")
def counties() -> pd.DataFrame:
    """Teenage employment in 500 counties that raised the minimum wage at different times, or never."""
    frame = table("mpdta")
    return frame.assign(cohort=np.where(frame["first.treat"] == 0, NEVER, frame["first.treat"]))


def observed(counties: pd.DataFrame, covariates: tuple[str, ...] = ()) -> Adoption:
    """The counties, given some covariates."""
    given = counties[list(covariates)].to_numpy(dtype=float) if covariates else None
    return adoption(counties["lemp"], counties["year"], counties["countyreal"], counties["cohort"], given)


def test_return_to_schooling_by_the_nearness_of_a_college(known: Callable) -> None:
    """Card (1995): 13 % a year by two stages, the first stage's F, and the Anderson-Rubin interval from 2 to 28 %."""
    card = table("card")
    controls = card.drop(columns=["lwage", "educ", "nearc4"])
    given = moments(card["lwage"], card["educ"], card["nearc4"], controls, spread="pooled")
    found, first = k_class(given), first_stage(given)
    statistic, chance = anderson_rubin(given, 0.0)
    ((low, high),) = not_refuted(given, 0.95)

    known("card1995_iv")(iv=found.value, iv_se=found.error, first_stage_F=first.effective)
    known("card1995_iv")(first_stage=first.slopes[0], first_stage_se=first.errors[0])
    known("card1995_iv")(ar_F=statistic, ar_p=chance, ar_lo=low, ar_hi=high)


def test_college_proximity_of_the_mixtape(known: Callable) -> None:
    """Cunningham's chapter on instruments: 12.4 % a year of schooling."""
    from causaldata import close_college

    frame = close_college.load_pandas().data.astype(float).dropna()
    controls = frame[["exper", "black", "south", "married", "smsa"]]
    given = moments(frame["lwage"], frame["educ"], frame["nearc4"], controls, spread="pooled")
    found, first = k_class(given), first_stage(given)

    known("mixtape_close_college")(iv=found.value, iv_se=found.error)
    known("mixtape_close_college")(first_stage=first.slopes[0], first_stage_se=first.errors[0], F=first.effective)


def test_rents_by_two_stages_and_by_limited_information(known: Callable) -> None:
    """Stata's manual: four instruments for the value of houses, and Sargan's test, which they fail."""
    frame = table("housing")
    instruments = np.column_stack([frame["faminc"], pd.get_dummies(frame["region"], drop_first=True, dtype=float)])
    given = moments(frame["rent"], frame["hsngval"], instruments, frame[["pcturban"]], spread="pooled")
    found, other = k_class(given), k_class(given, "limited_information")

    known("stata_ivregress_housing")(tsls=found.value, tsls_se=found.error, sargan=found.excess)
    known("stata_ivregress_housing")(liml=other.value, liml_se=other.error)


def test_an_instrument_that_moves_next_to_nothing(known: Callable, answered: Callable) -> None:
    """Hernán and Robins, chapter 16: 2.4 kg (−36.5 to 41.3), which says nothing; the weak-instrument check is fatal, and no effect is refuted."""
    from causaldata import nhefs

    from whywin.effects.checks.weak_instrument import WeakInstrument
    from whywin.evidence import Answered

    frame = nhefs.load_pandas().data[["qsmk", "wt82_71", "price82"]].dropna()
    frame = frame.assign(won=1.0, dear=(frame["price82"] >= 1.5).astype(float))
    question, method = Effect("qsmk", outcome="wt82_71", instruments=("dear",)), Instrument(spread="pooled")
    evidence = answered(method, question, frame)
    row, first = evidence.estimates[0], evidence.tables["first_stage"].iloc[0]
    check = WeakInstrument().check(question, (Answered("i", method, frame, evidence),), None, np.random.default_rng(0))[0]

    known("nhefs_iv_weak")(late=row.value, ci_lo=row.low, ci_hi=row.high, first_stage=first["moves"] / 100)
    known("nhefs_iv_weak")(first_stage_F=first["effective_f"], itt=row.value * first["moves"] / 100)
    assert (check.passed, check.severity) == (False, "fatal")
    assert "of any size" in check.says


def test_effects_by_cohort_and_year(known: Callable, counties: pd.DataFrame) -> None:
    """Callaway and Sant'Anna's example: twelve effects of the minimum wage on teenage employment, against counties that never raised it."""
    found = {f"{cell.cohort}_{cell.period}": cell.value for cell in group_times(observed(counties))}

    assert len(found) == 12
    known("cs_mpdta_attgt")(**found)


@pytest.mark.parametrize(
    ("form", "values", "errors"),
    [
        ("doubly_robust", (-0.01453, -0.07642, -0.14045, -0.10690), (0.02213, 0.02867, 0.03538, 0.03289)),
        ("outcome_regression", (-0.01491, -0.07700, -0.14108, -0.10754), (0.02206, 0.02836, 0.03484, 0.03274)),
    ],
)
def test_the_same_given_the_size_of_the_county(counties: pd.DataFrame, form: str, values: tuple, errors: tuple) -> None:
    """With a covariate the first cohort's effects are those of diff-diff 3.13; errors are larger by √(20/19), since it has 20 counties."""
    given = observed(counties, ("lpop",))
    found = [mean_of(given, [cell]) for cell in group_times(given, form) if cell.cohort == 2004]

    assert [one.value for one in found] == pytest.approx(values, abs=1e-5)
    assert [one.error for one in found] == pytest.approx(np.multiply(errors, np.sqrt(20 / 19)), rel=0.005)


def test_against_those_who_have_not_adopted_yet(counties: pd.DataFrame) -> None:
    """With later adopters among the controls the first effects are those of diff-diff 3.13."""
    found = [cell.value for cell in group_times(observed(counties), controls="not_yet")][:5]

    assert found == pytest.approx([-0.019372, -0.078319, -0.136274, -0.100811, -0.002563], abs=1e-6)


def test_the_mean_of_all_effects(counties: pd.DataFrame) -> None:
    """The simple mean of the example is −.0400, with a standard error of .0120 that counts the shares of cohorts too; ours takes them as given."""
    given = observed(counties)
    mean = mean_of(given, [cell for cell in group_times(given) if cell.since >= 0])

    assert mean.value == pytest.approx(-0.0400, abs=5e-5)
    assert mean.error == pytest.approx(0.0120, abs=3e-4)


def test_two_way_fixed_effects_of_the_same(known: Callable, counties: pd.DataFrame) -> None:
    """The regression that the paper warns of."""
    found = two_way(observed(counties))

    known("mpdta_twfe")(twfe=found.value, se=found.error)


def test_one_state_against_the_others(known: Callable) -> None:
    """California's law on cigarettes by two differences: −27.35 packs; two periods of which the second holds 1989 and after."""
    wide = table("prop99")
    long = wide.melt("Year", var_name="state", value_name="packs")
    later = (long["Year"] >= 1989).astype(int)
    cohort = np.where(long["state"] == "California", 1, NEVER)
    made = adoption(long["packs"], later, long["state"].astype(str).to_numpy(dtype=str), cohort)
    (cell,) = group_times(Adoption(made.outcome, made.period, made.unit, made.cohort, fewest=1))

    known("prop99_did")(did=cell.value)
    assert group_times(made) == ()  # the spread between states that adopt cannot be told from one


def test_fast_food_in_two_states(known: Callable) -> None:
    """Card and Krueger's four means give their difference of differences."""
    means = {(1, 1): 21.03, (1, 0): 20.44, (0, 1): 21.17, (0, 0): 23.33}
    rows = [(state, unit, period, mean) for (state, period), mean in means.items() for unit in (0, 1)]
    state, unit, period, mean = map(np.array, zip(*rows, strict=True))
    (cell,) = group_times(adoption(mean, period, 2 * state + unit, np.where(state == 1, 1, NEVER)))

    known("card_krueger_did")(did=cell.value)


def test_incumbents_of_the_senate() -> None:
    """The example of Calonico, Cattaneo and Titiunik: 7.414, robust interval 4.094 to 10.919, bandwidths 17.754 and 28.028, 360 and 323 elections."""
    frame = table("senate").dropna()
    found = jump(frame["margin"], frame["vote"], 0.0)
    ends = [found.corrected + sign * 1.959964 * found.robust for sign in (-1, 1)]

    assert found.value == pytest.approx(7.414131, abs=1e-6)
    assert (found.widths.estimate, found.widths.bias) == pytest.approx((17.754398, 28.028089), abs=1e-5)
    assert ends == pytest.approx([4.093699, 10.919306], abs=1e-5)
    assert found.error == pytest.approx(1.458716, abs=1e-6)
    assert (found.below, found.above) == (360, 323)


def test_incumbents_of_the_senate_by_state() -> None:
    """With clusters the numbers are those of rdrobust 2.1.1, bandwidths too."""
    frame = table("senate").dropna()
    found = jump(frame["margin"], frame["vote"], 0.0, pd.factorize(frame["state"])[0])

    assert found.widths.estimate == pytest.approx(18.084289, abs=1e-5)
    assert found.corrected == pytest.approx(7.504956, abs=1e-5)
    assert found.robust == pytest.approx((11.024943 - 3.984970) / 2 / 1.959964, abs=1e-5)


def test_given_widths_are_taken() -> None:
    """With the widths given the estimate is rdrobust's at those widths."""
    frame = table("senate").dropna()
    found = jump(frame["margin"], frame["vote"], 0.0, widths=Widths(17.754, 28.028))

    assert (found.value, found.corrected) == pytest.approx((7.414152, 7.506523), abs=1e-6)
