"""What would undo the design of a trial, and the design in one sentence."""

from dataclasses import replace
from math import prod

import numpy as np

from whywin.evidence import Check
from whywin.stats.randomization import count_of
from whywin.stats.trial_power import trial_power
from whywin.trials.design import PATIENCE, Designed, TrialDesign
from whywin.trials.past import Past
from whywin.trials.question import Trial


def smallest_p_value(treated: int, control: int, groups: tuple[tuple[int, int], ...] = ()) -> float:
    """Return the smallest two-sided p-value that any re-assignment of the units can give.

    Args:
        treated: number of treated units.
        control: number of units in control.
        groups: numbers of treated and of control units by stratum or pair; one group when not given.
    """
    pairs = groups or ((treated, control),)
    ways = prod(count_of(np.arange(one + other) < one, np.zeros(one + other)) for one, other in pairs)
    return min(1.0, 2 / ways)


def sentence_of(question: Trial, settings: TrialDesign, found: Designed) -> str:
    """Return what a design can find, or that it can find nothing, in one sentence."""
    unit = " points" if question.primary.is_rate else " days" if question.primary.column == "cycle_days" else ""
    one, other = int(found.layout.treated), int(found.layout.control)
    reach = smallest_p_of(question, one, other) <= found.layout.alpha
    head = f"With {one} {question.unit}s against {other} over {settings.weeks:g} weeks"
    if not reach:
        return f"{head} no result whatever can reach a p-value of {found.layout.alpha:.2g}: this trial cannot decide anything."
    return (
        f"{head} an effect of {found.effect:.3g}{unit} is found with power {100 * found.simulated:.0f} %; the smallest effect found with "
        f"power {100 * settings.power:.0f} % is {found.detectable:.3g}{unit}."
    )


def smallest_p_of(question: Trial, treated: int, control: int) -> float:
    """Return the smallest two-sided p-value that re-drawing the question's own assignment can give."""
    if question.assignment.scheme == "pairs":
        return smallest_p_value(treated, control, ((1, 1),) * min(treated, control))
    smallest = smallest_p_value(treated, control)
    return min(1.0, smallest / question.assignment.acceptance) if question.assignment.scheme == "constrained" else smallest


def checks_of(question: Trial, settings: TrialDesign, found: Designed, past: Past | None, scale: float) -> list[Check]:
    """Return what makes a design hopeless, or weak, or less sure than it looks."""
    checks = [_reachable(question, found), _enough(question, settings, found, scale), _holds(settings, found)]
    if past is not None and settings.correlation is None:
        checks.append(_known_correlation(question, settings, found, past, scale))
    return checks


def _reachable(question: Trial, found: Designed) -> Check:
    one, other = int(found.layout.treated), int(found.layout.control)
    smallest = smallest_p_of(question, one, other)
    reach = smallest <= found.layout.alpha
    scheme = {"pairs": " in pairs", "constrained": " among balanced draws"}.get(question.assignment.scheme, "")
    says = (
        f"With {one} {question.unit}s against {other} the smallest two-sided p-value that chance assignment{scheme} allows is "
        f"{smallest:.2g}, and {found.layout.alpha:.2g} is asked for{'' if reach else ': no result can ever reach it'}."
    )
    return Check("reachable_alpha", reach, "fatal", says, smallest)


def _enough(question: Trial, settings: TrialDesign, found: Designed, scale: float) -> Check:
    unit = " points" if scale > 1 else ""
    lowest = min(found.power, found.simulated)
    noise = 1.96 * np.sqrt(settings.power * (1 - settings.power) / settings.worlds)
    enough = bool(lowest >= settings.power - noise)
    says = (
        f"An effect of {found.effect:.3g}{unit} is found with power {100 * found.power:.0f} % by the formula and "
        f"{100 * found.simulated:.0f} % in simulated trials, where {100 * settings.power:.0f} % is asked for"
    )
    if not enough:
        waiting = (
            f"{found.weeks:.0f} weeks with those there are"
            if found.weeks <= PATIENCE
            else "no length of time with those there are"
        )
        says += f"; it takes about {found.wanted:,} {question.unit}s, or {waiting}"
    return Check("enough_power", enough, "serious", f"{says}.", lowest)


def _holds(settings: TrialDesign, found: Designed) -> Check:
    gap = abs(found.power - found.simulated)
    allowed = 3 * np.sqrt(max(found.power * (1 - found.power), 0.01) / settings.worlds) + 0.03  # noise, and three points of power
    passed = bool(gap <= allowed)
    ending = "no more than chance explains" if passed else "with few or unequal units believe the simulation"
    says = f"Formula and simulation differ by {100 * gap:.0f} points of power; {ending}."
    return Check("formula_holds", passed, "note", says, gap)


def _known_correlation(question: Trial, settings: TrialDesign, found: Designed, past: Past, scale: float) -> Check:
    ends = (past.correlation_high, past.correlation_low)
    powers = [trial_power(replace(found.clusters, correlation=end), found.layout, found.effect / scale) for end in ends]
    says = (
        f"The correlation of two deals of a {question.unit} is {past.correlation:.3f} ({past.correlation_low:.3f} to "
        f"{past.correlation_high:.3f}) by {past.deals:,} past deals of {past.units:,} {question.unit}s, so that the power may be anything "
        f"from {100 * powers[0]:.0f} % to {100 * powers[1]:.0f} %."
    )
    return Check("known_correlation", bool(powers[0] >= settings.power), "note", says, past.correlation)
