"""From a question and past deals to a design: power, units and weeks, by formula and by simulation."""

from dataclasses import replace

import numpy as np
import pandas as pd

from whywin.errors import ConfigError
from whywin.stats.group_sequential import Spending
from whywin.stats.power import Clusters, design_effect
from whywin.stats.trial_power import (
    Layout,
    World,
    excess_variation,
    simulated_power,
    smallest_effect,
    trial_power,
    units_wanted,
    variation_of,
    weeks_wanted,
)
from whywin.trials.design import LONGEST, Designed, TrialDesign, in_all_arms, layout_of
from whywin.trials.design_checks import checks_of, sentence_of, smallest_p_value
from whywin.trials.past import Past
from whywin.trials.question import Trial

_CELLS = 8_000_000  # units of simulated trials, of which fewer are simulated where each has many


def designed(
    question: Trial, settings: TrialDesign, past: Past | None, spending: Spending, parameter: float, rng: np.random.Generator
) -> Designed:
    """Return what a design can find, by formula and by simulation.

    Args:
        question: the trial.
        settings: what it is designed for.
        past: what past deals say; None where there are none, so that the settings must say it all.
        spending: how the error rate is spread over the looks.
        parameter: of the spending function.
        rng: where simulated trials come from.

    Raises:
        ConfigError: something is neither given nor known from past deals; every fault at once.
    """
    known = _known(question, settings, past)
    settings = replace(settings, worlds=int(max(min(settings.worlds, _CELLS // known["units"]), 100)))
    scale = 100.0 if question.primary.is_rate else 1.0
    effect, weeks = known["effect"] / scale, settings.weeks
    size = known["per_week"] * weeks
    rate = known["mean"] if question.primary.is_rate else None
    clusters = Clusters(size, known["correlation"], variation_of(known["spread"], size), known["variance"], known["before"], rate)
    layout = layout_of(question, int(known["units"]), spending, parameter)
    world = World(clusters, known["mean"], question.primary.is_rate)
    power = trial_power(clusters, layout, effect)
    simulated = simulated_power(world, layout, effect, worlds=settings.worlds, rng=rng)
    smallest = smallest_effect(clusters, layout, settings.power)
    curve = _power_table(world, layout, effect, smallest, scale, settings.worlds, rng)
    found = Designed(
        scale * effect, clusters, layout, scale * smallest, power, simulated,
        in_all_arms(question, units_wanted(clusters, layout, effect, settings.power)),
        weeks_wanted(clusters, layout, known["per_week"], effect, settings.power), (),
        {
            "assumptions": _assumptions(known, clusters, layout, past, scale),
            "power": curve,
            "units": _units_table(question, world, layout, effect, settings, scale, rng),
            "weeks": _weeks_table(clusters, layout, known["per_week"], settings, scale),
        },
    )  # fmt: skip
    return replace(
        found, checks=tuple(checks_of(question, settings, found, past, scale)), says=sentence_of(question, settings, found)
    )


def _known(question: Trial, settings: TrialDesign, past: Past | None) -> dict[str, float]:
    """Return every number that is needed: as given, else as past deals say."""
    rate = question.primary.is_rate
    mean = settings.mean / 100 if rate and settings.mean is not None else settings.mean
    mean = past.mean if mean is None and past else mean
    variance = settings.deviation**2 if settings.deviation else past.variance if past else None
    wanted: dict[str, float | None] = {
        "effect": settings.effect or question.margin or None,
        "units": settings.units or (past.units if past else None),
        "correlation": past.correlation if settings.correlation is None and past else settings.correlation,
        "spread": past.spread if settings.variation is None and past else settings.variation,
        "per_week": settings.deals_per_week or (past.per_week if past else None),
        "mean": mean,
        "variance": mean * (1 - mean) if rate and mean is not None else variance,
    }
    faults = _missing(wanted, rate=rate)
    if question.primary.kind not in {"proportion", "mean"}:
        faults.append(f"question.metrics: a {question.primary.kind} cannot be designed for; design with a proportion or a mean")
    if rate and mean is not None:
        faults += _faults_of_rate(mean, wanted["effect"])
    if faults:
        raise ConfigError(faults)
    before = settings.before if settings.before is not None else past.before if past else 0.0
    return {**{name: float(value) for name, value in wanted.items() if value is not None}, "before": before * settings.adjusted}


def _faults_of_rate(mean: float, effect: float | None) -> list[str]:
    if not 0 < mean < 1:
        return [f"design.mean: a win rate is in percent, above 0 and below 100, got {100 * mean:g}"]
    if effect is not None and mean + effect / 100 >= 1:
        return [f"design.effect: a win rate of {100 * mean:.1f} % cannot rise by {effect:g} points"]
    return []


def _missing(wanted: dict[str, float | None], *, rate: bool) -> list[str]:
    names = {"spread": "variation", "per_week": "deals_per_week", "variance": "mean" if rate else "deviation"}
    found = dict.fromkeys(names.get(name, name) for name, value in wanted.items() if value is None)
    ways = {"effect": "say which effect the trial is to find, or give question.margin"}
    return [
        f"design.{name}: missing; {ways.get(name, 'there are no past deals to estimate it from, so give it')}" for name in found
    ]


def _assumptions(known: dict[str, float], clusters: Clusters, layout: Layout, past: Past | None, scale: float) -> pd.DataFrame:
    low, high = (past.correlation_low, past.correlation_high) if past else (np.nan, np.nan)
    estimated = past is not None and known["correlation"] == past.correlation
    effect = design_effect(clusters.size, clusters.correlation, clusters.variation)
    rows = [
        ("units in the treated arm", layout.treated, "", ""),
        ("units in control", layout.control, "", ""),
        ("deals of a unit in the trial", clusters.size, "", ""),
        ("variation of their numbers", clusters.variation, "", ""),
        ("correlation of two deals of a unit", clusters.correlation, low if estimated else "", high if estimated else ""),
        ("mean in control", scale * known["mean"], "", ""),
        ("deviation between deals", scale * np.sqrt(clusters.variance), "", ""),
        ("correlation with the time before", clusters.before, "", ""),
        ("design effect", effect, "", ""),
        ("degrees of freedom", layout.degrees(clusters), "", ""),
        ("looks", len(layout.shares), "", ""),
        ("inflation by looks", layout.inflation, "", ""),
    ]
    frame = pd.DataFrame(rows, columns=["assumption", "value", "low", "high"])
    return frame.assign(**{name: pd.to_numeric(frame[name]) for name in ("value", "low", "high")})


def _power_table(
    world: World, layout: Layout, effect: float, smallest: float, scale: float, worlds: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Return the power by effect: the formula finely, simulation at a few effects, nought among them."""
    top = 1.6 * max(effect, smallest)
    if world.rates:
        top = min(top, 0.98 * (1 - world.mean))
    rows = []
    for place, one in enumerate(np.linspace(0, top, 41)):
        simulated = simulated_power(world, layout, float(one), worlds=worlds, rng=rng) if place % 5 == 0 else np.nan
        rows.append((scale * one, trial_power(world.clusters, layout, float(one)), simulated))
    return pd.DataFrame(rows, columns=["effect", "power", "simulated"])


def _units_table(
    question: Trial, world: World, layout: Layout, effect: float, settings: TrialDesign, scale: float, rng: np.random.Generator
) -> pd.DataFrame:
    share = layout.treated / (layout.treated + layout.control)
    now = int(layout.treated + layout.control)
    rows = []
    for units in sorted({4, 6, 8, 12, 20, 30, 40, 60, 100, now}):
        treated = min(max(round(share * units), 2), units - 2)
        laid = replace(layout, treated=treated, control=units - treated)
        rows.append((
            in_all_arms(question, units), treated, units - treated, smallest_p_value(treated, units - treated),
            trial_power(world.clusters, laid, effect),
            simulated_power(world, laid, effect, worlds=settings.worlds, rng=rng),
            scale * smallest_effect(world.clusters, laid, settings.power),
        ))  # fmt: skip
    return pd.DataFrame(rows, columns=["units", "treated", "control", "smallest_p", "power", "simulated", "detectable"])


def _weeks_table(clusters: Clusters, layout: Layout, per_week: float, settings: TrialDesign, scale: float) -> pd.DataFrame:
    spread = excess_variation(clusters.variation, clusters.size)
    rows = []
    for weeks in sorted({*np.geomspace(1, LONGEST, 60).round(2).tolist(), settings.weeks}):
        size = per_week * weeks
        then = replace(clusters, size=size, variation=variation_of(spread, size))
        rows.append((weeks, size, scale * smallest_effect(then, layout, settings.power)))
    return pd.DataFrame(rows, columns=["weeks", "deals", "detectable"])
