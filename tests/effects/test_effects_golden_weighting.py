"""Published numbers that weighting and standardisation must meet."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from whywin.effects.checks.overlap import Overlap
from whywin.effects.methods.weighting import Weighting
from whywin.effects.question import Effect
from whywin.evidence import Answered
from whywin.stats.doubly_robust import augmented
from whywin.stats.g_computation import standardised_outcomes
from whywin.stats.propensity import propensity
from whywin.stats.weighting import weigh

LABELS = ("education", "exercise", "active")
NUMBERS = ("age", "smokeintensity", "smokeyrs", "wt71")


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
def quitters() -> pd.DataFrame:
    """The follow-up of smokers of What If, with squares of the numbers, and labels as labels."""
    from causaldata import nhefs_complete

    table = nhefs_complete.load_pandas().data
    squares = {f"{name}_squared": table[name].astype(float) ** 2 for name in NUMBERS}
    labels = {name: table[name].astype(int).astype(str) for name in LABELS}
    return table.assign(won=1.0, sex=table["sex"].astype(float), race=table["race"].astype(float), **squares, **labels)


def regressors(quitters: pd.DataFrame) -> np.ndarray:
    """The book's confounders as numbers, an intercept first."""
    dummies = pd.get_dummies(quitters[list(LABELS)], drop_first=True, dtype=float)
    numbers = quitters[["sex", "race", *NUMBERS, *(f"{name}_squared" for name in NUMBERS)]].astype(float)
    return np.column_stack([np.ones(len(quitters)), numbers, dummies])


@pytest.fixture(scope="module")
def workers(shared: Path) -> pd.DataFrame:
    """The treated of LaLonde's experiment beside 15,992 people of the population survey, with the Mixtape's powers."""
    folder = shared / "data/benchmarks/lalonde"
    trial, survey = (pd.read_csv(folder / f"causaldata_{name}_mixtape.csv") for name in ("nsw", "cps"))
    both = pd.concat([trial[trial["treat"] == 1], survey], ignore_index=True)
    age, educ = both["age"].astype(float), both["educ"].astype(float)
    powers = {"age2": age**2, "age3": age**3, "educ2": educ**2, "educ_re74": educ * both["re74"]}
    idle = {"u74": (both["re74"] == 0).astype(float), "u75": (both["re75"] == 0).astype(float)}
    return both.assign(won=1.0, **powers, **idle)


def test_weight_change_of_quitters_by_weighting(known: Callable, quitters: pd.DataFrame, answered: Callable) -> None:
    """Hernán and Robins, chapter 12: 3.44 kg by stabilised inverse probability weights, through the method."""
    given = ("sex", "race", *LABELS, *NUMBERS, *(f"{name}_squared" for name in NUMBERS))
    row = answered(Weighting(), Effect("qsmk", given, outcome="wt82_71", estimand="all"), quitters).estimates[0]

    known("nhefs_ipw")(ate=row.value)
    assert row.high - row.low < 4.47 - 2.41  # the book's interval takes the weights as given, and is too wide


def test_the_interval_with_given_weights_is_the_books(known: Callable, quitters: pd.DataFrame) -> None:
    """Taken as given, the weights have the book's interval; the stabilised weights have its mean, least and greatest."""
    treated, outcome = quitters["qsmk"].to_numpy() == 1, quitters["wt82_71"].to_numpy(dtype=float)
    score = propensity(regressors(quitters)[:, 1:], treated)
    found = weigh(score, treated, outcome, target="all")
    half = 1.959964 * found.variance_known**0.5
    stabilised = found.weight * np.where(treated, treated.mean(), 1 - treated.mean())

    known("nhefs_ipw")(ate=found.effect, ci_lo=found.effect - half, ci_hi=found.effect + half)
    known("nhefs_ipw")(sw_mean=stabilised.mean(), sw_min=stabilised.min(), sw_max=stabilised.max())


def test_weight_change_of_quitters_by_standardisation(known: Callable, quitters: pd.DataFrame) -> None:
    """Hernán and Robins, chapter 13: the g-formula with one product, and both means behind it."""
    base, smoked = regressors(quitters), quitters["smokeintensity"].to_numpy(dtype=float)

    def columns(quit_: np.ndarray) -> np.ndarray:
        return np.column_stack([base, quit_, quit_ * smoked])

    observed, one = quitters["qsmk"].to_numpy(dtype=float), np.ones(len(quitters))
    found = standardised_outcomes(columns(observed), quitters["wt82_71"].to_numpy(float), columns(one), columns(0 * one))

    known("nhefs_gformula")(ey1=found.with_treatment, ey0=found.without_treatment, ate=found.effect)


