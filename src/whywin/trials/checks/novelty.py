"""Whether an effect wears off, or grows, as the trial goes on."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
from annotated_types import Gt, Lt, doc

from whywin.deals.labels import texts
from whywin.deals.need import Columns, Need
from whywin.evidence import Answered, Check
from whywin.stats.cluster import robust
from whywin.trials.metric import TIMED
from whywin.trials.period import dates_of, of_trial
from whywin.trials.question import Trial
from whywin.trials.units import arms_of, scale_of, valued

FEWEST_WEEKS = 3


@dataclass(frozen=True)
class Novelty:
    """An effect that is the same in every week can be expected to last; one that wears off was novelty.

    The metric is regressed on arm, week since the start (by when the deal was created) and their product, CR2 by unit; the product is
    tested. Deals of the last weeks that are closed are those that close fast, in every arm alike.
    """

    alpha: Annotated[float, Gt(0), Lt(1), doc("it fails when the p-value is below this")] = 0.01

    def need(self, question: Trial) -> Need | None:
        """The metric and the week of creation of every deal; nothing where the trial's start is not known."""
        if question.start is None or question.primary.kind in {"quantile", *TIMED}:
            return None
        names = (
            question.arm,
            question.unit,
            question.independent,
            *question.primary.columns,
            "created_week",
            *dates_of(question),
        )
        return Columns(tuple(dict.fromkeys(names)))

    def check(
        self, question: Trial, answers: tuple[Answered, ...], sample: pd.DataFrame | None, rng: np.random.Generator
    ) -> tuple[Check, ...]:
        """Return one check about the whole run, on the arm whose effect changes most surely; where it cannot tell it passes, and says why."""
        if sample is None:
            why = "give question.start" if question.start is None else f"the metric is of kind {question.primary.kind}"
            return (_silent(f"Whether the effect changes from week to week was not looked at: {why}."),)
        cells = _by_week(question, of_trial(question, sample))
        if cells["week"].nunique() < FEWEST_WEEKS:
            return (
                _silent(f"Whether the effect changes from week to week cannot be told from fewer than {FEWEST_WEEKS} weeks."),
            )
        found = {arm: self._slope(question, cells, arm) for arm in arms_of(question, cells)[1:]}
        arm = min(found, key=lambda name: found[name][1])
        slope, p_value = found[arm][0], min(1.0, found[arm][1] * len(found))
        scale, _, unit, _ = scale_of(question)
        says = (
            f"From one week of the trial to the next the effect of {arm} changes by {scale * slope:+.2g}"
            f"{'' if unit == 'number' else f' {unit}'} (p = {p_value:.2g}, {cells['week'].nunique()} weeks)."
        ).replace("-", "−")
        return (Check("novelty", p_value >= self.alpha, "note", says, p_value),)

    def _slope(self, question: Trial, cells: pd.DataFrame, arm: str) -> tuple[float, float]:
        rows = cells[cells["arm"].isin([question.control, arm])]
        week, treated = rows["week"].to_numpy(dtype=float), rows["arm"].eq(arm).to_numpy(dtype=float)
        root = np.sqrt(rows["size"].to_numpy(dtype=float))
        matrix = (
            np.column_stack([np.ones(len(rows)), treated, week - week.mean(), treated * (week - week.mean())]) * root[:, None]
        )
        if np.linalg.matrix_rank(matrix) < matrix.shape[1]:
            return 0.0, 1.0
        found = robust(matrix, rows["total"].to_numpy(dtype=float) / root, rows["cluster"].to_numpy(dtype=str), np.eye(4)[3])
        return found.value, found.p_value if np.isfinite(found.p_value) else 1.0


def _silent(says: str) -> Check:
    return Check("novelty", passed=True, severity="note", says=says, value=1.0)


def _by_week(question: Trial, rows: pd.DataFrame) -> pd.DataFrame:
    """Return one row a unit and week, with the sums of the metric: the weeks as numbers from 0."""
    kept = valued(rows, question.primary).dropna(subset=["created_week"])
    weeks = texts(kept["created_week"])
    frame = pd.DataFrame(
        {
            "unit": texts(kept[question.unit]), "arm": texts(kept[question.arm]),
            "cluster": texts(kept[question.independent]), "week": weeks.cat.codes.astype(np.int64),
            "total": kept["value"].astype(float), "size": kept["per"].astype(float),
        }
    )  # fmt: skip
    cells = frame.groupby(["unit", "arm", "cluster", "week"], observed=True)[["total", "size"]].sum().reset_index()
    cells = cells.astype({"unit": str, "arm": str, "cluster": str})
    return cells[cells["size"] > 0]
