"""The tables behind an adjusted answer: balance, overlap, who is compared, and the outcomes."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whywin.effects.comparison import Comparison
from whywin.stats.balance import balances, effective, outside

BINS = 20


def balance_table(comparison: Comparison, weight: NDArray[np.float64]) -> pd.DataFrame:
    """Return how alike treated and controls are before and after weighting, one row a covariate."""
    matrix, treated = comparison.covariates.matrix, comparison.treated
    before, after = balances(matrix, treated, [np.ones(len(treated)), weight], everyone=comparison.everyone)
    columns: dict[str, object] = {"covariate": list(comparison.covariates.names)}
    for when, found in (("before", before), ("after", after)):
        columns |= {
            f"treated_{when}": found.treated,
            f"controls_{when}": found.controls,
            f"smd_{when}": found.difference,
            f"variance_ratio_{when}": found.ratio,
            f"ks_{when}": found.distance,
        }
    return pd.DataFrame(columns)


def overlap_table(chance: NDArray[np.float64], treated: NDArray[np.bool_]) -> pd.DataFrame:
    """Return how many treated and controls there are in each twentieth of the propensity scale."""
    edges = np.linspace(0, 1, BINS + 1)
    counts = {name: np.histogram(chance[group], edges)[0] for name, group in (("treated", treated), ("controls", ~treated))}
    return pd.DataFrame({"from": edges[:-1], "to": edges[1:], **counts})


def groups_table(comparison: Comparison, places: NDArray[np.float64], weight: NDArray[np.float64]) -> pd.DataFrame:
    """Return, for treated and controls, how many there are, how many are compared, and what they are worth.

    `outside` is the share of the deals whose effect is asked for that lie beyond the other group's range of the propensity.
    """
    beyond = outside(places, comparison.treated, everyone=comparison.everyone)
    rows = [
        {
            "group": name,
            "deals": int(group.sum()),
            "compared": int((weight[group] > 0).sum()),
            "effective": effective(weight[group]),
            "outside": beyond,
        }
        for name, group in (("treated", comparison.treated), ("controls", ~comparison.treated))
    ]
    return pd.DataFrame(rows)


def outcomes_table(comparison: Comparison, with_treatment: float, without_treatment: float) -> pd.DataFrame:
    """Return the mean outcome of the deals whose effect is asked for, with and without treatment."""
    means = [comparison.scale * with_treatment, comparison.scale * without_treatment]
    return pd.DataFrame({"treatment": ["with", "without"], "mean": means})


def dropped_table(comparison: Comparison, wanted: NDArray[np.bool_], kept: NDArray[np.bool_]) -> pd.DataFrame:
    """Return how the deals that found no match differ from the others whose effect is asked for, one row a covariate.

    The difference is in standard deviations of all whose effect is asked for.
    """
    matrix, left = comparison.covariates.matrix[wanted], ~kept[wanted]
    means = matrix[~left].mean(axis=0), matrix[left].mean(axis=0)
    spread = matrix.std(axis=0)
    gap = means[1] - means[0]
    difference = np.divide(gap, spread, out=np.zeros_like(gap), where=spread > 0)
    columns = {"covariate": list(comparison.covariates.names), "kept": means[0], "dropped": means[1], "difference": difference}
    return pd.DataFrame(columns)


def with_dropped(
    tables: dict[str, pd.DataFrame], comparison: Comparison, wanted: NDArray[np.bool_], kept: NDArray[np.bool_]
) -> dict[str, pd.DataFrame]:
    """Return the tables, with one of those who were dropped where anyone was."""
    if not (wanted & ~kept).any():
        return tables
    return {**tables, "dropped": dropped_table(comparison, wanted, kept)}
