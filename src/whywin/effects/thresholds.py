"""The deals about a threshold, as arrays: what the discontinuity and its checks start from."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whywin.effects.comparison import ColumnsThere, Comparison, compared, eligible, need_of
from whywin.effects.question import Effect
from whywin.stats.discontinuity import Jump, Widths, jump, ratio

Floats = NDArray[np.float64]
QUANTITY: Final = "effect at the threshold"


@dataclass(frozen=True, eq=False)
class Around:
    """Deals about a threshold.

    Attributes:
        score: what decides, less the threshold: treated from zero on.
        comparison: the same deals' treatment, outcome, covariates and clusters.
        sharp: whether the threshold alone decides: every deal at or above it is treated, and none below.
    """

    score: Floats
    comparison: Comparison
    sharp: bool


def need_about(question: Effect) -> ColumnsThere:
    """Say which columns a threshold rests on."""
    need = need_of(question)
    return need if question.score is None else replace(need, names=(*need.names, question.score))


def around(question: Effect, sample: pd.DataFrame) -> Around:
    """Return the deals about the question's threshold."""
    deals = eligible(question, sample)
    comparison = compared(question, deals)
    score = deals[question.score].to_numpy(dtype=np.float64) - float(question.threshold or 0.0)
    return Around(score, comparison, bool((comparison.treated == (score >= 0)).all()))


def effect_at(deals: Around, widths: Widths | None = None) -> tuple[Jump, Jump]:
    """Return the effect at the threshold, and the jump of the treatment there: from 0 to 1 where the threshold alone decides."""
    comparison = deals.comparison
    if deals.sharp:
        found = jump(deals.score, comparison.outcome, 0.0, comparison.clusters, widths)
        return found, replace(found, value=1.0, corrected=1.0, error=0.0, robust=0.0, mean_below=0.0)
    treated = comparison.treated.astype(np.float64)
    return ratio(deals.score, comparison.outcome, treated, 0.0, comparison.clusters, widths)


def bins(deals: Around, widths: Widths, count: int = 20) -> pd.DataFrame:
    """Return mean outcomes and shares treated in bins of equal width on either side, out to twice the width that is used."""
    width = 2 * widths.estimate / count
    place = np.floor(deals.score / width).astype(np.int64)
    near = (place >= -count) & (place < count)
    rows = pd.DataFrame(
        {
            "from": place[near] * width,
            "to": (place[near] + 1) * width,
            "outcome": deals.comparison.scale * deals.comparison.outcome[near],
            "treated": 100.0 * deals.comparison.treated[near],
        }
    )
    grouped = rows.groupby(["from", "to"], as_index=False).agg(
        outcome=("outcome", "mean"), treated=("treated", "mean"), deals=("outcome", "size")
    )
    return grouped.sort_values("from", ignore_index=True)
