"""Does a trial of few reps keep its error rate? Deals as units against the default, and against tests by drawing anew.

The default is the method `fixed` as its answers are worded and its decisions made: CR2 by rep with Satterthwaite degrees of freedom finds the
effect, and where reps are under 30 or their numbers of deals vary by more than .8, randomisation inference does not contradict it
(p at most twice the error rate). A test that had to agree at the error rate itself stands beside it: at 8 reps, whose 70 assignments know
p-values in steps of .03 only, it rejects in 2 of 100 and finds half as many effects.
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Le, Lt, MinLen, doc
from scipy.stats import t as student

from whywin.settings import check_settings
from whywin.stats.cluster import arm_contrast
from whywin.stats.randomization import randomization
from whywin.stats.streams import stream
from whywin.stats.wild_bootstrap import moments_of_arms, wild_bootstrap
from whywin.trials.deciding import contradicted
from whywin.trials.methods.fixed import Fixed

STATEMENT = (
    "In trials of 8 to 100 reps without any effect, deals as units reject at 5 % in more than 30 of 100 trials; "
    "the default (the CR2 interval by rep, unless randomisation inference contradicts it) rejects in 3.5 to 6.5 of 100, as the interval alone does, "
    "and the wild cluster bootstrap and randomisation inference reject in at most 6.5 of 100."
)
RULE = Fixed()
LOW, HIGH, FAR_TOO_OFTEN = 0.035, 0.065, 0.30
METHODS = ("default", "deals_as_units", "wild_bootstrap", "randomization", "interval", "agreement")


@dataclass(frozen=True)
class FewReps:
    """Trials of a market in which the alert changes nothing."""

    worlds: Annotated[int, Ge(20), doc("simulated trials for each number of reps")] = 4000
    reps: Annotated[tuple[int, ...], MinLen(1), doc("numbers of reps, half of them treated")] = (8, 12, 20, 40, 100)
    deals_per_rep: Annotated[float, Gt(1), doc("mean number of deals of a rep")] = 50.0
    variation: Annotated[float, Gt(0), doc("coefficient of variation of the deals per rep")] = 1.0
    correlation: Annotated[float, Gt(0), Lt(1), doc("correlation of two deals of one rep")] = 0.05
    win_rate: Annotated[float, Gt(0), Lt(1), doc("share of the deals that is won")] = 0.4
    alpha: Annotated[float, Gt(0), Le(0.5), doc("nominal error rate")] = 0.05
    draws: Annotated[int, Ge(99), doc("draws of the wild bootstrap and of assignments")] = 399
    seed: Annotated[int, Ge(0), doc("what the random numbers start from")] = 1

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)


def simulate(settings: FewReps) -> pd.DataFrame:
    """Return the share of rejections, in a world without effect, by number of reps and method."""
    rows = []
    for count in settings.reps:
        rng, redrawing = stream(settings.seed, f"{count} reps"), stream(settings.seed, f"{count} reps, drawn anew")
        rejected = np.array([_rejections(settings, count, rng, redrawing) for _ in range(settings.worlds)])
        for method, share in zip(METHODS, rejected.mean(axis=0), strict=True):
            error = float(np.sqrt(share * (1 - share) / settings.worlds))
            rows.append({"reps": count, "method": method, "rejected": float(share), "error": error, "worlds": settings.worlds})
    return pd.DataFrame(rows)


def verdict(table: pd.DataFrame) -> tuple[bool, str]:
    """Judge the parts of the statement; a cell is outside when it is so by more than two Monte Carlo errors."""
    default, deals, wild, redrawn, interval, agreed = (table[table["method"] == name] for name in METHODS)
    sized = all(
        ((one["rejected"] + 2 * one["error"] >= LOW) & (one["rejected"] - 2 * one["error"] <= HIGH)).all()
        for one in (default, interval)
    )
    careful = all((one["rejected"] - 2 * one["error"] <= HIGH).all() for one in (wild, redrawn, agreed))
    misled = (deals["rejected"] + 2 * deals["error"] > FAR_TOO_OFTEN).all()
    listed = "; ".join(
        f"{reps} reps: {100 * right:.1f} % by default, {100 * alone:.1f} % by the interval alone, {100 * wrong:.1f} % by deal, "
        f"{100 * signs:.1f} % by wild bootstrap, {100 * drawn:.1f} % by randomisation"
        for reps, right, alone, wrong, signs, drawn in zip(
            default["reps"], *(one["rejected"] for one in (default, interval, deals, wild, redrawn)), strict=True
        )
    )
    return bool(sized and careful and misled), f"Rejected without an effect, {table['worlds'].iloc[0]:,} trials each: {listed}."


def _rejections(settings: FewReps, count: int, rng: np.random.Generator, redrawing: np.random.Generator) -> tuple[bool, ...]:
    """Simulate one trial of beta-binomial deals, and say whether each method finds an effect where there is none."""
    size = 1 + rng.negative_binomial(*_sizes(settings), size=count)
    spread = 1 / settings.correlation - 1
    chance = rng.beta(settings.win_rate * spread, (1 - settings.win_rate) * spread, size=count)
    won = rng.binomial(size, chance)
    arm = np.zeros(count, dtype=np.int64)
    arm[rng.permutation(count)[: count // 2]] = 1
    alpha = settings.alpha
    interval = arm_contrast(won, size, arm, [-1.0, 1.0]).p_value <= alpha
    wild = wild_bootstrap(*moments_of_arms(won, size, arm), [-1.0, 1.0], draws=settings.draws, rng=redrawing).p_value()
    redrawn = randomization(won, size, arm == 1, draws=settings.draws, rng=redrawing).p_value()
    tested = count < RULE.few_units or size.std(ddof=1) / size.mean() > RULE.unequal
    default = interval and not (tested and contradicted(redrawn, 1 - alpha))
    agreed = interval and (redrawn <= alpha or not tested)
    return default, _welch(won, size, arm) <= alpha, wild <= alpha, redrawn <= alpha, interval, agreed


def _sizes(settings: FewReps) -> tuple[float, float]:
    """Return the negative binomial's parameters whose sum with 1 has the mean and the variation wanted."""
    mean = settings.deals_per_rep - 1
    variance = (settings.variation * settings.deals_per_rep) ** 2
    return mean**2 / (variance - mean), mean / variance


def _welch(won: np.ndarray, size: np.ndarray, arm: np.ndarray) -> float:
    """Return the p-value of Welch's test on deals, from counts: what `deals_as_units` computes through statsmodels."""
    n = np.bincount(arm, weights=size)
    share = np.bincount(arm, weights=won) / n
    variance = share * (1 - share) / (n - 1)
    total = variance.sum()
    if total == 0:
        return 1.0
    degrees = total**2 / (variance**2 / (n - 1)).sum()
    return float(2 * student.sf(abs(share[1] - share[0]) / np.sqrt(total), degrees))


if __name__ == "__main__":
    from whywin.experiment import conduct

    raise SystemExit(conduct(FewReps, STATEMENT, simulate, verdict))
