"""Is it right, and is it worth it, to adjust a trial of few reps for their win rates before it? By rep, and as it is often done, by deal."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Lt, MinLen, doc
from scipy.stats import t as student

from whywin.settings import check_settings
from whywin.stats.before_after import adjusted_contrast
from whywin.stats.cluster import arm_contrast
from whywin.stats.streams import stream

STATEMENT = (
    "In trials of 12, 20 and 40 reps without an effect, the difference adjusted by rep for the win rate before rejects in 3.5 to 6.5 of 100, "
    "with one slope or with one an arm; adjusted deal by deal it rejects in more than 10. With 20 reps and an effect of 8 points the adjustment "
    "by rep finds it in at least 45 of 100 trials against at most 32."
)
LOW, HIGH, FAR_TOO_OFTEN, FOUND, SELDOM = 0.035, 0.065, 0.10, 0.45, 0.32
METHODS = ("unadjusted", "adjusted", "adjusted_by_arm", "by_deal")


@dataclass(frozen=True)
class Adjustment:
    """Trials of reps whose win rates before the trial are known."""

    worlds: Annotated[int, Ge(20), doc("simulated trials for each number of reps, without an effect and with one")] = 4000
    reps: Annotated[tuple[int, ...], MinLen(1), doc("numbers of reps, half of them treated")] = (12, 20, 40)
    powered: Annotated[tuple[int, ...], MinLen(1), doc("numbers of reps for which the effect is looked for as well")] = (20,)
    deals_per_rep: Annotated[float, Gt(1), doc("mean number of deals of a rep, in the trial and before it")] = 60.0
    variation: Annotated[float, Gt(0), doc("coefficient of variation of the deals per rep")] = 0.5
    correlation: Annotated[float, Gt(0), Lt(1), doc("correlation of two deals of one rep")] = 0.05
    win_rate: Annotated[float, Gt(0), Lt(1), doc("share of the deals that is won")] = 0.25
    effect: Annotated[float, Gt(0), Lt(1), doc("what the alert adds to every rep's chance where it has an effect")] = 0.08
    prior_deals: Annotated[float, Ge(0), doc("deals at the mean of all that a rep's past is mixed with")] = 5.0
    alpha: Annotated[float, Gt(0), Lt(1), doc("nominal error rate")] = 0.05
    seed: Annotated[int, Ge(0), doc("what the random numbers start from")] = 1

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)


def simulate(settings: Adjustment) -> pd.DataFrame:
    """Return the share of rejections by number of reps, effect and method."""
    cells = [(count, 0.0) for count in settings.reps] + [(count, settings.effect) for count in settings.powered]
    rows = []
    for count, effect in cells:
        rng = stream(settings.seed, f"{count} reps, effect {effect:g}")
        rejected = np.array([_rejections(settings, count, effect, rng) for _ in range(settings.worlds)])
        for method, share in zip(METHODS, rejected.mean(axis=0), strict=True):
            error = float(np.sqrt(share * (1 - share) / settings.worlds))
            rows.append(
                {
                    "reps": count,
                    "effect": 100 * effect,
                    "method": method,
                    "rejected": float(share),
                    "error": error,
                    "worlds": settings.worlds,
                }
            )
    return pd.DataFrame(rows)


def verdict(table: pd.DataFrame) -> tuple[bool, str]:
    """Judge the parts of the statement; a cell is outside when it is so by more than two Monte Carlo errors."""
    null, powered = table[table["effect"] == 0], table[table["effect"] > 0]
    right = null[null["method"].isin(["adjusted", "adjusted_by_arm"])]
    sized = ((right["rejected"] + 2 * right["error"] >= LOW) & (right["rejected"] - 2 * right["error"] <= HIGH)).all()
    naive = null[null["method"] == "by_deal"]
    misled = (naive["rejected"] + 2 * naive["error"] > FAR_TOO_OFTEN).all()
    found, plain = (powered[powered["method"] == name] for name in ("adjusted", "unadjusted"))
    worth = (found["rejected"] + 2 * found["error"] >= FOUND).all() and (plain["rejected"] - 2 * plain["error"] <= SELDOM).all()
    listed = "; ".join(
        f"{reps} reps, {effect:g} points: "
        + ", ".join(
            f"{100 * share:.1f} % {method.replace('_', ' ')}"
            for method, share in zip(part["method"], part["rejected"], strict=True)
        )
        for (reps, effect), part in table.groupby(["reps", "effect"], sort=True)
    )
    return bool(sized and misled and worth), f"Rejected in {table['worlds'].iloc[0]:,} trials each: {listed}."


def _rejections(settings: Adjustment, count: int, effect: float, rng: np.random.Generator) -> tuple[bool, ...]:
    """Simulate one trial of beta-binomial deals with a period before it, and say whether each method finds an effect."""
    size, before = (1 + rng.negative_binomial(*_sizes(settings), size=count) for _ in range(2))
    spread = 1 / settings.correlation - 1
    chance = rng.beta(settings.win_rate * spread, (1 - settings.win_rate) * spread, size=count)
    arm = np.zeros(count, dtype=np.int64)
    arm[rng.permutation(count)[: count // 2]] = 1
    won_before = rng.binomial(before, chance)
    won = rng.binomial(size, np.clip(chance + effect * arm, 0, 1))
    prior = settings.prior_deals
    past = (won_before + prior * won_before.sum() / before.sum()) / (before + prior)
    p_values = (
        arm_contrast(won, size, arm, [-1.0, 1.0]).p_value,
        adjusted_contrast(won, size, arm, past).p_value,
        adjusted_contrast(won, size, arm, past, interacted=True).p_value,
        _by_deal(won, size, arm, past),
    )
    return tuple(p <= settings.alpha for p in p_values)


def _sizes(settings: Adjustment) -> tuple[float, float]:
    """Return the negative binomial's parameters whose sum with 1 has the mean and the variation wanted."""
    mean = settings.deals_per_rep - 1
    variance = (settings.variation * settings.deals_per_rep) ** 2
    return mean**2 / (variance - mean), mean / variance


def _by_deal(won: np.ndarray, size: np.ndarray, arm: np.ndarray, past: np.ndarray) -> float:
    """Return the p-value of the regression of deals on arm and past, as if deals were independent."""
    matrix = np.column_stack([np.ones(len(arm)), arm, past])
    bread = np.linalg.inv(matrix.T @ (matrix * size[:, None]))
    beta = bread @ (matrix.T @ won)
    n, fitted = size.sum(), matrix @ beta
    squares = (won - 2 * fitted * won + size * fitted**2).sum()
    error = np.sqrt(bread[1, 1] * squares / (n - 3))
    return float(2 * student.sf(abs(beta[1]) / error, n - 3))


if __name__ == "__main__":
    from whywin.experiment import conduct

    raise SystemExit(conduct(Adjustment, STATEMENT, simulate, verdict))
