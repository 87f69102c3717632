"""A trial's effect by segment: explored, not decided by."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from whywin.deals.need import banded
from whywin.stats.cluster import arm_contrast
from whywin.stats.jackknife import joint_test
from whywin.stats.multiplicity import benjamini_hochberg, selected_rate
from whywin.stats.pooled_effects import partially_pooled
from whywin.trials.period import of_trial
from whywin.trials.question import Trial
from whywin.trials.units import arms_of, scale_of, valued

Array = NDArray[np.float64]
MOST = 12  # levels of a number that is not cut into bands


def segment_tables(question: Trial, sample: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return ``segment_effects``, one row an arm and level, and ``interactions``, one row an arm and segment; none where none is asked for.

    Effects are drawn together within a segment (normal population of levels). p-values are adjusted over all of them by Benjamini and
    Hochberg, and the adjusted intervals agree with them. The interaction test asks whether all levels have one effect.
    """
    if not question.segments:
        return {}
    rows = valued(of_trial(question, sample), question.primary)
    rows = rows.assign(arm_label=rows[question.arm].astype(str))
    arms = arms_of(question, pd.DataFrame({"arm": rows["arm_label"]}))
    effects, tests = [], []
    for arm in arms[1:]:
        both = rows[rows["arm_label"].isin([question.control, arm])]
        for name in question.segments:
            levels = _levels(both[name])
            found = [
                row for level in sorted(levels.unique()) if (row := _effect(question, both[levels == level], arm, name, level))
            ]
            if not found:
                continue
            effects += _pooled(found, question.level)
            tests.append(
                _interaction(
                    question, both, levels, [row["level"] for row in found], arm, name, min(row["degrees"] for row in found)
                )
            )
    if not effects:
        return {}
    table = pd.DataFrame(effects)
    alpha = 1 - question.level
    table["p_adjusted"] = benjamini_hochberg(table["p_value"])
    rate = selected_rate(table["p_value"], alpha)
    reach = np.array([_reach(degrees, rate) for degrees in table["degrees"]]) * table["standard_error"]
    table["adjusted_low"], table["adjusted_high"] = table["effect"] - reach, table["effect"] + reach
    return {"segment_effects": table.drop(columns="standard_error"), "interactions": pd.DataFrame(tests)}


def _reach(degrees: float, rate: float) -> float:
    from scipy.stats import t as student

    return float(student.isf(rate / 2, degrees))


def _levels(values: pd.Series) -> pd.Series:
    if pd.api.types.is_numeric_dtype(values) and values.nunique() > MOST:
        values = banded(values, 5)
    return values.astype("string").fillna("(missing)")


def _effect(question: Trial, rows: pd.DataFrame, arm: str, name: str, level: str) -> dict[str, Any] | None:
    """Return the effect in one level; none where an arm has fewer than two clusters in it, or nothing varies."""
    treated = rows["arm_label"].eq(arm).to_numpy(dtype=np.int64)
    cluster = rows[question.independent].astype(str).to_numpy()
    if min(len(set(cluster[treated == side])) for side in (0, 1)) < 2:  # noqa: PLR2004 - noise cannot be told from one
        return None
    found = arm_contrast(rows["value"], rows["per"], treated, [-1.0, 1.0], cluster)
    if not found.standard_error > 0:
        return None
    scale = scale_of(question)[0]
    low, high = found.interval(question.level)
    return {
        "arm": arm, "segment": name, "level": str(level), "units": int(rows[question.unit].nunique()), "deals": len(rows),
        "effect": scale * found.value, "low": scale * low, "high": scale * high, "p_value": found.p_value,
        "standard_error": scale * found.standard_error, "degrees": found.degrees,
    }  # fmt: skip


def _pooled(rows: list[dict[str, Any]], level: float) -> list[dict[str, Any]]:
    """Add what each effect is when a segment's levels are drawn together; one level alone stays as it is."""
    values, errors = (np.array([row[name] for row in rows], dtype=float) for name in ("effect", "standard_error"))
    if len(rows) == 1:
        return [row | {"pooled": row["effect"], "pooled_low": row["low"], "pooled_high": row["high"]} for row in rows]
    # errors on the normal scale: as wide as the interval by t is
    wide = np.array([(float(row["high"]) - float(row["low"])) / 2 for row in rows]) / norm.isf((1 - level) / 2)
    pooled = partially_pooled(values, np.maximum(wide, errors))
    reach = norm.isf((1 - level) / 2) * pooled.sd
    return [
        row | {"pooled": value, "pooled_low": value - half, "pooled_high": value + half}
        for row, value, half in zip(rows, pooled.value, reach, strict=True)
    ]


def _interaction(
    question: Trial, rows: pd.DataFrame, levels: pd.Series, kept: list[Any], arm: str, name: str, degrees: float
) -> dict[str, Any]:
    """Return whether all levels have one effect: the jackknife's joint test of their differences, each cluster left out in turn."""
    there = levels.isin([str(level) for level in kept]).to_numpy(dtype=bool)
    cell = pd.Categorical(levels[there], categories=[str(level) for level in kept]).codes.astype(np.int64)
    cell = cell * 2 + rows["arm_label"][there].eq(arm).to_numpy(dtype=np.int64)
    index = np.unique(rows[question.independent][there].astype(str), return_inverse=True)[1]
    shape = (int(index.max()) + 1, len(kept), 2)
    place = index * 2 * len(kept) + cell
    total, size = (
        np.bincount(place, rows[part][there].to_numpy(dtype=float), np.prod(shape)).reshape(shape) for part in ("value", "per")
    )
    row = {"arm": arm, "segment": name, "levels": len(kept), "statistic": np.nan, "p_value": np.nan}
    if len(kept) < 2:  # noqa: PLR2004 - one level has no interaction
        return row
    with np.errstate(divide="ignore", invalid="ignore"):
        whole = _differences(total.sum(axis=0), size.sum(axis=0))
        without = _differences(total.sum(axis=0) - total, size.sum(axis=0) - size)
    if not np.isfinite(without).all():
        return row
    statistic, p_value = joint_test(whole, without, degrees)
    return row | {"statistic": statistic, "p_value": p_value}


def _differences(total: Array, size: Array) -> Array:
    """Return each level's effect less the last level's; … × levels × 2 in, … × levels - 1 out."""
    rate = total / size
    effect = rate[..., 1] - rate[..., 0]
    return np.asarray(effect[..., :-1] - effect[..., -1:])
