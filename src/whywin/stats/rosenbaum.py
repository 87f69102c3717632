"""How far chances of treatment may differ within matched sets before a finding could be chance: Rosenbaum's bounds.

Two deals of a set, alike in what was matched on, may differ in something unobserved that makes the odds of treatment of one up to Γ times
those of the other. For each Γ the largest p-value that this allows is returned; all p-values are one-sided, for a treatment that raises
the outcome. Sources: Rosenbaum (2002), Observational Studies, 2nd edition, chapter 4; Rosenbaum (1987), Biometrika 74, 13-26.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import binom, nchypergeom_fisher, norm, rankdata

Floats = NDArray[np.float64]

MANY: Final = 500  # sets of different sizes, beyond which the normal limit is as good, and the exact sum slow
LARGEST: Final = 1000.0  # a finding that withstands more than this withstands anything


def mcnemar_bound(for_treatment: int, against: int, gamma: float) -> float:
    """Return the bound for matched pairs with an outcome of 0 and 1: the exact binomial (McNemar's test).

    Args:
        for_treatment: pairs in which the treated unit alone has the outcome.
        against: pairs in which the untreated unit alone has it.
        gamma: the odds ratio that is granted, 1 or more.
    """
    return float(binom.sf(for_treatment - 1, for_treatment + against, gamma / (1 + gamma)))


def fisher_bound(table: tuple[tuple[int, int], tuple[int, int]], gamma: float) -> float:
    """Return the bound for one 2×2 table ((treated with, treated without), (untreated with, untreated without)): Fisher's exact test."""
    (with_treated, without_treated), (with_others, without_others) = table
    total = with_treated + without_treated + with_others + without_others
    events, treated = with_treated + with_others, with_treated + without_treated
    return float(nchypergeom_fisher.sf(with_treated - 1, total, events, treated, gamma))


def mantel_haenszel_bound(
    treated_event: NDArray[np.bool_], events: NDArray[np.int64], sizes: NDArray[np.int64], gamma: float
) -> float:
    """Return the bound for matched sets of one treated unit each and an outcome of 0 and 1 (Mantel and Haenszel's test).

    The chance that the treated unit of a set has the outcome is at most Γ c / (Γ c + n - c); the sum over sets is compared with the
    exact distribution of a sum of independent events where there are few sets, and with its normal limit otherwise.

    Args:
        treated_event: for each set, whether its treated unit has the outcome.
        events: for each set, how many of its units have it.
        sizes: for each set, how many units it has.
        gamma: the odds ratio that is granted, 1 or more.
    """
    telling = (events > 0) & (events < sizes)
    if not telling.any():
        return 1.0
    with_event = gamma * events[telling]
    chance = with_event / (with_event + sizes[telling] - events[telling])
    return _at_least(int(treated_event[telling].sum()), chance)


def signed_rank_bound(differences: Floats, gamma: float) -> float:
    """Return the bound for matched pairs with a number as outcome: Wilcoxon's signed-rank test in its normal limit; zeros are left out."""
    told = differences[differences != 0]
    if not len(told):
        return 1.0
    ranks = rankdata(np.abs(told))
    chance = gamma / (1 + gamma)
    mean, variance = chance * ranks.sum(), chance * (1 - chance) * (ranks**2).sum()
    return float(norm.sf((ranks[told > 0].sum() - mean) / np.sqrt(variance)))


def hodges_lehmann_bounds(differences: Floats, gamma: float) -> tuple[float, float]:
    """Return between which shifts the Hodges-Lehmann estimate of matched pairs lies, to a thousandth of their spread."""
    chance = gamma / (1 + gamma)
    size = len(differences)
    half = size * (size + 1) / 2
    ends = []
    for share in (chance, 1 - chance):
        low, high = float(differences.min()), float(differences.max())

        def excess(shift: float, share: float = share) -> float:
            rest = differences - shift
            return float(rankdata(np.abs(rest))[rest > 0].sum() + 0.0) - share * half

        while high - low > 1e-3 * max(float(np.ptp(differences)), 1e-300):
            middle = (low + high) / 2
            low, high = (middle, high) if excess(middle) > 0 else (low, middle)
        ends.append((low + high) / 2)
    return ends[0], ends[1]


def withstood(bound: Callable[[float], float], level: float) -> float:
    """Return the largest Γ at which the bound stays below a level: 1 where it never does, at most 1,000."""
    if bound(1.0) >= level:
        return 1.0
    if bound(LARGEST) < level:
        return LARGEST
    return float(brentq(lambda gamma: bound(gamma) - level, 1.0, LARGEST, xtol=1e-4))


def _at_least(count: int, chance: Floats) -> float:
    """Return how likely at least so many of independent events are: by the characteristic function, exact to rounding."""
    size = len(chance)
    if (chance == chance[0]).all():
        return float(binom.sf(count - 1, size, chance[0]))
    if size > MANY:
        spread = float(np.sqrt((chance * (1 - chance)).sum()))
        return float(norm.sf((count - 0.5 - chance.sum()) / spread))
    angle = np.exp(2j * np.pi * np.arange(size + 1) / (size + 1))
    wave = np.ones(size + 1, dtype=complex)
    for one in chance:
        wave *= 1 - one + one * angle
    mass = np.real(np.fft.fft(wave)) / (size + 1)
    return float(np.clip(mass[count:].sum(), 0.0, 1.0))
