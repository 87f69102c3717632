"""The propensity score that deals are matched on, by logistic regression or by boosting."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from whywin.effects.nuisances import dealt, learned
from whywin.stats.propensity import Propensity, Standardised, propensity

Model = Literal["logistic", "boosting"]

FOLDS: Final = 5
DEALT: Final = 0  # seed of the folds, always the same, so that a refit differs by its deals alone


@dataclass(frozen=True, eq=False)
class Score:
    """A propensity score, whichever model it is of.

    Attributes:
        linear: of each deal, in logits.
        chance: of each deal, 0 to 1.
        logistic: the logistic regression, where it is one: what errors that know it was estimated need.
    """

    linear: NDArray[np.float64]
    chance: NDArray[np.float64]
    logistic: Propensity | None

    @property
    def separated(self) -> bool:
        """Whether treated and untreated deals are told apart for certain, so that a ridge was needed."""
        return self.logistic is not None and self.logistic.separated

    @property
    def ridge(self) -> float:
        """The ridge that was used."""
        return 0.0 if self.logistic is None else self.logistic.ridge


def fitted_score(
    standard: Standardised,
    treated: NDArray[np.bool_],
    *,
    model: Model = "logistic",
    ridge: float = 0.0,
    clusters: NDArray[np.int64] | None = None,
) -> Score:
    """Return the propensity of each deal; a boosted one by models that never saw the deal, nor others of its cluster."""
    if model == "logistic":
        found = propensity(standard, treated, ridge)
        return Score(found.linear, found.chance, found)
    fold = dealt(treated, clusters, FOLDS, np.random.default_rng(DEALT))
    everyone = np.ones(len(treated), dtype=bool)
    chance = learned(standard.covariates, treated.astype(np.float64), fold, ("boosting",), everyone).value
    return Score(logit(chance), chance, None)
