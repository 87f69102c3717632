"""What a posterior says of the effect: draws averaged over the deals that are asked for, and what the model rests on.

Sources: Robins (1986), Mathematical Modelling 7, 1393-1512 (standardisation); Rubin (1981), The Bayesian bootstrap, Annals of
Statistics 9, 130-134 (the deals asked for are a sample too); Chattopadhyay and Zubizarreta (2023), On the implied weights of linear
regression for causal inference, Biometrika 110, 615-629.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whywin.effects.comparison import Comparison
from whywin.effects.modifiers import Segment
from whywin.effects.pooling import FIXED, Pooling, effects_by_cell, standard_deviations
from whywin.stats.logistic import fitted

Floats = NDArray[np.float64]
TYPICAL = 0.6745  # median of a half-normal with scale 1


def effect_draws(
    model: Pooling,
    coefficients: Floats,
    asked: NDArray[np.bool_],
    groups: Sequence[NDArray[np.bool_]],
    clusters: NDArray[np.int64] | None,
    rng: np.random.Generator,
) -> Floats:
    """Return the mean effect over each group of deals, draws × groups, as fractions.

    Deals (or clusters) asked for are weighted anew in each draw, as the Bayesian bootstrap does, so that the interval knows that they are
    a sample.

    Args:
        model: the model.
        coefficients: draws × coefficients.
        asked: whose effect is asked for, by deal.
        groups: the deals of each group.
        clusters: codes of what is sampled together, or None.
        rng: draws the weights.
    """
    found = np.empty((len(coefficients), len(groups)))
    codes = np.arange(len(asked)) if clusters is None else clusters
    inside = [np.flatnonzero(asked & group) for group in groups]
    for part, effects in effects_by_cell(model, coefficients):
        drawn = rng.standard_exponential((len(effects), int(codes.max()) + 1))
        for place, rows in enumerate(inside):
            weight = drawn[:, codes[rows]]
            found[part, place] = (weight * effects[:, model.cell[rows]]).sum(axis=1) / weight.sum(axis=1)
    return found


def likeliest(model: Pooling, outcome: Floats) -> Floats:
    """Return the coefficients at the posterior's top when every standard deviation is its prior's median."""
    penalty = 1 / standard_deviations(model, TYPICAL * model.widths[None, :])[0] ** 2
    columns = model.columns
    if not model.binary:
        return np.asarray(np.linalg.solve(columns.T @ columns + np.diag(penalty), columns.T @ model.total))
    rows = columns[model.cell]
    found = fitted(np.column_stack([np.ones(len(rows)), rows]), outcome, np.r_[0.0, penalty]).coefficients
    coefficients = found[1:].copy()
    coefficients[0] += found[0] - model.offset
    return coefficients


def implied_weights(model: Pooling, coefficients: Floats, spread: Floats, asked: NDArray[np.bool_]) -> Floats:
    """Return by how much each deal's outcome moves the mean effect, by deal, per deal asked for: the weights of a linear estimator."""
    upper, lower, columns = model.under(1.0), model.under(0.0), model.columns
    share = np.bincount(model.cell, asked, len(model.base)) / asked.sum()
    curve_up, curve_low, curve = (_curve(model, one @ coefficients) for one in (upper, lower, columns))
    slope = (share * curve_up) @ upper - (share * curve_low) @ lower
    precision = 1 / standard_deviations(model, spread[None, :])[0] ** 2
    information = columns.T @ (columns * (model.deals * curve)[:, None]) + np.diag(precision)
    return np.asarray((columns @ np.linalg.solve(information, slope))[model.cell])


def _curve(model: Pooling, linear: Floats) -> Floats:
    if not model.binary:
        return np.ones(len(linear))
    chance = model.mean(linear)
    return np.asarray(chance * (1 - chance))


def pooled_table(
    comparison: Comparison, segments: Sequence[Segment], draws: Floats, whole: Floats, level: float, sure: float
) -> pd.DataFrame:
    """Return the pooled effect of each segment in people's units, and how sure it is that it lies above or below that of all deals."""
    tail = (1 - level) / 2
    rows = []
    for segment, column in zip(segments, draws.T, strict=True):
        low, high = comparison.scale * np.quantile(column, [tail, 1 - tail])
        above = float((column > whole).mean())
        rows.append(
            {
                "column": segment.column,
                "level": segment.level,
                "deals": int(segment.rows.sum()),
                "treated": int((segment.rows & comparison.treated).sum()),
                "effect": comparison.scale * float(column.mean()),
                "low": float(low),
                "high": float(high),
                "p_above": above,
                "differs": max(above, 1 - above) > sure,
            }
        )
    return pd.DataFrame(rows)


def spread_table(comparison: Comparison, segments: Sequence[Segment], draws: Floats, prior: Floats, level: float) -> pd.DataFrame:
    """Return by how much effects differ between the levels of each modifier (standard deviation), with what the prior alone says."""
    tail = (1 - level) / 2
    rows = []
    for column in dict.fromkeys(segment.column for segment in segments):
        own = [place for place, segment in enumerate(segments) if segment.column == column]
        found, before = (comparison.scale * one[:, own].std(axis=1) for one in (draws, prior))
        low, high = np.quantile(found, [tail, 1 - tail])
        rows.append(
            {
                "column": column,
                "levels": len(own),
                "between_sd": float(np.median(found)),
                "low": float(low),
                "high": float(high),
                "prior_sd": float(np.median(before)),
            }
        )
    return pd.DataFrame(rows)


def prior_coefficients(model: Pooling, count: int, rng: np.random.Generator) -> Floats:
    """Return draws of the coefficients from their priors alone, draws × coefficients."""
    spread = np.abs(rng.standard_normal((count, len(model.terms)))) * model.widths
    return rng.standard_normal((count, len(model.owner))) * standard_deviations(model, spread)


def names_of(model: Pooling) -> list[str]:
    """Return a name for each coefficient: its term, or what it is fixed for, and a number."""
    named = [model.terms[owner] if owner != FIXED else "fixed" for owner in model.owner]
    seen: dict[str, int] = {}
    names = []
    for name in named:
        seen[name] = seen.get(name, 0) + 1
        names.append(f"{name} {seen[name]}")
    return names
