"""Every metric's effect from a large table of deals: one pass for the sums by unit, then all inference on the units.

The numbers are those of the method `adjusted` (and, without a past, of `fixed`), for every metric at once. With regressors that are the
same in all deals of a unit, CR2 with Satterthwaite degrees of freedom on deals is HC2 with Bell and McCaffrey's on the weighted means of
units, so that a million deals cost what their units do (Pustejovsky and Tipton 2018, JBES 36, 672-683).
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whywin.errors import QuestionError
from whywin.stats.before_after import adjusted_contrast
from whywin.stats.cluster import Contrast, arm_contrast
from whywin.stats.randomization import randomization
from whywin.stats.wild_bootstrap import wild_bootstrap
from whywin.trials.pre_period import drawn_to_mean
from whywin.trials.question import Trial
from whywin.trials.sums import Sums, sums_by_unit
from whywin.trials.units import scale_of

Array = NDArray[np.float64]
FEWEST = 2  # units in each arm


def effects_at_scale(
    question: Trial, deals: Any, rng: np.random.Generator | None = None, *, draws: int = 0, prior_deals: float = 5.0
) -> pd.DataFrame:
    """Return the effect of each arm on each metric, adjusted for what was known before wherever something was.

    Args:
        question: the trial; its metrics are means, shares of deals and ratios.
        deals: what `sums_by_unit` takes.
        rng: where draws come from.
        draws: assignments that are drawn anew, and sign draws of the wild cluster bootstrap, for two further p-values; 0 for neither.
        prior_deals: how many deals at the mean of all a unit's past is mixed with.

    Returns:
        One row a metric and arm: metric, role, arm, units, deals, effect with low and high (points of a rate, else the metric's own
        unit), error, degrees, p_value, and with draws randomization_p, bootstrap_p, bootstrap_low and bootstrap_high.

    Raises:
        QuestionError: as `sums_by_unit`, or an arm has fewer than two units, or there are too few for so many covariates.
    """
    if draws and rng is None:
        raise QuestionError("draws need rng, a NumPy Generator")
    if draws and (question.balanced_on or question.independent != question.unit):
        raise QuestionError(
            "draws: a constrained assignment, or clusters beyond the unit, is not drawn anew here; use the methods"
        )
    sums, rows = sums_by_unit(question, deals), []
    for place, metric in enumerate(question.measured):
        scale, known, there = scale_of(question, metric)[0], _known(question, sums, place, prior_deals), sums.size[place] > 0
        for arm in sorted(set(sums.arm[there]) - {question.control}):
            kept = there & np.isin(sums.arm, [question.control, arm])
            total, size, treated = sums.total[place][kept], sums.size[place][kept], sums.arm[kept] == arm
            if min(treated.sum(), (~treated).sum()) < FEWEST:
                raise QuestionError(
                    f"{metric.name}: {arm} or {question.control} has fewer than two {question.unit}s with a value"
                )
            before = known[:, kept].T
            found = _contrast(total, size, treated, before, sums.cluster[kept])
            low, high = (scale * end for end in found.interval(question.level))
            row = {
                "metric": metric.name, "role": metric.role, "arm": arm, "units": len(total), "deals": int(sums.deals[place][kept].sum()),
                "effect": scale * found.value, "low": low, "high": high, "error": scale * found.standard_error,
                "degrees": found.degrees, "p_value": found.p_value,
            }  # fmt: skip
            if draws and rng is not None:
                row |= _drawn(total, size, treated, before, sums.stratum[kept], (draws, question.level, scale), rng)
            rows.append(row)
    if not rows:
        raise QuestionError(f"arm: there is no arm beside {question.control} whose deals have a value")
    return pd.DataFrame(rows)


def _known(question: Trial, sums: Sums, place: int, prior_deals: float) -> Array:
    """Return what was known of each unit before that tells them apart, covariates × units."""
    known = [np.where(np.isnan(one), np.nanmean(one), one) for one in sums.before if not np.isnan(one).all()]
    total, size, deals = sums.everyones[:, place]
    if question.start is not None and deals:
        known.insert(0, drawn_to_mean(sums.past[0, place], sums.past[1, place], (total, size, deals), prior_deals))
    table = np.array(known).reshape(len(known), len(sums.unit))
    there = sums.size[place] > 0
    return table[table[:, there].std(axis=1) > 0] if len(table) else table


def _contrast(total: Array, size: Array, treated: NDArray[np.bool_], before: Array, cluster: NDArray[np.str_]) -> Contrast:
    if not before.shape[1]:
        return arm_contrast(total, size, treated.astype(np.int64), [-1.0, 1.0], cluster)
    try:
        return adjusted_contrast(total, size, treated, before, clusters=cluster)
    except ValueError as error:
        raise QuestionError(f"{error}; give fewer columns in question.before") from None


def _drawn(
    total: Array,
    size: Array,
    treated: NDArray[np.bool_],
    before: Array,
    stratum: NDArray[np.str_],
    asked: tuple[int, float, float],
    rng: np.random.Generator,
) -> dict[str, float]:
    """Return p-values by assignments drawn anew and by the wild cluster bootstrap, and the latter's interval.

    Assignments are drawn over what the covariates leave of the outcome, which is fixed under no effect (Rosenbaum 2002, Covariance
    adjustment in randomized experiments and observational studies, Statistical Science 17, 286-327).
    """
    draws, level, scale = asked
    centred = np.column_stack([np.ones(len(total)), before - np.average(before, axis=0, weights=size)])
    root = np.sqrt(size)[:, None]
    slopes = np.linalg.lstsq(centred * root, total / root[:, 0], rcond=None)[0]
    left = total - size * (centred @ slopes)
    again = randomization(left, size, treated, draws=draws, rng=rng, strata=stratum)
    matrix = np.column_stack([centred, treated])
    moments = size[:, None, None] * matrix[:, :, None] * matrix[:, None, :]
    wild = wild_bootstrap(moments, total[:, None] * matrix, np.eye(matrix.shape[1])[-1], draws=draws, rng=rng)
    low, high = (scale * end for end in wild.interval(level))
    return {"randomization_p": again.p_value(), "bootstrap_p": wild.p_value(), "bootstrap_low": low, "bootstrap_high": high}
