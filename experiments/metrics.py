"""Do the intervals of sales metrics and of drivers cover, when deals of one rep resemble one another and reps are few?"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Final

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Lt, MinLen, doc
from scipy.special import expit

from whywin.settings import check_settings
from whywin.stats.logistic import fitted
from whywin.stats.marginal_effects import Switch, average_marginal_effects, switched
from whywin.stats.streams import stream
from whywin.winrates import metrics
from whywin.winrates.metrics import Facts

STATEMENT: Final = (
    "With 8 or 20 reps of unequal size and skill, and with deals that have no rep, the 95 % intervals of every sales metric and of every "
    "average marginal effect cover in at least 93.5 of 100 worlds; percentile intervals from resampled reps cover the win rate in fewer than 92 with 8 reps."
)
LEAST, RESAMPLED_BELOW, FEWEST_REPS = 0.935, 0.92, 8
RESAMPLED: Final = "win rate, all, reps resampled"
CLOSED, SHARE = 0.85, 0.6  # shares of the deals that are closed, and that are of the segment
STAGES: Final = ("Discovery", "Proposal", "Negotiation")
Interval = tuple[str, float, float, float]


@dataclass(frozen=True)
class Metrics:
    """Worlds in which reps differ in skill, in speed, and in which segment they sell to."""

    worlds: Annotated[int, Ge(20), doc("simulated worlds for each number of reps")] = 2000
    reps: Annotated[tuple[int, ...], MinLen(1), doc("numbers of reps; 0 for deals that have none")] = (8, 20, 0)
    alone: Annotated[int, Ge(50), doc("deals of a world without reps")] = 600
    deals_per_rep: Annotated[float, Gt(1), doc("mean number of deals of a rep")] = 80.0
    variation: Annotated[float, Gt(0), doc("coefficient of variation of the deals per rep")] = 0.7
    skill_sd: Annotated[float, Ge(0), doc("how far reps differ in their chance of winning, in logits")] = 0.4
    speed_sd: Annotated[float, Ge(0), doc("how far reps differ in the length of their cycles, in logarithms")] = 0.2
    level: Annotated[float, Gt(0), Lt(1), doc("nominal coverage")] = 0.95
    population: Annotated[int, Ge(1000), doc("reps of the large world that tells the truth")] = 10_000
    resamples: Annotated[int, Ge(100), doc("resamples of reps for the intervals to be beaten")] = 500
    seed: Annotated[int, Ge(0), doc("what the random numbers start from")] = 1

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)


@dataclass(frozen=True, eq=False)
class World:
    """Deals as the metrics see them, the segment, and the regressors of the drivers (closed deals only)."""

    facts: Facts
    segment: np.ndarray
    regressors: np.ndarray


def simulate(settings: Metrics) -> pd.DataFrame:
    """Return the coverage of each interval, by number of reps."""
    rows = []
    for count in settings.reps:
        truth = _truth(settings, count)
        rng = stream(settings.seed, f"{count} reps")
        held: dict[str, list[bool]] = {}
        widths: dict[str, list[float]] = {}
        for _ in range(settings.worlds):
            for name, _, low, high in _intervals(settings, _world(settings, count, rng), rng):
                true = truth[name.removesuffix(", reps resampled")]
                held.setdefault(name, []).append(low <= true <= high)
                widths.setdefault(name, []).append(high - low)
        for name, found in held.items():
            share = float(np.mean(found))
            error = float(np.sqrt(share * (1 - share) / len(found)))
            width = float(np.median(widths[name]))
            rows.append({"reps": count, "interval": name, "covered": share, "error": error, "width": width, "worlds": len(found)})
    return pd.DataFrame(rows)


def verdict(table: pd.DataFrame) -> tuple[bool, str]:
    """Judge both halves of the statement; a cell is outside when it is so by more than two Monte Carlo errors."""
    resampled = table["interval"] == RESAMPLED
    ours, theirs = table[~resampled], table[resampled & (table["reps"] == FEWEST_REPS)]
    covers = bool((ours["covered"] + 2 * ours["error"] >= LEAST).all())
    misled = bool((theirs["covered"] - 2 * theirs["error"] < RESAMPLED_BELOW).all())
    worst = ours.loc[ours["covered"].idxmin()]
    listed = "; ".join(
        f"{f'{count} reps' if count else 'no reps'}: {100 * part['covered'].min():.1f} to {100 * part['covered'].max():.1f} %"
        for count, part in ours.groupby("reps")
    )
    beaten = ", ".join(f"{100 * share:.1f} %" for share in theirs["covered"]) or "not tried"
    says = (
        f"Covered in {int(table['worlds'].max()):,} worlds each: {listed}; least often {worst['interval']} with {worst['reps']} reps; "
        f"with {FEWEST_REPS} reps the resampled win rate covered in {beaten}."
    )
    return covers and misled, says


def _world(settings: Metrics, count: int, rng: np.random.Generator) -> World:
    rep = _reps(settings, count, rng) if count else np.arange(settings.alone)
    n, sellers = len(rep), max(count, 1)
    skill, speed = (rng.normal(0, sd, sellers)[rep] if count else np.zeros(n) for sd in (settings.skill_sd, settings.speed_sd))
    segment = rng.random(n) < (rng.beta(1.8, 1.2, sellers)[rep] if count else SHARE)
    source = rng.choice(4, size=n, p=[0.4, 0.3, 0.2, 0.1])
    engagement = rng.normal(size=n) + 0.5 * segment
    effect = np.array([0.0, 0.4, -0.3, 0.0])[source]
    won = rng.random(n) < expit(-0.5 + 0.5 * segment + effect + 0.3 * engagement + skill)
    closed = rng.random(n) < CLOSED
    cycle = 1 + np.floor(np.exp(3.6 + speed + 0.2 * ~won + 0.5 * rng.normal(size=n)))
    stage = 1.0 + rng.binomial(2, expit(0.3 + skill))
    facts = Facts(
        groups=rep, closed=closed, won=won & closed, amount=np.exp(9 + 0.4 * segment + 0.8 * rng.normal(size=n)),
        cycle=np.where(closed, cycle, np.nan), age=np.maximum(1.0, cycle * rng.random(n)), stage=stage, stages=len(STAGES),
        level=settings.level,
    )  # fmt: skip
    columns = (np.ones(n), segment, *(source == number for number in (1, 2, 3)), engagement)
    return World(facts, segment, np.column_stack(columns)[closed])


def _reps(settings: Metrics, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return the rep of each deal, whose numbers of deals are negative binomial, one at least."""
    mean, variance = settings.deals_per_rep - 1, (settings.variation * settings.deals_per_rep) ** 2
    return np.repeat(np.arange(count), 1 + rng.negative_binomial(mean**2 / (variance - mean), mean / variance, size=count))


