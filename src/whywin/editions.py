"""One edition of the quarterly report, as plain values: what it says, and which run each number comes from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import pandas as pd

from whywin.evidence import Check, Design, Estimate, Grade

Topic = Literal["winrates", "effect", "trial"]
MOST_DECISIONS: Final = 3


@dataclass(frozen=True, eq=False)
class Chapter:
    """One recorded run, as the report tells it.

    Attributes:
        plan: the plan's name.
        topic: kind of its question.
        run: identifier of the run.
        link: address of the run in MLflow.
        made: when it was recorded, in UTC.
        known_until: the last day that its deals know, as 2024-03-31; empty where that is not known.
        answer: its answer, worded as the grade allows.
        grade: the evidence grade of the answer.
        sound: whether no check failed that would undo it.
        headline: label of the method that answers.
        design: of that method.
        estimates: estimates of all methods, as `Run.to_frame` gives them.
        checks: every check.
        fingerprint: of its deals.
        deals: how many deals it rests on.
        quality: quality score of the deals, 0 to 100.
        question: the plan's question as it was set, flattened.
        figures: its figures as SVG text by name.
        segments: the table of segments, where there is one.
        notes: what has to be said about it, such as that it is of another quarter.
    """

    plan: str
    topic: Topic
    run: str
    link: str
    made: str
    known_until: str
    answer: str
    grade: Grade
    sound: bool
    headline: str
    design: Design
    estimates: pd.DataFrame
    checks: pd.DataFrame
    fingerprint: str
    deals: int
    quality: float
    question: Mapping[str, str]
    figures: Mapping[str, str] = field(default_factory=dict)
    segments: pd.DataFrame = field(default_factory=pd.DataFrame)
    notes: tuple[str, ...] = ()

    def rows(self, quantity: str, method: str | None = None) -> list[Estimate]:
        """Return the estimates of a quantity by the method that answers, or by another one."""
        table = self.estimates
        found = table[(table["quantity"] == quantity) & (table["method"] == (method or self.headline))]
        names = list(Estimate.__dataclass_fields__)
        return [Estimate(**{**row, "n": int(row["n"])}) for row in found[names].to_dict("records")]

    def of(self, quantity: str, segment: str = "all") -> Estimate | None:
        """Return one estimate by the first method that has it, the answer's first."""
        for method in dict.fromkeys([self.headline, *self.estimates["method"]]):
            for row in self.rows(quantity, method):
                if row.segment == segment:
                    return row
        return None

    def main_effects(self) -> list[Estimate]:
        """Return the effects that the answer is about, in points: on all its deals, or by arm."""
        own = self.estimates.loc[self.estimates["method"] == self.headline, "quantity"]
        for quantity in dict.fromkeys(own):
            rows = [
                row
                for row in self.rows(quantity)
                if row.unit == "points" and (row.segment == "all" or row.segment.startswith("arm="))
            ]
            if quantity.startswith("effect") and rows:
                return rows
        return []

    @property
    def failed(self) -> list[Check]:
        """The checks that undo the answer."""
        own = self.checks[self.checks["method"].isin(["", self.headline])]
        found = [Check(**row) for row in own.to_dict("records")]
        return [check for check in found if check.undoes]


@dataclass(frozen=True)
class Number:
    """A number of the report with the run that it comes from.

    Attributes:
        text: as it is written.
        run: identifier of the run.
        link: address of the run in MLflow.
    """

    text: str
    run: str
    link: str


@dataclass(frozen=True)
class Decision:
    """Something to decide now.

    Attributes:
        action: what to do, in a sentence.
        because: why, with the numbers.
        doubt: what speaks against being sure, with a number.
        wins: expected further wins, for as many deals as `because` says.
        low: lower end of their interval.
        high: upper end.
        grade: of the evidence.
        number: where it comes from.
    """

    action: str
    because: str
    doubt: str
    wins: float
    low: float
    high: float
    grade: Grade
    number: Number


@dataclass(frozen=True, eq=False)
class Edition:
    """One edition of the report.

    Attributes:
        title: of the report.
        quarter: the quarter, as 2024Q1.
        description: a sentence for people.
        made: when, in UTC.
        chapters: the runs it tells of, win rates first.
        gaps: what is missing, one sentence each: nothing is made up in its place.
        due: claims that were due in the quarter, with what became of them (see `claims.record`).
        claimed: claims about the time after the quarter.
        ledger: all claims.
        calibration: how often claims came true (see `claims.calibration`).
        decisions: at most three, the best founded first.
        experiments: what is known of our own methods: one row each, with name, statement, verdict, says, run.
        cards: calibration cards of the methods used here: one row a method and what was asked of it, as people read them.
    """

    title: str
    quarter: str
    description: str
    made: str
    chapters: tuple[Chapter, ...]
    gaps: tuple[str, ...]
    due: pd.DataFrame
    claimed: pd.DataFrame
    ledger: pd.DataFrame
    calibration: pd.DataFrame
    decisions: tuple[Decision, ...]
    experiments: pd.DataFrame
    cards: pd.DataFrame

    def of(self, topic: Topic) -> list[Chapter]:
        """Return the chapters of a kind."""
        return [chapter for chapter in self.chapters if chapter.topic == topic]

    def table(self) -> pd.DataFrame:
        """Return every estimate that the report rests on, one row each, with its plan, run and grade."""
        frames: list[Any] = [one.estimates.assign(plan=one.plan, run=one.run) for one in self.chapters]
        return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
