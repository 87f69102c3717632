"""Do instruments, thresholds and differences in differences say how sure they are, and do their checks raise few false alarms?"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, doc

from whywin.fanning import values
from whywin.settings import check_settings
from whywin.stats.proportions import wilson
from whywin.stats.streams import stream

STATEMENT: Final = (
    "In worlds where chance, a threshold or a date decides who is treated, the 95 % intervals of the three natural experiments hold the "
    "truth in 95 % of worlds within simulation noise, their checks raise an alarm in about 5 % of sound worlds, and a weak instrument "
    "costs width and not coverage."
)
NOISE: Final = 3.0  # standard errors of the simulation that a share may lie from its nominal value
NOMINAL: Final = 0.95


@dataclass(frozen=True)
class NaturalExperiments:
    """Settings of the experiment."""

    worlds: Annotated[int, Ge(2), doc("made-up markets with the three tables of natural experiments")] = 300
    deals: Annotated[int, Ge(1000), doc("deals in each of the tables")] = 4000
    teams: Annotated[int, Ge(6), doc("teams that adopt, or never do")] = 48
    weak: Annotated[float, Gt(0), doc("how strongly suggestions move the treatment where they are weak, in logits")] = 0.25
    seed: Annotated[int, Ge(0), doc("what every random number starts from")] = 20_267
    processes: Annotated[int, Ge(1), doc("worlds answered at the same time; the numbers do not depend on it")] = 2

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)


def simulate(settings: NaturalExperiments) -> pd.DataFrame:
    """Return one row a world and answer (truth, estimate, interval) or check (whether it passed), in points."""
    answered = values(
        _answered, [(settings, [number]) for number in range(settings.worlds)], what="worlds", usual=settings.processes
    )
    rows = [row for batch in answered for row in batch]
    return pd.DataFrame(rows).sort_values(["world", "kind", "name"], ignore_index=True)


def verdict(table: pd.DataFrame) -> tuple[bool, str]:
    """Return whether each share of worlds is 95 % within the simulation's noise; a weak instrument may cover more often."""
    held, said = True, []
    for (kind, name), part in table.groupby(["kind", "name"], sort=False):
        good, worlds = int(part["good"].sum()), len(part)
        low, high = (100 * float(end) for end in wilson(good, worlds, 0.95))
        off = NOISE * math.sqrt(NOMINAL * (1 - NOMINAL) / worlds)
        share = good / worlds
        held &= share >= NOMINAL - off and (share <= NOMINAL + off or "weak" in name or kind == "check")
        said.append(
            f"{name} {'passes' if kind == 'check' else 'covers'} in {100 * share:.1f} % ({low:.1f} to {high:.1f}){_besides(part)}"
        )
    return held, "; ".join(said) + "."


def _besides(part: pd.DataFrame) -> str:
    if part["estimate"].isna().all():
        return ""
    gap = part["estimate"] - part["truth"]
    return f", median error {gap.median():+.2f} points, median half-width {((part['high'] - part['low']) / 2).median():.1f}"


def _answered(settings: NaturalExperiments, numbers: range | list[int]) -> list[dict[str, object]]:
    return [{"world": number, **row} for number in numbers for row in _world(settings, number)]


def _world(settings: NaturalExperiments, number: int) -> Iterator[dict[str, object]]:
    from whywin.worlds.adoption import tool_adoption
    from whywin.worlds.alerts import fired_alerts
    from whywin.worlds.encouragement import suggested_calls
    from whywin.worlds.knobs import Market

    market = {"seed": settings.seed + number, "deals": settings.deals, "teams": settings.teams}
    for name, world, question, method, checkers in _designs():
        made = {"adoption": tool_adoption, "alerts": fired_alerts}.get(world, suggested_calls)
        knobs = Market(**market, suggestion=settings.weak) if world == "weak" else Market(**market)
        yield from _rows(name, made(knobs), question, method, checkers, stream(settings.seed, f"{name} {number}"))


def _designs() -> Iterator[tuple[str, str, Any, Any, tuple[Any, ...]]]:
    from whywin.effects.checks.covariate_continuity import CovariateContinuity
    from whywin.effects.checks.density import Density
    from whywin.effects.checks.placebo_cutoffs import PlaceboCutoffs
    from whywin.effects.checks.pre_trends import PreTrends
    from whywin.effects.methods.difference_in_differences import DifferenceInDifferences
    from whywin.effects.methods.discontinuity import Discontinuity
    from whywin.effects.methods.instrument import Instrument
    from whywin.effects.question import Effect

    known = ("engagement", "champion")
    adopted = Effect("tool", group="team", adopted="tool_adopted")
    adjusted = Effect("tool", known, group="team", adopted="tool_adopted")
    suggested = Effect("executive_call", known, instruments=("call_suggested",), cluster="rep")
    fired = Effect("alerted", known, score="risk_score", threshold=60.0)
    yield "difference in differences", "adoption", adopted, DifferenceInDifferences(), (PreTrends(),)
    yield "the same, all periods before", "adoption", adjusted, DifferenceInDifferences(before="all"), ()
    yield "instrument", "suggestions", suggested, Instrument(), ()
    yield "weak instrument", "weak", suggested, Instrument(), ()
    yield "discontinuity", "alerts", fired, Discontinuity(), (Density(), PlaceboCutoffs(), CovariateContinuity())


def _rows(
    name: str, world: Any, question: Any, method: Any, checkers: tuple[Any, ...], rng: np.random.Generator
) -> Iterator[dict[str, object]]:
    from whywin.evidence import Answered

    sample = method.need(question).sample(world.table.assign(won=(world.table["outcome"] == "Won").astype(float)))
    evidence = method.answer(question, sample, rng)
    row = evidence.estimates[0]
    truth = world.effects[row.quantity, "all"]
    good = _holds(evidence, truth) if name == "weak instrument" else row.low <= truth <= row.high
    numbers = {"truth": truth, "estimate": row.value, "low": row.low, "high": row.high}
    yield {"kind": "answer", "name": name, **numbers, "good": bool(good)}
    banded = evidence.estimates[1:]
    if banded:
        inside = all(one.low <= world.effects[one.quantity, one.segment] <= one.high for one in banded)
        yield _plain("answer", f"{name}, by time all at once", good=inside)
    for checker in checkers:
        for check in checker.check(question, (Answered(name, method, sample, evidence),), None, rng):
            yield _plain("check", check.name, good=check.passed)


def _plain(kind: str, name: str, *, good: bool) -> dict[str, object]:
    return {"kind": kind, "name": name, "truth": np.nan, "estimate": np.nan, "low": np.nan, "high": np.nan, "good": bool(good)}


def _holds(evidence: Any, truth: float) -> bool:
    """Whether the effects that are not refuted hold the truth, in however many pieces they are; an end that is missing is no bound."""
    kept = evidence.tables["anderson_rubin"]
    low, high = kept["from"].fillna(-np.inf), kept["to"].fillna(np.inf)
    return bool(((low <= truth) & (truth <= high)).any())


if __name__ == "__main__":
    from whywin.experiment import conduct

    raise SystemExit(conduct(NaturalExperiments, STATEMENT, simulate, verdict))
