"""Effects by segment from doubly robust scores, and whether they differ beyond chance."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from whywin.effects.comparison import Comparison
from whywin.effects.modifiers import Segment
from whywin.effects.question import Effect
from whywin.effects.scores import Scores
from whywin.evidence import Estimate
from whywin.stats.heterogeneity import Told, effect_against_rest, effect_among
from whywin.stats.multiplicity import holm


@dataclass(frozen=True, eq=False)
class SegmentEffect:
    """The effect in a segment, and by how much it differs from the effect on the other deals; fractions."""

    segment: Segment
    effect: Told
    difference: Told


def effects_by_segment(comparison: Comparison, found: Scores, segments: Iterable[Segment]) -> tuple[SegmentEffect, ...]:
    """Return the effect in each segment, with cluster-robust variances."""
    return tuple(
        SegmentEffect(
            segment,
            effect_among(found.score, found.weight, segment.rows, comparison.clusters),
            effect_against_rest(found.score, found.weight, segment.rows, comparison.clusters),
        )
        for segment in segments
    )


def segment_estimates(question: Effect, comparison: Comparison, found: Sequence[SegmentEffect]) -> tuple[Estimate, ...]:
    """Return one estimate a segment, each interval by itself."""
    return tuple(estimate_of(question, comparison, one.segment.name, one.effect, int(one.segment.rows.sum())) for one in found)


def estimate_of(question: Effect, comparison: Comparison, segment: str, told: Told, count: int) -> Estimate:
    """Return a fraction and its interval in people's units."""
    value, low, high = (comparison.scale * number for number in (told.value, *told.interval(question.level)))
    return Estimate(question.quantity, segment, value, low, high, question.level, count, comparison.unit)


def adjusted_p_values(found: Sequence[SegmentEffect]) -> list[float]:
    """Return Holm's p-value of each segment against the rest; where there are but two, they are one question."""
    twice = [len([other for other in found if other.segment.column == one.segment.column]) for one in found]
    asked = [place for place, one in enumerate(found) if twice[place] != 2 or _first_of(found, one)]  # noqa: PLR2004 - a pair
    adjusted = dict(zip(asked, holm([found[place].difference.p_value for place in asked]), strict=True))
    return [float(adjusted.get(place, adjusted.get(place - 1, 1.0))) for place in range(len(found))]


def _first_of(found: Sequence[SegmentEffect], one: SegmentEffect) -> bool:
    return next(other for other in found if other.segment.column == one.segment.column) is one


def segment_table(question: Effect, comparison: Comparison, found: Sequence[SegmentEffect]) -> pd.DataFrame:
    """Return the effects by segment in people's units; a segment differs when its Holm-adjusted p-value says so at the question's level."""
    scale, adjusted = comparison.scale, adjusted_p_values(found)
    rows = []
    for one, p_adjusted in zip(found, adjusted, strict=True):
        low, high = one.effect.interval(question.level)
        from_rest, to_rest = one.difference.interval(question.level)
        rows.append(
            {
                "column": one.segment.column,
                "level": one.segment.level,
                "deals": int(one.segment.rows.sum()),
                "treated": int((one.segment.rows & comparison.treated).sum()),
                "effect": scale * one.effect.value,
                "low": scale * low,
                "high": scale * high,
                "difference": scale * one.difference.value,
                "difference_low": scale * from_rest,
                "difference_high": scale * to_rest,
                "p_value": one.difference.p_value,
                "p_adjusted": p_adjusted,
                "differs": bool(p_adjusted < 1 - question.level),
            }
        )
    return pd.DataFrame(rows)


def most_different(found: Sequence[SegmentEffect]) -> tuple[SegmentEffect | None, float]:
    """Return the segment that differs most surely from the rest, and its adjusted p-value; nothing and 1 without segments."""
    if not found:
        return None, 1.0
    adjusted = adjusted_p_values(found)
    place = int(np.argmin(adjusted))
    return found[place], adjusted[place]
