"""Whether a trial's metrics, covariates and treatment can be measured in a table of deals."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from whywin.trials.metric import TIMED
from whywin.trials.period import as_number, last_day, of_pre_period


def faults_of_metrics(question: Any, trial: pd.DataFrame, full: pd.DataFrame) -> list[str]:
    """Return every reason why a metric, the pre-period, the treatment or a segment cannot be used; absent columns are not judged."""
    closed = trial[trial["won"].notna()]
    found: list[str] = []
    names = [metric.name for metric in question.measured]
    found += [
        f"question.metrics: {name} stands twice; a metric stands once" for name in dict.fromkeys(names) if names.count(name) > 1
    ]
    for metric in question.measured:
        where = "question.metrics" if question.metrics else "question.metric"
        if metric.kind in TIMED:
            found += [f"{where}: {metric.name}: {fault}" for fault in _of_timed(question, metric, trial)]
        elif metric.column in closed:
            found += [f"{where}: {fault}" for fault in _of_values(metric, closed)]
    found += [f"question.before: {fault}" for name in question.before if name in closed for fault in _of_numbers(name, closed)]
    if question.treated is not None and question.treated in closed:
        found += _of_treated(question, closed)
    if question.start is not None and {"created", "closed"} <= set(full) and len(of_pre_period(question, full)) == len(full):
        found.append(f"question.start: all deals closed before {question.start}, so that none can show what the trial did")
    own = [name for name in question.segments if name in {question.arm, question.unit}]
    found += [f"question.segments: {name} is the question's own; name columns known before the trial" for name in own]
    return found


def _of_values(metric: Any, closed: pd.DataFrame) -> Iterator[str]:
    yield from _of_numbers(metric.column, closed, constant=metric.kind != "ratio")
    values = as_number(closed[metric.column])
    if metric.kind == "proportion" and pd.api.types.is_numeric_dtype(values) and not values.dropna().isin([0, 1]).all():
        odd = values.dropna()[~values.dropna().isin([0, 1])].iloc[0]
        yield f"{metric.column}: a proportion is of 1 and 0, got {odd:g}; make it a mean"
    if metric.kind == "ratio":
        yield from _of_ratio(metric, closed)
    elif metric.per is not None:
        yield f"{metric.column}: per is for kind ratio, and this is a {metric.kind}; say kind: ratio, or leave per out"
    if metric.winsorise is not None and metric.kind not in {"mean", "ratio"}:
        yield f"{metric.column}: winsorise is for means and ratios, and this is a {metric.kind}; leave it out"


def _of_ratio(metric: Any, closed: pd.DataFrame) -> Iterator[str]:
    if metric.per is None:
        yield f"{metric.column}: a ratio needs per, the column whose sum it is divided by; without one, make it a mean"
    elif metric.per in closed:
        yield from _of_numbers(metric.per, closed, constant=False)
        if pd.api.types.is_numeric_dtype(closed[metric.per]) and (closed[metric.per] < 0).any():
            yield f"{metric.per}: what a ratio is divided by must not be negative, got {closed[metric.per].min():g}"


def _of_timed(question: Any, metric: Any, trial: pd.DataFrame) -> Iterator[str]:
    absent = [name for name in ("created", "closed") if name not in trial]
    if absent:
        yield f"needs the deals' {' and '.join(absent)}; map them under deals: columns"
    if metric.days is None:
        yield "needs days, the age in days that it looks to"
    if absent or metric.days is None:
        return
    oldest = (
        (last_day(question, trial) - trial.groupby(question.arm)["created"].min()).dt.days
        if question.arm in trial
        else pd.Series(dtype=float)
    )
    for arm, age in oldest.items():
        if age < metric.days:
            yield f"no deal of arm {arm} has been seen for {metric.days} days, the oldest for {age:.0f}; look to a shorter age, or wait"


def _of_treated(question: Any, closed: pd.DataFrame) -> Iterator[str]:
    values = pd.to_numeric(as_number(closed[question.treated]), errors="coerce")
    odd = int((~values.isin([0, 1])).sum())
    if odd:
        yield f"question.treated: {question.treated} must be 1 or 0 in every closed deal, and is not in {odd:,}"
    elif (values == values.iloc[0]).all():
        yield f"question.treated: {question.treated} is {values.iloc[0]:g} in every closed deal; there is no treatment to tell of"


def _of_numbers(name: str, closed: pd.DataFrame, *, constant: bool = True) -> Iterator[str]:
    values = as_number(closed[name])
    if not pd.api.types.is_numeric_dtype(values):
        yield f"{name} must be a number, got labels such as {str(next(iter(values.dropna()), ''))!r}"
    elif not values.notna().any():
        yield f"{name} is missing in every closed deal"
    elif constant and (values.dropna() == values.dropna().iloc[0]).all():
        yield f"{name} is {float(values.dropna().iloc[0]):g} in every closed deal; there is nothing to compare"
