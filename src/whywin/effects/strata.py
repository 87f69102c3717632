"""Deals by the columns in which a match must be the same."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whywin.effects.comparison import eligible
from whywin.effects.question import Effect


def strata_of(question: Effect, sample: pd.DataFrame, columns: Sequence[str]) -> NDArray[np.int64]:
    """Return a code of each deal that is compared, one for each combination of values that occurs; a missing value is one of them."""
    deals = eligible(question, sample)
    codes = deals.groupby(list(columns), dropna=False, sort=True, observed=True).ngroup()
    return np.asarray(codes.to_numpy(dtype=np.int64))