def _switches() -> dict[str, Switch]:
    found = {"effect of segment": Switch((1,), np.ones(1), np.zeros(1))}
    found |= {f"effect of source {place + 1}": Switch((2, 3, 4), np.eye(3)[place], np.zeros(3)) for place in range(3)}
    return found | {"effect of engagement": Switch((5,), np.array([0.5]), np.array([-0.5]), added=True)}


def _metrics(world: World) -> Iterator[Interval]:
    facts, every, inside = world.facts, np.ones(len(world.segment), dtype=bool), world.segment
    scored = metrics.impact(facts, "segment", inside)
    found = [metrics.rate(facts, "win rate", "all", facts.won, facts.closed), scored and scored[0]]
    for segment, deals in (("all", every), ("segment", inside)):
        found += [
            metrics.cycle_gap(facts, segment, deals), metrics.pipeline_velocity(facts, segment, deals),
            metrics.stage_momentum(facts, segment, deals), metrics.conversion(facts, "Proposal", 2, segment, deals),
            metrics.late_losses(facts, 2, segment, deals),
        ]  # fmt: skip
        risk = metrics.revenue_at_risk(facts, segment, deals)
        if risk:  # per unit of the open amount, which is known, so that worlds have one truth
            amount = float(facts.amount[facts.open & deals].sum())
            yield f"revenue at risk, {segment}", risk.value / amount, risk.low / amount, risk.high / amount
    yield from ((f"{one.quantity}, {one.segment}", one.value, one.low, one.high) for one in found if one)


def _intervals(settings: Metrics, world: World, rng: np.random.Generator) -> Iterator[Interval]:
    yield from _metrics(world)
    facts, switches = world.facts, _switches()
    groups = facts.groups[facts.closed]
    effects = average_marginal_effects(
        world.regressors, facts.won[facts.closed], groups, tuple(switches.values()), int(facts.groups.max()) + 1
    )
    for place, name in enumerate(switches):
        contrast = effects.contrast(place)
        yield name, contrast.value, *contrast.interval(settings.level)
    sums = np.stack([np.bincount(groups, weights=one[facts.closed]) for one in (facts.won, facts.closed)], axis=1)
    drawn = rng.multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=settings.resamples) @ sums
    low, high = np.quantile(100 * drawn[:, 0] / drawn[:, 1], [(1 - settings.level) / 2, (1 + settings.level) / 2])
    yield "win rate, all, reps resampled", float(drawn[:, 0].mean()), float(low), float(high)


def _truth(settings: Metrics, count: int) -> dict[str, float]:
    large = replace(settings, alone=int(settings.population * settings.deals_per_rep))
    world = _world(large, settings.population if count else 0, stream(settings.seed, f"truth {count > 0}"))
    switches = _switches()
    model = fitted(world.regressors, world.facts.won[world.facts.closed])
    effects = switched(world.regressors, model.coefficients, tuple(switches.values()))
    return {name: value for name, value, _, _ in _metrics(world)} | dict(zip(switches, effects.tolist(), strict=True))


if __name__ == "__main__":
    from whywin.experiment import conduct

    raise SystemExit(conduct(Metrics, STATEMENT, simulate, verdict))