def test_weight_change_of_quitters_by_regression(known: Callable, quitters: pd.DataFrame) -> None:
    """Hernán and Robins, chapter 15: the effect without a product, and with one for 5 and for 40 cigarettes a day, and intervals."""
    base, outcome = regressors(quitters), quitters["wt82_71"].to_numpy(dtype=float)
    observed, smoked = quitters["qsmk"].to_numpy(dtype=float), quitters["smokeintensity"].to_numpy(dtype=float)
    one = np.ones(len(base))
    plain = [np.column_stack([base, value]) for value in (observed, one, 0 * one)]
    found = {"no_product": standardised_outcomes(plain[0], outcome, plain[1], plain[2], pooled=True)}
    for count in (5, 40):
        sets = [
            np.column_stack([base, quit_, quit_ * number])
            for quit_, number in ((observed, smoked), (one, count), (0 * one, count))
        ]
        found[f"at{count}"] = standardised_outcomes(sets[0], outcome, sets[1], sets[2], pooled=True)

    for key, row in found.items():
        half = 1.959964 * row.variance**0.5
        known("nhefs_outcome_regression")(**{key: row.effect, f"{key}_lo": row.effect - half, f"{key}_hi": row.effect + half})


@pytest.mark.parametrize(("weights", "key"), [("inverse", "ht"), ("stabilised", "hajek")])
def test_training_against_the_population(
    known: Callable, workers: pd.DataFrame, answered: Callable, weights: str, key: str
) -> None:
    """Cunningham's Mixtape: nonsense without overlap, which is said, and a sensible number once trimmed to propensities of .1 to .9."""
    given = (
        "age",
        "age2",
        "age3",
        "educ",
        "educ2",
        "marr",
        "nodegree",
        "black",
        "hisp",
        "re74",
        "re75",
        "u74",
        "u75",
        "educ_re74",
    )
    question = Effect("treat", given, outcome="re78", estimand="all")
    whole, trimmed = (answered(Weighting(weights=weights, trim=trim), question, workers) for trim in (0.0, 0.1))
    known("lalonde_cps_ipw_mixtape")(**{key: whole.estimates[0].value, f"{key}_trim": trimmed.estimates[0].value})
    (overlap,) = Overlap().check(question, (Answered("weighting", None, workers, whole),), None, np.random.default_rng(0))
    trim = next(check for check in trimmed.checks if check.name == "trim")

    assert not overlap.passed
    assert (trim.passed, trimmed.estimates[0].n) == (False, len(workers) - trim.value)


def test_stata_adjusts_by_regression(known: Callable) -> None:
    """Stata's `teffects ra`: a regression in each group, predicted for everyone or the treated, with its standard errors."""
    import statsmodels

    births = pd.read_csv(Path(statsmodels.__file__).parent / "treatment/tests/results/cataneo2.csv")
    base = np.column_stack([np.ones(len(births)), births[["prenatal1_", "mmarried_", "mage", "fbaby_"]]]).astype(float)
    treated, weight = births["mbsmoke_"].to_numpy() == 1, births["bweight"].to_numpy(dtype=float)

    def columns(smokes: np.ndarray) -> np.ndarray:
        return np.column_stack([base, base * smokes[:, None]])

    one = np.ones(len(births))
    sets = columns(treated.astype(float)), weight, columns(one), columns(0 * one)
    every, smokers = standardised_outcomes(*sets), standardised_outcomes(*sets, asked=treated)

    known("stata_ra")(ate=every.effect, ate_se=every.variance**0.5, atet=smokers.effect, atet_se=smokers.variance**0.5)


def kidney_stones() -> pd.DataFrame:
    """Charig's 700 patients: stones, treatment and success."""
    counts = {("A", 0): (81, 87), ("A", 1): (192, 263), ("B", 0): (234, 270), ("B", 1): (55, 80)}
    rows = [(int(arm == "A"), float(large), float(i < won)) for (arm, large), (won, n) in counts.items() for i in range(n)]
    return pd.DataFrame(rows, columns=["open_surgery", "large", "won"])


def test_kidney_stones_turn_their_sign(known: Callable, answered: Callable) -> None:
    """With one covariate of two levels weighting is standardisation, to the digit, and turns the sign of the crude difference."""
    stones = kidney_stones()
    evidence = answered(Weighting(), Effect("open_surgery", ("large",), estimand="all"), stones)
    means = evidence.tables["outcomes"].set_index("treatment")["mean"] / 100

    known("kidney_stones_simpson")(
        adj_rd=evidence.estimates[0].value / 100, standardised_A=means["with"], standardised_B=means["without"]
    )


@pytest.mark.parametrize("stabilised", [True, False])
def test_kidney_stones_by_augmented_weighting(known: Callable, stabilised: bool) -> None:
    """The augmented estimator is the standardised one where either nuisance is exact, whatever the other says."""
    stones = kidney_stones()
    treated, won, large = stones["open_surgery"].to_numpy() == 1, stones["won"].to_numpy(), stones["large"]
    exact = stones.groupby("large")["open_surgery"].transform("mean").to_numpy()
    rates = stones.groupby(["open_surgery", "large"])["won"].mean()
    upper, lower = (large.map(rates[arm]).to_numpy() for arm in (1, 0))
    wrong = np.full(len(stones), 0.5)

    by_outcomes = augmented(won, treated, wrong, lower, upper, stabilised=stabilised)
    by_chance = augmented(won, treated, exact, wrong, wrong, stabilised=stabilised)

    for found in (by_outcomes, by_chance):
        known("kidney_stones_simpson")(
            adj_rd=found.effect, standardised_A=found.with_treatment, standardised_B=found.without_treatment
        )
