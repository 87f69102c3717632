"""Pictures of ripening cohorts: where each will end, how it gets there by age, and how earlier forecasts fared."""

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import pandas as pd

from whywin.evidence import Estimate
from whywin.report.canvas import NOTE, sheet, span, text_width, unit_axis, write
from whywin.report.forest import Group, Row, forest
from whywin.report.numerals import coverage, in_unit, one_line
from whywin.report.palette import LIGHT
from whywin.report.picture import MOST_ROWS, Picture, of_quantity, said, truth_of
from whywin.studies import Run

FINAL: Final = "final win rate"
TALL: Final = 300.0


def maturity_pictures(run: Run) -> Iterator[Picture]:
    """Yield what can be drawn of the answer by a method that forecasts cohorts; nothing of another's."""
    tables = run.headline.tables
    if "maturity" in tables:
        yield _finals(run, tables["maturity"])
    if "curves" in tables:
        yield _curves(run, tables["curves"], tables["maturity"])
    if "backtest" in tables and len(tables["backtest"]):
        yield _backtest(run, tables["backtest"].tail(MOST_ROWS))


def _finals(run: Run, table: pd.DataFrame) -> Picture:
    truth, current = truth_of(run), getattr(run.plan.question, "current", ())
    observed = table.set_index(table["cohort"].astype(str))["observed"]
    rows = []
    for estimate in of_quantity(run.headline.estimates, FINAL):
        cohort = estimate.segment.partition("=")[2]
        if cohort:
            raw = float(observed[cohort]) if pd.notna(observed[cohort]) else None
            rows.append(Row(cohort, estimate, cohort in current, raw, truth.get((FINAL, estimate.segment))))
    shown, last = rows[-MOST_ROWS:], table.iloc[-1]
    title = (
        f"{one_line(last['cohort'])} is {in_unit(last['decided'], 'percent')} decided and will end at {said(rows[-1].estimate)}"
    )
    alone = "None of its deals has closed yet."
    says = f"Its closed deals alone stand at {in_unit(last['observed'], 'percent')}." if pd.notna(last["observed"]) else alone
    key = (
        f"Dot and bar: the final win rate of the deals that are there, with its {coverage(rows[0].estimate.level)} interval; what is "
        "decided needs none. Hollow dot: the deals closed so far alone."
    )
    key += " Blue and bold: the periods in question." if current else ""
    return Picture("final", title, says, key, partial(forest, [Group("", tuple(shown))], None))


def _curves(run: Run, curves: pd.DataFrame, table: pd.DataFrame) -> Picture:
    current = tuple(getattr(run.plan.question, "current", ())) or (str(table["cohort"].iloc[-1]),)
    age = int(table["same_age_days"].iloc[0])
    alike = table.set_index(table["cohort"].astype(str))["same_age"]
    youngest = str(table["cohort"].iloc[-1])
    title = "How cohorts win as they age"
    says = f"At {age} days {one_line(youngest)} stands at {in_unit(alike[youngest], 'percent')} of its decided deals, all cohorts between "
    says += f"{in_unit(alike.min(), 'percent')} and {in_unit(alike.max(), 'percent')}."
    key = (
        "Share of all deals of a cohort that is won by an age in days. Full line: as observed; dashed: as modelled, also beyond what has "
        f"been seen. Blue: {', '.join(map(one_line, current))}, with the interval of the latest; grey: the other cohorts."
    )
    return Picture("curves", title, says, key, partial(_by_age, curves, current))


def _by_age(curves: pd.DataFrame, current: tuple[str, ...], width: float) -> Any:
    figure, axes = sheet(width, TALL, left=44, right=70, top=12, bottom=44)
    axes.set_xlim(0, float(curves["age"].max()))
    axes.set_ylim(*span([0.0, *curves["won_high"].tolist()], "percent"))
    unit_axis(axes.yaxis, "percent", ticks=5)
    axes.xaxis.set_major_locator(_few(5))
    cohorts = list(dict.fromkeys(curves["cohort"].astype(str)))
    for cohort in sorted(cohorts, key=lambda name: (name in current, name)):
        own = curves[curves["cohort"].astype(str) == cohort]
        colour, order = (LIGHT["accent"], 3) if cohort in current else (LIGHT["rule"], 2)
        axes.plot(own["age"], own["won"], color=colour, linewidth=1.2, linestyle=(0, (3, 2)), zorder=order)
        axes.plot(own["age"], own["won_observed"], color=colour, linewidth=2, zorder=order)
    latest = curves[curves["cohort"].astype(str) == [name for name in cohorts if name in current][-1]]
    axes.fill_between(
        latest["age"], latest["won_low"], latest["won_high"], color=LIGHT["accent"], alpha=0.15, linewidth=0, zorder=1
    )
    end = latest.iloc[-1]
    name = one_line(end["cohort"], 10)
    write(axes, end["age"], end["won"], f" {name}", color=LIGHT["accent"], fontsize=NOTE)
    place = 0.5 - text_width("age in days") / width / 2
    write(axes, place, -0.13, "age in days", transform=axes.transAxes, color=LIGHT["muted"], fontsize=NOTE)
    return figure


def _few(ticks: int) -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(nbins=ticks, steps=[1, 2, 5, 10], integer=True)


def _backtest(run: Run, table: pd.DataFrame) -> Picture:
    level = run.headline.estimates[0].level
    rows = []
    for one in table.to_dict("records"):
        ends = one["forecast"], one["low"], one["high"]
        estimate = Estimate(FINAL, str(one["cohort"]), *ends, level, one["deals"], "percent")
        rows.append((int(one["age"]), Row(str(one["cohort"]), estimate, not one["inside"], None, one["ended"])))
    groups = [Group(f"on day {age}", tuple(row for own, row in rows if own == age)) for age in sorted({age for age, _ in rows})]
    held = int(table["inside"].sum())
    title = f"{held} of {len(table)} forecasts made in the past held how their cohorts ended"
    says = f"The intervals promise {coverage(level)}."
    key = (
        f"Dot and bar: what was said on that day of a cohort about the final win rate of its deals so far, with its {coverage(level)} "
        "interval. Diamond: how those deals ended. Blue and bold: forecasts that did not hold it."
    )
    return Picture("backtest", title, says, key, partial(forest, groups, None))
