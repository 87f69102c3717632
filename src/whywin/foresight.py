"""From an answer to what deals to come will show, and from those deals to the number that decides."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from whywin.claims import Claim, fewest_of
from whywin.deals.table import Deals
from whywin.errors import ClaimError, QuestionError, nearest
from whywin.evidence import Estimate, Grade, with_sign
from whywin.plan import Plan
from whywin.stats.replication import repetition
from whywin.stats.streams import stream
from whywin.winrates.forecast import belongs, forecast
from whywin.winrates.model import FittedModel
from whywin.winrates.question import WinRates

RATE: Final = "win rate"


@dataclass(frozen=True, eq=False)
class Answer:
    """A recorded answer, as far as a claim needs it.

    Attributes:
        plan: what was asked.
        deals: the deals that it rests on.
        estimates: the estimates of the method that answers, as a table.
        grade: its grade.
        run: the run's identifier.
        config: sha256 of the plan.
        model: the fitted model of win rates, where there is one.
    """

    plan: Plan
    deals: Deals
    estimates: pd.DataFrame
    grade: Grade
    run: str
    config: str
    model: FittedModel | None


def latest_day(table: pd.DataFrame) -> pd.Timestamp:
    """Return the last day on which a deal closed.

    Raises:
        ClaimError: the deals have no column of it.
    """
    if "closed" not in table:
        raise ClaimError(
            "deals.columns.closed: missing; a claim is about deals that close within a window, so that their day must be known"
        )
    return pd.Timestamp(table["closed"].max()).normalize()


def claimed(answer: Answer, quantity: str, segment: str, due: pd.Timestamp, level: float, made: str) -> Claim:
    """Return what an answer says about the deals that close after those it knows and up to a day.

    Raises:
        ClaimError: the window is over in the deals already, the answer has no such estimate, or it tells nothing of deals to come.
    """
    after = known_until(answer)
    due = due.normalize()
    if due <= after:
        raise ClaimError(
            f"due: {due:%Y-%m-%d} is not after {after:%Y-%m-%d}, the last day in the deals of the run; "
            "a claim is made before its deals exist: name a later day"
        )
    if not 0 < level < 1:
        raise ClaimError(f"level: must be between 0 and 1, such as 0.8, got {level:g}")
    row = _estimate(answer, quantity, segment)
    value, low, high, deals = _predicted(answer, row, after, due, level)
    sentence = _sentence(answer, row, (low, high), (after, due), level)
    return Claim(
        sentence=sentence,
        quantity=quantity,
        segment=segment,
        value=value,
        low=low,
        high=high,
        level=level,
        unit=row.unit,
        deals=deals,
        fewest=fewest_of(deals),
        method=row.method,
        grade=answer.grade,
        plan=answer.plan.name,
        run=answer.run,
        config=answer.config,
        fingerprint=answer.deals.fingerprint,
        after=f"{after:%Y-%m-%d}",
        due=f"{due:%Y-%m-%d}",
        made=made,
    )


def known_until(answer: Answer) -> pd.Timestamp:
    """Return the last day that an answer's deals know: that of the plan where it names one, else the last closing."""
    given = answer.plan.deals.known_on
    return latest_day(answer.deals.table) if given is None else pd.Timestamp(given)


def found(claim: Claim, plan: Plan, deals: Deals) -> tuple[float | None, int]:
    """Return the number that decides a claim, and the closed deals of its window that it rests on; None where there is none.

    A win rate is that of the deals themselves; an effect is estimated anew by the method that claimed it, from them alone.
    """
    table = deals.table
    day = table["closed"].dt.normalize()
    window = table[(day > pd.Timestamp(claim.after)) & (day <= pd.Timestamp(claim.due)) & table["won"].notna()].reset_index(
        drop=True
    )
    if isinstance(plan.question, WinRates):
        inside = window[belongs(window, claim.segment)]
        return (100 * float(inside["won"].mean()) if len(inside) else None), len(inside)
    if plan.question.faults(window):  # too few deals of a kind, or all alike: nothing decides
        return None, len(window)
    method = plan.methods[claim.method]
    try:
        evidence = method.answer(plan.question, method.need(plan.question).sample(window), stream(plan.seed, claim.method))
        row = evidence.of(claim.quantity, claim.segment)
    except (QuestionError, KeyError):  # the method cannot answer from so few, or none is of the segment
        return None, len(window)
    return row.value, row.n


def _estimate(answer: Answer, quantity: str, segment: str) -> Estimate:
    rows = answer.estimates[answer.estimates["method"] == answer.plan.headline]
    same = rows[(rows["quantity"] == quantity) & (rows["segment"] == segment)]
    if not len(same):
        quantities = list(dict.fromkeys(rows["quantity"]))
        if quantity not in quantities:
            raise ClaimError(
                f"quantity: {answer.plan.headline} has no {quantity!r}{nearest(quantity, quantities)}; there are {', '.join(quantities)}"
            )
        segments = list(rows.loc[rows["quantity"] == quantity, "segment"])
        shown = ", ".join(segments[:8]) + (" …" if len(segments) > 8 else "")  # noqa: PLR2004 - a line's worth
        raise ClaimError(f"segment: {quantity!r} has no {segment!r}{nearest(segment, segments)}; there are {shown}")
    kept = same.iloc[0]
    return Estimate(
        **{
            name: kept[name].item() if isinstance(kept[name], np.generic) else kept[name]
            for name in Estimate.__dataclass_fields__
        }
    )


def _predicted(
    answer: Answer, row: Estimate, after: pd.Timestamp, due: pd.Timestamp, level: float
) -> tuple[float, float, float, int]:
    question = answer.plan.question
    if isinstance(question, WinRates):
        if row.quantity != RATE:
            raise ClaimError(
                f"quantity: of win rates only {RATE!r} can be claimed, since it is what deals show; got {row.quantity!r}"
            )
        if answer.model is None:
            raise ClaimError(
                "the run has no model that predicts; a win rate is claimed from a run that was answered by hierarchical"
            )
        rng = stream(answer.plan.seed, f"claim {row.segment} {due:%Y-%m-%d}")
        made = forecast(question, answer.model, answer.deals.table, row.segment, after, due, level, rng)
        return made.value, made.low, made.high, made.deals
    closed = answer.deals.table.loc[answer.deals.table["won"].notna(), "closed"]
    length = due - after
    deals = int(((closed > after - length) & (closed <= after)).sum())
    if not deals:
        raise ClaimError(
            f"none of the deals closed in the {length.days} days before {after:%Y-%m-%d}, so that none can be expected"
        )
    ratio = deals / len(closed)
    ends = repetition(row.value, row.low, row.high, row.level, ratio, level)
    return row.value, ends.low, ends.high, max(1, round(ratio * row.n))


def _sentence(
    answer: Answer, row: Estimate, ends: tuple[float, float], window: tuple[pd.Timestamp, pd.Timestamp], level: float
) -> str:
    after, due = window
    when = f"that close from {after + pd.Timedelta(days=1):%Y-%m-%d} to {due:%Y-%m-%d}"
    where = "" if row.segment == "all" else f" of {row.segment.replace('=', ' ')}"
    sure = f"{100 * level:.0f} % probability"
    if isinstance(answer.plan.question, WinRates):
        return f"Of the deals{where} {when}, {ends[0]:.1f} to {ends[1]:.1f} % will be won ({sure})."
    unit = {"points": " points", "days": " days"}.get(row.unit, "")
    interval = f"{with_sign(ends[0])} to {with_sign(ends[1])}{unit}"
    return f"From the deals{where} {when}, {row.method} will find an {row.quantity} of {interval} ({sure})."
