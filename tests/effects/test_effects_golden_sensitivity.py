"""Published numbers that the measures of sensitivity must meet."""

import json
import math
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from whywin.stats.omitted_variable import Coefficient, Strength, adjusted, as_strong_as, coefficient, partial_r2, robustness_value
from whywin.stats.rosenbaum import fisher_bound, mantel_haenszel_bound, mcnemar_bound, withstood
from whywin.stats.sensitivity import e_value, e_value_of_interval, ratio_of_hazards, ratio_of_odds


@pytest.fixture(scope="module")
def known(shared: Path) -> Callable[[str], Callable[..., None]]:
    """Compare numbers with a known answer, each to the tolerance of the case."""
    cases = json.loads((shared / "known_answers" / "effects.json").read_text())["cases"]

    def of(name: str) -> Callable[..., None]:
        case = next(case for case in cases if case["id"] == name)

        def agree(found: dict[str, float]) -> None:
            for key, value in found.items():
                tolerance = case["tolerance"].get(key, case["tolerance"].get("*"))
                assert value == pytest.approx(case["expected"][key], abs=tolerance), key

        return agree

    return of


def test_e_values_of_risk_ratios(known: Callable) -> None:
    """VanderWeele and Ding: 3.9 (1.8 to 8.7) needs 7.26, its interval 3.0; 0.80 (0.71 to 0.91) needs 1.81 and 1.43."""
    known("evalue_rr")({
        "e_3.9": e_value(3.9),
        "e_3.9_ci": e_value_of_interval(1.8, 8.7),
        "e_0.80": e_value(0.80),
        "e_0.80_ci": e_value_of_interval(0.71, 0.91),
    })  # fmt: skip


def test_e_values_of_other_ratios() -> None:
    """The package EValue: a common odds ratio is its square root, a rare one itself; a hazard ratio of 0.56 of a common outcome is 0.67."""
    assert ratio_of_odds(0.86, rare=False) == pytest.approx(math.sqrt(0.86))
    assert e_value(ratio_of_odds(0.86, rare=True)) == pytest.approx(1.60, abs=0.005)
    assert ratio_of_hazards(0.56, rare=False) == pytest.approx((1 - 0.5 ** math.sqrt(0.56)) / (1 - 0.5 ** math.sqrt(1 / 0.56)))
    assert ratio_of_hazards(0.56, rare=True) == 0.56


def test_smoking_and_lung_cancer_withstand_much(known: Callable) -> None:
    """Hammond's pairs: 110 against 12 discordant; at Γ = 5 still below .05, at 6 not. As sets of two the same by Mantel and Haenszel."""
    pairs = {f"g{gamma}": mcnemar_bound(110, 12, gamma) for gamma in (4, 5, 6)}
    treated = np.r_[np.ones(110, dtype=bool), np.zeros(12, dtype=bool)]
    ones = np.ones(122, dtype=np.int64)
    sets = {f"g{gamma}": mantel_haenszel_bound(treated, ones, 2 * ones, gamma) for gamma in (4, 5, 6)}

    known("rosenbaum_mcnemar_hammond")(pairs)
    known("rosenbaum_mcnemar_hammond")(sets)
    assert 5 < withstood(lambda gamma: mcnemar_bound(110, 12, gamma), 0.05) < 6


def test_the_lady_tasting_tea(known: Callable) -> None:
    """Eight cups all told right: p = .0143, and .0498 where her odds of guessing one kind are doubled."""
    table = ((4, 0), (0, 4))
    known("rosenbaum_fisher_tea")({"p_g1": fisher_bound(table, 1), "p_g2": fisher_bound(table, 2)})


def test_robustness_values_of_darfur_from_the_printed_regression(known: Callable) -> None:
    """Cinelli and Hazlett: t = 4.184 on 783 degrees of freedom is a partial R² of 2.2 %, and robustness values of 13.9 and 7.6 %."""
    t, freedom = 4.18445, 783
    known("sensemakr_darfur")({
        "r2yd_x": partial_r2(t, freedom),
        "rv_q1": robustness_value(t, freedom),
        "rv_q1_a05": robustness_value(t, freedom, level=0.05),
    })  # fmt: skip


@pytest.mark.parametrize(
    ("of_treatment", "of_outcome", "left", "error"), [(0.0092, 0.1246, 0.0752, 0.0219), (0.0183, 0.2493, 0.0529, 0.0204)]
)
def test_what_a_confounder_as_strong_as_sex_leaves_in_darfur(
    of_treatment: float, of_outcome: float, left: float, error: float
) -> None:
    """The table that sensemakr prints: one and two times as strong as being a woman leaves .0752 (.0219) and .0529 (.0204)."""
    found = adjusted(Coefficient(0.09731582, 0.02325654, 783), Strength(of_treatment, of_outcome))

    assert (found.value, found.error) == pytest.approx((left, error), abs=0.0003)


@pytest.mark.skipif(find_spec("sensemakr") is None, reason="the survey stands in PySensemakr's wheel, which is not installed")
def test_darfur_from_its_survey(known: Callable) -> None:
    """From the survey itself: attitudes to peace on having been harmed, villages held; a confounder as strong as sex leaves .075."""
    folder = Path(str(find_spec("sensemakr").submodule_search_locations[0]))  # type: ignore[union-attr, index]
    survey = pd.read_csv(folder / "data" / "darfur.csv")
    numbers = survey[["age", "farmer_dar", "herder_dar", "pastvoted", "hhsize_darfur", "female"]].astype(float)
    matrix = np.column_stack([numbers, pd.get_dummies(survey["village"], drop_first=True, dtype=float)])
    outcome, harmed = survey["peacefactor"].to_numpy(dtype=float), survey["directlyharmed"].to_numpy(dtype=float)
    found = coefficient(outcome, harmed, matrix)
    female = np.arange(matrix.shape[1]) == 5
    strength = as_strong_as(outcome, harmed, matrix, female)

    known("sensemakr_darfur")({"est": found.value, "se": found.error, "t": found.t, "dof": found.freedom})
    assert strength is not None
    assert adjusted(found, strength).value == pytest.approx(0.0752, abs=0.0005)
