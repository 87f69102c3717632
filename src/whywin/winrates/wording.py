"""How answers about win rates are said, and what their grades require."""

from collections.abc import Mapping
from typing import Final

import pandas as pd

from whywin.deals.derived import period_span
from whywin.evidence import Design, Estimate, Evidence, Grade
from whywin.winrates.question import WinRates
from whywin.winrates.sayings import decomposed, driven, measured, percent, periods, points, ripened

REQUIRED: Final[Mapping[Design, tuple[str, ...]]] = {}


def sentence(question: WinRates, evidence: Evidence, grade: Grade) -> str:  # noqa: ARG001 - every answer here is a description
    """Return the answer in one sentence: which segments differ, and whether the change is more than noise."""
    fatal = [check for check in evidence.checks if check.undoes and check.severity == "fatal"]
    if fatal:
        return f"There is no answer: {fatal[0].says[0].lower()}{fatal[0].says[1:]}"
    other = _other(question, evidence)
    if other:
        return f"{other[0].upper()}{other[1:]}."
    company = evidence.of("win rate")
    found = evidence.tables.get("segments")
    change = next((one for one in evidence.estimates if (one.quantity, one.segment) == ("change in win rate", "all")), None)
    if found is None:
        rate = f"The observed win rate is {percent(company)}"
        return (
            f"{rate}."
            if change is None
            else f"{rate}; it is {points(change)} off that of {period_span(question.baseline, question.grain)}."
        )
    said = _quiet(company) if not found["different"].any() else _named(company, found)
    return f"{said}{'' if change is None else _changed(question, change)}."


def _other(question: WinRates, evidence: Evidence) -> str:
    """Return what a method says that answers with more than rates; each is known by its own table."""
    if "decomposition" in evidence.tables:
        return decomposed(question, evidence)
    if "maturity" in evidence.tables:
        return ripened(question, evidence)
    if "drivers" in evidence.tables:
        return driven(evidence)
    return measured(evidence) if "segment_impact" in evidence.tables else ""


def _quiet(company: Estimate) -> str:
    return f"Segments do not differ detectably from the company's win rate of {percent(company)}"


def _named(company: Estimate, found: pd.DataFrame) -> str:
    named = found[found["different"]]
    ends = named.assign(off=named["pooled"] - company.value).sort_values("off", ascending=False, ignore_index=True)
    above, below = ends[ends["off"] > 0].head(1), ends[ends["off"] < 0].tail(1)
    strongest = pd.concat([above, below]).to_dict("records")
    said = " and ".join(
        f"{row['dimension']} {row['level']} is {row['pooled']:.1f} % ({row['low']:.1f} to {row['high']:.1f} %)"
        for row in strongest
    )
    verb = "differs" if len(named) == 1 else "differ"
    how = "; furthest off, " if len(named) > len(strongest) else ": "
    return f"{len(named)} of {len(found)} segments {verb} from the company's win rate of {percent(company)}{how}{said}"


def _changed(question: WinRates, change: Estimate) -> str:
    noise = change.low <= 0 <= change.high
    return f"; the change of {points(change)} {periods(question)} is {'no more than noise' if noise else 'more than noise'}"
