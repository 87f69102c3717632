"""What a method answers with: estimates, the checks that ran on them, and the tables behind them."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import pandas as pd

Unit = Literal["percent", "points", "logits", "days", "deals", "share", "number"]
Severity = Literal["fatal", "serious", "note"]
Design = Literal["randomised", "natural", "adjusted", "unadjusted", "description"]
Grade = Literal["A", "B", "C", "D", "E"]

WORDING: Mapping[Grade, str] = {
    "A": "causes",
    "B": "very likely causes",
    "C": "probably changes",
    "D": "is associated with",
    "E": "is",
}


@dataclass(frozen=True)
class Estimate:
    """One number with its interval; the same row whichever method gave it.

    Attributes:
        quantity: what is estimated, in plain words ("win rate", "effect on the treated").
        segment: the deals it is about: "all", or "column=level".
        value: the point estimate, in `unit`.
        low: lower end of the interval, in `unit`.
        high: upper end of the interval, in `unit`.
        level: the interval's nominal coverage, between 0 and 1.
        n: number of deals that the estimate rests on.
        unit: "percent" for a rate (45.3), "points" for a difference of two rates in percentage points (+5.2),
            "number" for a metric in its own unit, else as named.
        method: label of the method that gave it; `study` fills it in.
    """

    quantity: str
    segment: str
    value: float
    low: float
    high: float
    level: float
    n: int
    unit: Unit
    method: str = ""


@dataclass(frozen=True)
class Check:
    """Something that would undo an answer, and whether it does.

    Attributes:
        name: the check's file name ("balance").
        passed: whether the answer survives it.
        severity: "fatal" (do not use the answer), "serious" (the grade falls) or "note" (worth knowing, changes nothing).
        says: one sentence for a person, with the number in it.
        value: the number that decided.
        method: label of the method it is about; empty when it is about the data or the whole run.
    """

    name: str
    passed: bool
    severity: Severity
    says: str
    value: float
    method: str = ""

    @property
    def undoes(self) -> bool:
        """Whether it failed in a way that lowers the grade and the exit code."""
        return not self.passed and self.severity != "note"


@dataclass(frozen=True, eq=False)
class Evidence:
    """One method's answer, complete when it is made.

    Attributes:
        estimates: the numbers with their intervals.
        checks: what would undo them, and whether it does.
        tables: further tables by name, one row a case ("segments", "balance").
        posterior: an xarray DataTree with a ``posterior`` group, where there is one.
    """

    estimates: tuple[Estimate, ...]
    checks: tuple[Check, ...] = ()
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    posterior: Any = None

    def of(self, quantity: str, segment: str = "all") -> Estimate:
        """Return the one estimate of a quantity in a segment; `KeyError` names what there is."""
        for estimate in self.estimates:
            if (estimate.quantity, estimate.segment) == (quantity, segment):
                return estimate
        there = sorted({(e.quantity, e.segment) for e in self.estimates})
        msg = f"no estimate of {quantity!r} for {segment!r}; there are {there}"
        raise KeyError(msg)

    def signed(self, method: str) -> "Evidence":
        """Return the same evidence with the method's label on every estimate and check."""
        return replace(
            self,
            estimates=tuple(replace(estimate, method=method) for estimate in self.estimates),
            checks=tuple(replace(check, method=method) for check in self.checks),
        )

    def with_checks(self, checks: Iterable[Check]) -> "Evidence":
        """Return the same evidence with further checks behind its own."""
        return replace(self, checks=(*self.checks, *checks))

    def with_tables(self, tables: Mapping[str, pd.DataFrame]) -> "Evidence":
        """Return the same evidence with further tables behind its own."""
        return replace(self, tables={**self.tables, **tables})

    def to_frame(self) -> pd.DataFrame:
        """Return the estimates as a table, one row each."""
        return pd.DataFrame([asdict(estimate) for estimate in self.estimates])

    def _repr_html_(self) -> str:
        return str(self.to_frame().to_html(index=False, float_format=lambda x: f"{x:.2f}"))


@dataclass(frozen=True, eq=False)
class Judged:
    """What a check found that has tables behind it.

    Attributes:
        checks: what it found.
        tables: tables by the label of the method that they belong to, and by name.
    """

    checks: tuple[Check, ...]
    tables: Mapping[str, Mapping[str, pd.DataFrame]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Answered:
    """One method of a plan, what it was given, and what it said: what a check may look at."""

    label: str
    method: Any
    sample: pd.DataFrame
    evidence: Evidence


def with_sign(value: float) -> str:
    """Return a difference as it stands in sentences: one decimal, always a sign, and a typographic minus."""
    return f"{value:+.1f}".replace("-", "−")


def grade(design: Design, checks: Iterable[Check], required: Iterable[str]) -> Grade:
    """Return the evidence grade that the design allows and the checks leave standing.

    `required` names the checks that must have run and passed for the design's own grade; one that is missing counts as failed.
    """
    if design == "description":
        return "E"
    checks = tuple(checks)
    missing = set(required) - {check.name for check in checks}
    if missing or any(check.undoes for check in checks):
        return "D"
    return {"randomised": "A", "natural": "B", "adjusted": "C", "unadjusted": "D"}[design]  # type: ignore[return-value]
