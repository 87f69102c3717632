"""Does a designed trial find what it was designed to find? The power by formula against simulated trials."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Le, Lt, MinLen, doc

from whywin.settings import check_settings
from whywin.stats.group_sequential import bounds, inflation, spent
from whywin.stats.power import Clusters
from whywin.stats.streams import stream
from whywin.stats.trial_power import Layout, World, simulated_power, smallest_effect, variation_of

STATEMENT = (
    "Trials that are designed by formula to find an effect with a chance of 80 % find it in 75 to 85 of 100 with 12 to 100 reps, "
    "and in 70 or more with 8: of like or unlike size, adjusted for their past or not, looked at once or every week."
)
SLACK, WIDER, FEW = 0.05, 0.10, 12


@dataclass(frozen=True)
class TrialPower:
    """Trials with the smallest effect that the formula says they find."""

    worlds: Annotated[int, Ge(20), doc("simulated trials for each design")] = 4000
    reps: Annotated[tuple[int, ...], MinLen(1), doc("numbers of reps, half of them treated")] = (8, 12, 20, 40, 100)
    variations: Annotated[tuple[float, ...], MinLen(1), doc("coefficients of variation of reps' expected deals")] = (
        0.0,
        0.5,
        1.0,
    )
    deals_per_rep: Annotated[float, Gt(1), doc("mean number of deals of a rep")] = 60.0
    correlation: Annotated[float, Gt(0), Lt(1), doc("correlation of two deals of one rep")] = 0.05
    win_rate: Annotated[float, Gt(0), Lt(1), doc("share of the deals that is won without the alert")] = 0.25
    before: Annotated[float, Gt(0), Lt(1), doc("correlation with the past, where it is adjusted for")] = 0.5
    weeks: Annotated[int, Ge(2), doc("looks, one a week, where there are several")] = 12
    power: Annotated[float, Gt(0), Lt(1), doc("the chance that the designs are made for")] = 0.8
    alpha: Annotated[float, Gt(0), Le(0.5), doc("nominal error rate")] = 0.05
    seed: Annotated[int, Ge(0), doc("what the random numbers start from")] = 1

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)


def simulate(settings: TrialPower) -> pd.DataFrame:
    """Return the share of simulated trials that find their effect, by design."""
    rows = []
    middle = sorted(settings.variations)[len(settings.variations) // 2]
    designs = [("plain", 0.0, one) for one in settings.variations] + [
        ("adjusted", settings.before, one) for one in settings.variations
    ]
    for design, before, variation in [*designs, ("weekly looks", 0.0, middle)]:
        for count in settings.reps:
            size = settings.deals_per_rep
            spread = settings.win_rate * (1 - settings.win_rate)
            clusters = Clusters(size, settings.correlation, variation_of(variation, size), spread, before, settings.win_rate)
            layout = _laid_out(settings, count, looks=settings.weeks if design == "weekly looks" else 1)
            effect = smallest_effect(clusters, layout, settings.power)
            rng = stream(settings.seed, f"{design}, {variation:g}, {count} reps")
            found = simulated_power(
                World(clusters, settings.win_rate, rates=True), layout, effect, worlds=settings.worlds, rng=rng
            )
            error = float(np.sqrt(found * (1 - found) / settings.worlds))
            rows.append(
                {
                    "design": design, "variation": variation, "reps": count, "effect": 100 * effect, "nominal": settings.power,
                    "found": found, "error": error, "worlds": settings.worlds,
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def verdict(table: pd.DataFrame) -> tuple[bool, str]:
    """Judge every design; one is outside when it is so by more than two Monte Carlo errors."""
    away, slack = table["found"] - table["nominal"], np.where(table["reps"] >= FEW, SLACK, WIDER)
    held = (away.abs() - 2 * table["error"] <= slack).all()
    listed = "; ".join(
        f"{design}: "
        + ", ".join(
            f"{100 * one.min():.0f} to {100 * one.max():.0f} % with {reps}" for reps, one in part.groupby("reps")["found"]
        )
        for design, part in table.groupby("design", sort=False)
    )
    return bool(
        held
    ), f"Found by {table['worlds'].iloc[0]:,} trials each, designed for {100 * table['nominal'].iloc[0]:.0f} %: {listed} reps."


def _laid_out(settings: TrialPower, count: int, looks: int) -> Layout:
    half = count // 2
    if looks == 1:
        return Layout(half, count - half, settings.alpha)
    shares = np.arange(1, looks + 1) / looks
    critical = bounds(shares, spent("obrien_fleming", settings.alpha / 2, shares))
    grown = inflation(shares, critical, settings.alpha / 2, settings.power)
    return Layout(half, count - half, settings.alpha, tuple(shares), tuple(critical), grown)


if __name__ == "__main__":
    from whywin.experiment import conduct

    raise SystemExit(conduct(TrialPower, STATEMENT, simulate, verdict))
