"""Whether what is missing is missing alike in all arms."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
from annotated_types import Gt, Lt, doc

from whywin.deals.labels import texts
from whywin.deals.need import Columns, Need
from whywin.evidence import Answered, Check
from whywin.stats.cluster import arm_contrast
from whywin.trials.metric import TIMED
from whywin.trials.period import dates_of, of_trial
from whywin.trials.question import Trial
from whywin.trials.units import arms_of


@dataclass(frozen=True)
class Attrition:
    """Deals that are still open, or have no value of the metric, must be as many in every arm: what is compared is the others.

    The share of a unit's deals that have no value is compared with control, CR2 by unit. A difference means that the closed deals of
    the arms are not alike; a metric that counts open deals (won_by) does not suffer from it.
    """

    alpha: Annotated[float, Gt(0), Lt(1), doc("it fails when the p-value is below this")] = 0.01

    def need(self, question: Trial) -> Need:
        """Every deal, open ones too."""
        names = (question.arm, question.unit, question.independent, "won", *question.primary.columns, *dates_of(question))
        return Columns(tuple(dict.fromkeys(names)), closed_only=False)

    def check(
        self, question: Trial, answers: tuple[Answered, ...], sample: pd.DataFrame, rng: np.random.Generator
    ) -> tuple[Check, ...]:
        """Return one check about the whole run, on the arm that differs most."""
        rows = of_trial(question, sample).dropna(subset=[question.arm, question.unit, question.independent])
        if question.primary.kind in TIMED:
            says = f"The metric, {question.primary.name}, counts deals that are still open."
            return (Check("attrition", passed=True, severity="serious", says=says, value=1.0),)
        needed = list(dict.fromkeys(["won", *question.primary.columns]))
        frame = pd.DataFrame(
            {
                "arm": texts(rows[question.arm]), "unit": texts(rows[question.unit]), "cluster": texts(rows[question.independent]),
                "lost": rows[needed].isna().any(axis=1).astype(float), "deals": 1.0,
            }
        )  # fmt: skip
        units = frame.groupby(["unit", "arm", "cluster"], observed=True)[["lost", "deals"]].sum().reset_index()
        units = units.astype({"unit": str, "arm": str, "cluster": str})
        empty = int((units["lost"] == units["deals"]).sum())
        arms = arms_of(question, units)
        shares = {arm: _share(units[units["arm"] == arm]) for arm in arms}
        if not frame["lost"].any():
            says = f"Every deal of every {question.unit} has a value of {question.primary.name}."
            return (Check("attrition", passed=True, severity="serious", says=says, value=1.0),)
        found = {arm: _p_value(units[units["arm"].isin([question.control, arm])], arm) for arm in arms[1:]}
        arm = min(found, key=lambda name: found[name])
        p_value = min(1.0, found[arm] * len(found))
        says = (
            f"{shares[arm]:.1f} % of the deals in {arm} and {shares[question.control]:.1f} % in {question.control} have no value of "
            f"{question.primary.name} yet (p = {p_value:.2g}); {empty:,} {question.unit}s have none and are left out."
        )
        return (Check("attrition", p_value >= self.alpha, "serious", says, p_value),)


def _share(units: pd.DataFrame) -> float:
    return 100 * float(units["lost"].sum() / units["deals"].sum())


def _p_value(units: pd.DataFrame, arm: str) -> float:
    treated = units["arm"].eq(arm).to_numpy(dtype=np.int64)
    found = arm_contrast(units["lost"], units["deals"], treated, [-1.0, 1.0], units["cluster"].to_numpy(dtype=str))
    return found.p_value if np.isfinite(found.p_value) else 1.0
