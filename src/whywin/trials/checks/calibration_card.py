"""Whether a method is right about the company's own units when nothing was tried on them."""

from copy import deepcopy
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Le, doc

from whywin.deals.need import Need
from whywin.evidence import Answered, Check, Judged
from whywin.settings import check_settings
from whywin.stats.calibration import range_of_right, with_effect
from whywin.trials.calibration import Ground, fast_form, ground_of, need_of_ground, why_not
from whywin.trials.question import Trial
from whywin.trials.units import scale_of


@dataclass(frozen=True)
class CalibrationCard:
    """Among units that nothing was tried on, a method must raise false alarms as rarely as it says.

    Arms are drawn anew, by the trial's own design, among the units as they were before the trial (or among those of control), and each
    draw is analysed: an effect that is found there is a false alarm. An effect of the size of the margin, put into the same deals,
    shows how often it would be found, and how often the interval holds it.
    """

    draws: Annotated[int, Ge(200), Le(20_000), doc("assignments to draw")] = 2000
    companies: Annotated[int, Ge(50), Le(5_000), doc("made-up companies that show how far a right method may be off")] = 100
    reach: Annotated[float, Gt(0), doc("how many of their standard deviations the share of false alarms may be off")] = 3.0

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    def need(self, question: Trial) -> Need:
        """The metric of every deal and its dates where the trial has a start, else counts by arm and unit."""
        return need_of_ground(question)

    def check(self, question: Trial, answers: tuple[Answered, ...], sample: pd.DataFrame, rng: np.random.Generator) -> Judged:
        """Judge each method that has a fast form; the table ``calibration`` belongs to the answer."""
        reason = why_not(question)
        ground = None if reason else ground_of(question, sample, self.draws, rng)
        if ground is None:
            says = f"There is no calibration: {reason or f'too few {question.unit}s before the trial, or in {question.control}, or too many to be in doubt'}."
            return Judged((Check("calibration_card", passed=True, severity="note", says=says, value=0.0),))
        # each method gets the same stream, so that all are put to the same deals
        right = range_of_right(ground.units, ground.treated, question.level, rng, companies=self.companies, reach=self.reach)
        rows = [row for answer in answers if (row := self._row(question, answer, ground, right, deepcopy(rng))) is not None]
        checks = [self._judged(question, row, ground) for row in rows]
        known = {row["method"] for row in rows}
        for answer in answers:
            if answer.label not in known:
                says = f"It has no fast form, so that it was not tried on {ground.source}."
                checks.append(Check("calibration_card", passed=True, severity="note", says=says, value=0.0, method=answer.label))
        tables = {answers[0].label: {"calibration": pd.DataFrame(rows)}} if rows else {}
        return Judged(tuple(checks), tables)

    def _row(
        self, question: Trial, answer: Answered, ground: Ground, right: tuple[float, float], rng: np.random.Generator
    ) -> dict[str, object] | None:
        found = fast_form(answer.method, question, ground)
        if found is None:
            return None
        test, units, special = found
        margin = question.margin / scale_of(question)[0]
        quiet = test(units, ground.treated, 0.0, question.level)
        row: dict[str, object] = {"method": answer.label, "false_alarms": float(1 - quiet.mean())}
        row |= {
            "low": right[0],
            "high": right[1],
            "coverage": float(quiet.mean()),
            "margin": question.margin,
            "coverage_at_margin": np.nan,
            "power_at_margin": np.nan,
        }
        if margin:
            moved = with_effect(units, ground.treated, margin, rng)
            row["coverage_at_margin"] = float(test(moved, ground.treated, margin, question.level).mean())
            row["power_at_margin"] = float(1 - test(moved, ground.treated, 0.0, question.level).mean())
        return row | {"draws": len(ground.treated), "tried_on": ground.source, "how": special}

    def _judged(self, question: Trial, row: dict[str, object], ground: Ground) -> Check:
        alarms, low, high = (float(str(row[name])) for name in ("false_alarms", "low", "high"))
        alpha = 1 - question.level
        where = f"Among {ground.source}, with arms drawn anew {row['draws']:,} times, it finds an effect that is not there in "
        where += f"{100 * alarms:.1f} % of the trials"
        power = float(str(row["power_at_margin"]))
        unit = " points" if question.primary.is_rate else ""
        found = f"; one of {question.margin:g}{unit} would be found in {100 * power:.0f} %" if np.isfinite(power) else ""
        says = f"{where}, and it says {100 * alpha:g} % (a right method may show {100 * low:.0f} to {100 * high:.0f} %){found}."
        if alarms > high:
            return Check("calibration_card", passed=False, severity="serious", says=says, value=alarms, method=str(row["method"]))
        cautious = alarms < low
        return Check("calibration_card", passed=not cautious, severity="note", says=says, value=alarms, method=str(row["method"]))
