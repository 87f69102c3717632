"""Does a trial of reps that is looked at every week keep its error rate? Repeated tests against bounds made for looking."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Le, Lt, doc
from scipy.stats import norm
from scipy.stats import t as student

from whywin.settings import check_settings
from whywin.stats.cluster_looks import cluster_looks, usable
from whywin.stats.confidence_sequence import multiplier
from whywin.stats.group_sequential import spent
from whywin.stats.streams import stream

STATEMENT = (
    "With a look every week for 12 weeks at 40 reps, tests by deal or by rep that are simply repeated find an effect that is not "
    "there in more than 10 of 100 trials; by rep with O'Brien-Fleming bounds of Lan and DeMets, or with a confidence sequence, "
    "it is at most 5.5 of 100."
)
MOST, FAR_TOO_OFTEN = 0.055, 0.10
METHODS = ("deals, repeated", "reps, repeated", "group_sequential", "anytime", "reps, last look only")


@dataclass(frozen=True)
class Peeking:
    """Trials in which each week adds deals of the same reps."""

    worlds: Annotated[int, Ge(20), doc("simulated trials for each effect")] = 4000
    reps: Annotated[int, Ge(4), doc("number of reps, half of them treated")] = 40
    weeks: Annotated[int, Ge(2), doc("looks, one a week")] = 12
    deals_per_rep: Annotated[float, Gt(1), doc("mean number of deals of a rep in the whole trial")] = 48.0
    variation: Annotated[float, Gt(0), doc("coefficient of variation of the deals per rep")] = 1.0
    correlation: Annotated[float, Gt(0), Lt(1), doc("correlation of two deals of one rep")] = 0.05
    win_rate: Annotated[float, Gt(0), Lt(1), doc("share of the deals that is won")] = 0.4
    effect: Annotated[float, Gt(0), Lt(0.5), doc("effect on the win rate (0 to 1) in the trials that have one")] = 0.1
    alpha: Annotated[float, Gt(0), Le(0.5), doc("nominal error rate")] = 0.05
    seed: Annotated[int, Ge(0), doc("what the random numbers start from")] = 1

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)


def simulate(settings: Peeking) -> pd.DataFrame:
    """Return by method the share of trials in which some look finds an effect, and the mean week of the first that does."""
    rows = []
    for effect in (0.0, settings.effect):
        rng = stream(settings.seed, f"effect {effect}")
        found = np.array([_first_weeks(settings, effect, rng) for _ in range(settings.worlds)])
        stopped = found <= settings.weeks
        for place, method in enumerate(METHODS):
            share = float(stopped[:, place].mean())
            error = float(np.sqrt(share * (1 - share) / settings.worlds))
            week = float(np.minimum(found[:, place], settings.weeks).mean())
            rows.append(
                {"method": method, "effect": effect, "found": share, "error": error, "weeks": week, "worlds": settings.worlds}
            )
    return pd.DataFrame(rows)


def verdict(table: pd.DataFrame) -> tuple[bool, str]:
    """Judge the error rates; one is over its limit when it is so by more than two Monte Carlo errors."""
    none = table[table["effect"] == 0].set_index("method")
    some = table[table["effect"] > 0].set_index("method")
    kept = none.loc[["group_sequential", "anytime"]]
    broken = none.loc[["deals, repeated", "reps, repeated"]]
    held = (kept["found"] - 2 * kept["error"] <= MOST).all() and (broken["found"] + 2 * broken["error"] > FAR_TOO_OFTEN).all()
    listed = "; ".join(
        f"{method} {100 * none.loc[method, 'found']:.1f} % and {100 * some.loc[method, 'found']:.1f} %" for method in METHODS
    )
    return bool(held), f"Found without an effect and with one, {table['worlds'].iloc[0]:,} trials each: {listed}."


def _first_weeks(settings: Peeking, effect: float, rng: np.random.Generator) -> tuple[int, ...]:
    """Simulate one trial, and say in which week each method first finds an effect; one week too late for never."""
    treated = rng.permutation(settings.reps) < settings.reps // 2
    spread = 1 / settings.correlation - 1
    rate = settings.win_rate + effect * treated
    chance = rng.beta(rate * spread, (1 - rate) * spread)
    shape = 1 / settings.variation**2
    mean = settings.deals_per_rep / settings.weeks
    week = rng.poisson(rng.gamma(shape, mean / shape, size=settings.reps), size=(settings.weeks, settings.reps))
    won, size = np.cumsum(rng.binomial(week, chance), axis=0), np.cumsum(week, axis=0)
    could = usable(size, treated)
    shares = np.arange(1, settings.weeks + 1)[could] / settings.weeks
    looks = cluster_looks(
        won[could], won[could], size[could], treated, shares, spent("obrien_fleming", settings.alpha / 2, shares)
    )
    p_values = np.array([look.effect.p_value for look in looks])
    reach = multiplier(settings.reps, settings.alpha, settings.reps)
    found = (
        np.array([_welch(w, n, treated) for w, n in zip(won[could], size[could], strict=True)]) < settings.alpha,
        p_values < settings.alpha,
        np.array([look.crossed for look in looks]),
        p_values < 2 * norm.sf(reach),
        (p_values < settings.alpha) & (shares == 1),
    )
    weeks = np.append(np.flatnonzero(could) + 1, settings.weeks + 1)
    return tuple(int(weeks[np.append(one, [True]).argmax()]) for one in found)


def _welch(won: np.ndarray, size: np.ndarray, treated: np.ndarray) -> float:
    """Return the p-value of Welch's test on deals, from counts; 1 where there is nothing to compare."""
    n = np.bincount(treated, weights=size)
    share = np.bincount(treated, weights=won) / n
    variance = share * (1 - share) / np.maximum(n - 1, 1)
    total = variance.sum()
    if total == 0 or n.min() < 2:  # noqa: PLR2004 - fewer have no variance
        return 1.0
    degrees = total**2 / (variance**2 / (n - 1)).sum()
    return float(2 * student.sf(abs(share[1] - share[0]) / np.sqrt(total), degrees))


if __name__ == "__main__":
    from whywin.experiment import conduct

    raise SystemExit(conduct(Peeking, STATEMENT, simulate, verdict))
