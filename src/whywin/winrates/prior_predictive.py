"""What the priors say before any deal is looked at, in people's units: whether they are as weak as they are meant to be."""

from typing import Final

import numpy as np
import pandas as pd
from scipy.special import expit

from whywin.winrates.pieces import Pieces
from whywin.winrates.priors import Priors
from whywin.winrates.segments import between_levels

DRAWS: Final = 4000
COLUMNS: Final = ("quantity", "low", "middle", "high", "unit")


def prior_predictive(pieces: Pieces, priors: Priors, level: float, rng: np.random.Generator) -> pd.DataFrame:
    """Return the middle and the interval, before the data, of what the model would say.

    Rows: the company's rate (percent), the standard deviation between the levels of any one dimension (points), the rate of a deal of
    any cell (percent), and the largest difference between two levels of a dimension of five (points).
    Source: Gabry, Simpson, Vehtari, Betancourt and Gelman (2019), Visualization in Bayesian workflow, JRSS A 182, 389-402.
    """
    intercept = rng.normal(priors.centre, priors.width, DRAWS)
    sd = priors.draw(rng, (DRAWS, max(len(pieces.terms), 1)))
    cell = intercept + np.sqrt((sd**2).sum(axis=1)) * rng.standard_normal(DRAWS)
    five = expit(intercept[:, None] + sd[:, :1] * rng.standard_normal((DRAWS, 5)))
    found = {
        "win rate of the company": (100 * expit(intercept), "percent"),
        "between the levels of a dimension": (100 * between_levels(intercept, sd[:, 0]), "points"),
        "win rate of a cell": (100 * expit(cell), "percent"),
        "largest difference among five levels": (100 * np.ptp(five, axis=1), "points"),
    }
    ends = [(1 - level) / 2, 0.5, (1 + level) / 2]
    return pd.DataFrame([(name, *np.quantile(draws, ends), unit) for name, (draws, unit) in found.items()], columns=list(COLUMNS))
