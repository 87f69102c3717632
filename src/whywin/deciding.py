"""What to decide now, out of the evidence: at most three things, each with its number and its doubt.

A decision is named only where an interval leaves out nought: where nothing is more than noise there is nothing to decide.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whywin.editions import MOST_DECISIONS, Chapter, Decision, Number
from whywin.evidence import WORDING, Estimate, with_sign

ACTED_ON: Final = ("A", "B", "C")  # grades on which an action can be built; D and E are for looking further
PER: Final = 100  # deals that the effect of an intervention is told for
SURE: Final = 0.95  # probability of a gain from moving effort, below which it is no more than noise
Floats = NDArray[np.float64]


def decisions(chapters: tuple[Chapter, ...], moves: tuple[Decision, ...] = ()) -> tuple[Decision, ...]:
    """Return what to decide, the best founded first, and of equal grade what promises most; at most three."""
    found = [
        *moves,
        *(one for chapter in chapters for one in _of_effects(chapter)),
        *(one for chapter in chapters for one in _of_rates(chapter)),
    ]
    return tuple(sorted(found, key=lambda one: (one.grade, -abs(one.wins)))[:MOST_DECISIONS])


def _of_effects(chapter: Chapter) -> Iterator[Decision]:
    if chapter.topic == "winrates" or chapter.grade not in ACTED_ON or not chapter.sound:
        return
    for row in chapter.main_effects():
        if not row.low <= 0 <= row.high:
            yield _of_effect(chapter, row)


def _of_effect(chapter: Chapter, row: Estimate) -> Decision:
    name = chapter.question.get("treatment", "").replace("_", " ") or row.segment.removeprefix("arm=")
    good = row.value > 0
    action = f"Use {name} on more deals like these." if good else f"Stop using {name} on deals like these."
    whom = "on the treated deals" if "treated" in row.quantity else "as assigned" if "assignment" in row.quantity else ""
    because = (
        f"{name.capitalize()} {WORDING[chapter.grade]} {with_sign(row.value)} points of win rate{f' {whom}' if whom else ''}: "
        f"{with_sign(row.value)} wins in {PER} deals ({with_sign(row.low)} to {with_sign(row.high)}, {100 * row.level:.0f} % interval, {row.n:,} deals)."
    )
    smaller = min(abs(row.low), abs(row.high))
    doubt = f"It may be as little as {smaller:.1f} points. {DOUBTS[chapter.grade]}"
    sign = 1 if good else -1  # stopping what harms gains what it lost
    low, high = sorted((sign * row.low, sign * row.high))
    return Decision(action, because, doubt, sign * row.value, low, high, chapter.grade, _number(chapter, row))


DOUBTS: Final = {
    "A": "The deals to come may differ from those of the trial.",
    "B": "It holds for the deals near where the natural experiment decided.",
    "C": "Something that nobody recorded may lie behind it; a trial would settle it.",
    "D": "A check failed or is missing.",
    "E": "It describes, and does not say what would happen if something were changed; a trial would.",
}


def _of_rates(chapter: Chapter) -> Iterator[Decision]:
    """Yield where to look, when the win rate of the company moved by more than noise."""
    row = chapter.of("change in win rate") if chapter.topic == "winrates" else None
    if row is None or not chapter.sound or row.low <= 0 <= row.high:
        return
    now = chapter.question.get("current", "now")
    way = "fall" if row.value < 0 else "rise"
    because = f"The win rate changed by {with_sign(row.value)} points ({with_sign(row.low)} to {with_sign(row.high)}), which is more than noise."
    yield Decision(
        f"Find out what is behind the {way} of the win rate in {now}.", because, DOUBTS["E"],
        row.value, row.low, row.high, chapter.grade, _number(chapter, row),
    )  # fmt: skip


def _number(chapter: Chapter, row: Estimate) -> Number:
    return Number(with_sign(row.value), chapter.run, chapter.link)


def move(
    chapter: Chapter, column: str, worse: str, better: str, rates: tuple[Floats, Floats], deals: int, rng: np.random.Generator
) -> Decision | None:
    """Return what moving so many deals' worth of effort from one segment to another would give, or None when it may be nothing.

    Args:
        chapter: the run of win rates.
        column: the dimension.
        worse: its level that effort is taken from.
        better: the level that it is given to.
        rates: draws of the win rate of both, 0 to 1, from one posterior.
        deals: how many deals.
        rng: of the outcomes.
    """
    from_worse, to_better = (np.clip(one, 0, 1) for one in rates)
    gain = rng.binomial(deals, to_better) - rng.binomial(deals, from_worse)
    if float((to_better > from_worse).mean()) < SURE or gain.mean() <= 0:
        return None
    low, high = (float(end) for end in np.quantile(gain, [0.1, 0.9]))
    first, second = 100 * float(from_worse.mean()), 100 * float(to_better.mean())
    because = (
        f"{column} {better} is won at {second:.1f} % and {worse} at {first:.1f} %: {with_sign(float(gain.mean()))} wins in {deals} deals "
        f"({with_sign(low)} to {with_sign(high)}, 80 % probability), if they were won at the other's rate."
    )
    number = Number(with_sign(float(gain.mean())), chapter.run, chapter.link)
    return Decision(
        f"Try moving the effort of {deals} deals from {column} {worse} to {better}.",
        because,
        DOUBTS["E"],
        float(gain.mean()),
        low,
        high,
        "E",
        number,
    )


def ends(segments: pd.DataFrame, column: str) -> tuple[str, str] | None:
    """Return the lowest and the highest level of a dimension among those that differ detectably, or None without two sides."""
    if not {"dimension", "level", "different", "pooled"} <= set(segments.columns):
        return None
    own = segments[segments["dimension"] == column].sort_values("pooled")
    if len(own) < 2 or not own["different"].any():  # noqa: PLR2004 - from one to another
        return None
    return str(own.iloc[0]["level"]), str(own.iloc[-1]["level"])
