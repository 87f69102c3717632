"""Whether what is done to one unit changes the deals of another."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Lt, doc

from whywin.deals.need import Columns, Need
from whywin.evidence import Answered, Check
from whywin.stats.cluster import robust
from whywin.trials.metric import TIMED
from whywin.trials.period import dates_of
from whywin.trials.question import Trial
from whywin.trials.units import arms_of, by_unit, scale_of


@dataclass(frozen=True)
class Interference:
    """An effect must not spread: units whose neighbours are treated must do no better than others of their arm.

    The dose is the share of a unit's neighbours that are treated: the other reps of its team, or the other deals of its rep where
    deals were randomised. The metric of a unit is regressed on its arm and its dose, CR2 by group. Source: Hudgens and
    Halloran (2008), Toward causal inference with interference, JASA 103, 832-842.
    """

    alpha: Annotated[float, Gt(0), Lt(1), doc("it fails when the p-value is below this")] = 0.01
    fewest_groups: Annotated[int, Ge(3), doc("fewer groups than this cannot tell")] = 6

    def need(self, question: Trial) -> Need:
        """The metric by unit, and the groups among which an effect may spread."""
        group = _group(question)
        names = (question.arm, question.unit, question.independent, *question.primary.columns, *dates_of(question))
        closed = question.primary.kind not in TIMED
        return Columns(tuple(dict.fromkeys((*names, *([group] if group else [])))), closed_only=closed)

    def check(
        self, question: Trial, answers: tuple[Answered, ...], sample: pd.DataFrame, rng: np.random.Generator
    ) -> tuple[Check, ...]:
        """Return one check about the whole run; where it cannot tell it passes, and says why."""
        group = _group(question)
        if group is None:
            says = f"Whether an effect spreads between {question.unit}s was not looked at: name their groups as question.team."
            return (Check("interference", passed=True, severity="note", says=says, value=1.0),)
        units = by_unit(question, sample)
        groups = (
            sample[[question.unit, group]]
            .dropna()
            .drop_duplicates(question.unit)
            .astype("string")
            .drop_duplicates(question.unit)
            .set_index(question.unit)[group]
        )
        units = units.assign(group=units["unit"].map(groups)).dropna(subset=["group"])
        units = units.assign(dose=_dose(units, question.control)).dropna(subset=["dose"])
        arms = arms_of(question, units)
        matrix = np.column_stack(
            [*(units["arm"].eq(arm).to_numpy(dtype=float) for arm in arms), units["dose"].to_numpy(dtype=float)]
        )
        root = np.sqrt(units["size"].to_numpy(dtype=float))
        count = int(units["group"].nunique())
        if count < self.fewest_groups or np.linalg.matrix_rank(matrix * root[:, None]) < matrix.shape[1]:
            says = f"Whether an effect spreads within a {group} cannot be told: {count} of them have several {question.unit}s with different doses."
            return (Check("interference", passed=True, severity="note", says=says, value=1.0),)
        y = units["total"].to_numpy(dtype=float) / root
        found = robust(matrix * root[:, None], y, units["group"].to_numpy(dtype=str), np.eye(matrix.shape[1])[-1])
        scale, _, unit, what = scale_of(question)
        p_value = found.p_value if np.isfinite(found.p_value) else 1.0
        says = (
            f"Where ten in a hundred more of the other {question.unit}s of a {group} are treated, the {what} differs by "
            f"{scale * found.value / 10:+.2g}{'' if unit == 'number' else f' {unit}'} (p = {p_value:.2g}, {count:,} groups)."
        ).replace("-", "−")
        return (Check("interference", p_value >= self.alpha, "serious", says, p_value),)


def _group(question: Trial) -> str | None:
    """Return the column of groups among which an effect may spread."""
    if question.team is not None:
        return question.team
    return question.cluster if question.cluster != question.unit else None


def _dose(units: pd.DataFrame, control: str) -> pd.Series:
    """Return the share of each unit's neighbours that are treated, by their deals; missing where it has none."""
    weight = units["deals"].astype(float)
    treated = weight * units["arm"].ne(control).astype(float)
    others = weight.groupby(units["group"]).transform("sum") - weight
    return (treated.groupby(units["group"]).transform("sum") - treated) / others.where(others > 0)
