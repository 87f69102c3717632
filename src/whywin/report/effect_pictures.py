"""Pictures of effects: every method side by side, the balance before and after, the overlap of the scores."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Final

import numpy as np
import pandas as pd

from whywin.evidence import Estimate
from whywin.report.canvas import NOTE, TEXT, fitted, narrow, sheet, text_width, write
from whywin.report.forest import ROW, Group, Line, Row, forest
from whywin.report.numerals import coverage, decimal, one_line
from whywin.report.palette import LIGHT
from whywin.report.picture import MOST_ROWS, Picture, column_like, numbers, said, truth_of
from whywin.studies import Run

BALANCED: Final = 0.1
BINS: Final = 20
TALL: Final = 230.0


def effect_pictures(run: Run) -> Iterator[Picture]:
    """Yield what can be drawn of the answer: the methods, and the balance and overlap of the first method that tells them."""
    rows = [
        (label, estimate)
        for label, evidence in run.evidence.items()
        for estimate in evidence.estimates
        if estimate.segment == "all"
    ]
    if rows:
        yield methods_picture(run, rows)
    for name, build in (("balance", _balance), ("overlap", _overlap)):
        tables = [(label, evidence.tables[name]) for label, evidence in run.evidence.items() if name in evidence.tables]
        picture = next(filter(None, (build(frame, label) for label, frame in tables)), None)
        if picture:
            yield picture


def methods_picture(run: Run, pairs: Sequence[tuple[str, Estimate]]) -> Picture:
    """Return the forest of every method's estimates, grouped by quantity where there are several, with the line of no effect."""
    first = pairs[0][1]
    kept = [(label, estimate) for label, estimate in pairs if estimate.unit == first.unit]
    truth, groups = truth_of(run), dict[str, list[Row]]()
    doubted = {label for label, evidence in run.evidence.items() if any(c.undoes for c in (*run.checks, *evidence.checks))}
    for label, estimate in kept:
        where = "" if estimate.segment == "all" else f", {estimate.segment.replace('=', ' ', 1)}"
        true, doubtful = truth.get((estimate.quantity, estimate.segment)), label in doubted
        row = Row(label, estimate, label == run.plan.headline, None, true, doubtful)
        groups.setdefault(estimate.quantity + where, []).append(row)
    beyond = first.low > 0 or first.high < 0
    name = next(iter(groups))
    title = (
        f"{name.capitalize()}: {said(first)} by {run.plan.headline}; the interval {'leaves out' if beyond else 'includes'} nought"
    )
    says = "; ".join(
        f"{one_line(label)}, {one_line(estimate.quantity)}: {said(estimate)}" for label, estimate in kept[:MOST_ROWS]
    )
    key = (
        f"Dot and bar: effect in {first.unit} with its {coverage(first.level)} interval. Blue and bold: the method that answers; "
    )
    key += "grey: the methods beside it. Dashed line: no effect."
    if any(row.doubtful for group in groups.values() for row in group):
        key += " Hollow dot: a check failed that could undo it."
    if any(row.truth is not None for group in groups.values() for row in group):
        key += " Diamond: the truth of the made-up world."
    drawn = [Group(name if len(groups) > 1 else "", tuple(group)) for name, group in groups.items()]
    return Picture("methods", one_line(title), f"{says}.", key, partial(forest, drawn, Line(0.0, "no effect")))


def _balance(frame: pd.DataFrame, label: str) -> Picture | None:
    name = column_like(frame, "covariate", "column", "term", "name")
    before, after = (column_like(frame, f"smd_{when}", when) for when in ("before", "after"))
    if not (name and before and after):
        return None
    kept = frame.assign(before=numbers(frame, before).abs(), after=numbers(frame, after).abs(), label=frame[name].astype(str))
    kept = kept.dropna(subset=["before", "after"]).sort_values("before", ascending=False, kind="stable")
    if kept.empty:
        return None
    worst = [kept.loc[kept[column].idxmax()] for column in ("before", "after")]
    title = f"The largest imbalance goes from {decimal(worst[0]['before'], 2)} to {decimal(worst[1]['after'], 2)}"
    says = f"Largest before: {one_line(worst[0]['label'])}. Largest after: {one_line(worst[1]['label'])}. {len(kept)} columns."
    key = "How far treated and untreated deals differ in each column, in standard deviations. Hollow: before; "
    key += f"filled: after adjustment by {one_line(label)}; blue where it stays above {BALANCED:g} (the dashed line)."
    if len(kept) > MOST_ROWS:
        key += f" The {MOST_ROWS} largest before of {len(kept):,}; all are in the tables."
    return Picture("balance", title, says, key, partial(_love, kept.head(MOST_ROWS)))


def _love(frame: pd.DataFrame, width: float) -> Any:
    labels = [fitted(label, (0.42 if narrow(width) else 0.38) * width) for label in frame["label"]]
    left = max(map(text_width, labels)) + 16
    figure, axes = sheet(width, ROW * len(frame) + 60, left=left, right=16, top=26, bottom=28)
    most = max(float(frame[["before", "after"]].max().max()), 2 * BALANCED)
    axes.set_xlim(-0.02 * most, 1.06 * most)
    axes.set_ylim(len(frame), 0)
    axes.set_yticks([])
    axes.grid(visible=True, axis="x", color=LIGHT["rule"], linewidth=0.6)
    axes.locator_params(axis="x", nbins=5)
    axes.axvline(0, color=LIGHT["rule"], linewidth=1)
    axes.axvline(BALANCED, color=LIGHT["ink"], linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    write(axes, BALANCED, -0.5, f"{BALANCED:g} apart", fontsize=NOTE, color=LIGHT["muted"], ha="center")
    for place, (label, before, after) in enumerate(zip(labels, frame["before"], frame["after"], strict=True)):
        y = place + 0.5
        colour = LIGHT["accent"] if after > BALANCED else LIGHT["muted"]
        axes.plot([before, after], [y, y], color=LIGHT["rule"], linewidth=2, zorder=1)
        axes.plot([before], [y], "o", markersize=6.5, markerfacecolor=LIGHT["paper"], markeredgecolor=LIGHT["ink"], zorder=2)
        axes.plot([after], [y], "o", markersize=7, color=colour, markeredgewidth=0, zorder=3)
        write(axes, -0.012 - 8 / (width - left - 16), y, label, transform=axes.get_yaxis_transform(), ha="right")
    return figure


def _overlap(frame: pd.DataFrame, label: str) -> Picture | None:
    counted = histogram(frame)
    if counted is None:
        return None
    edges, treated, others = counted
    if not (treated.sum() and others.sum()):
        return None
    shares = treated / treated.sum(), others / others.sum()
    alone = float(treated[others == 0].sum() / treated.sum())
    title = f"{decimal(100 * alone)}\u00a0% of the treated deals have a score that no untreated deal has"
    says = f"Scores run from {decimal(float(edges[0]), 2)} to {decimal(float(edges[-1]), 2)} in {len(treated)} bins."
    key = f"How the scores (the modelled chance of being treated, by {one_line(label)}) spread: treated deals above the line, untreated deals below, each as "
    key += "a share of its own group. Where one side is empty, nothing can be compared."
    return Picture("overlap", title, says, key, partial(_mirrored, edges, shares))


def histogram(frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Return edges and the counts of treated and untreated deals, from counts by bin or from one score a deal; None from others."""
    low, high = _named(frame, "from", "low", "left"), _named(frame, "to", "high", "right")
    others, score = _named(frame, "controls", "untreated", "control"), _named(frame, "score", "propensity", "chance")
    treated = _named(frame, "treated", "treatment")
    if low and high and treated and others:
        kept = pd.DataFrame({key: numbers(frame, name) for key, name in zip("lhtu", (low, high, treated, others), strict=True)})
        kept = kept.dropna().sort_values("l")
        if kept.empty:
            return None
        return np.append(kept["l"], kept["h"].iloc[-1]), kept["t"].to_numpy(float), kept["u"].to_numpy(float)
    if score and treated:
        scores, who = numbers(frame, score), numbers(frame, treated)
        kept = pd.DataFrame({"score": scores, "who": who}).dropna()
        if kept.empty:
            return None
        edges = np.histogram_bin_edges(kept["score"], BINS, (0.0, 1.0) if kept["score"].between(0, 1).all() else None)
        counts = [np.histogram(kept.loc[kept["who"] == group, "score"], edges)[0].astype(float) for group in (1, 0)]
        return edges, counts[0], counts[1]
    return None


def _named(frame: pd.DataFrame, *names: str) -> str | None:
    return next((name for name in names if name in frame.columns), None)


def _mirrored(edges: np.ndarray, shares: tuple[np.ndarray, np.ndarray], width: float) -> Any:
    figure, axes = sheet(width, TALL, left=16, right=16, top=10, bottom=28)
    most = 1.18 * max(float(share.max()) for share in shares)
    axes.set_ylim(-most, most)
    axes.set_yticks([])
    axes.set_xlim(edges[0], edges[-1])
    axes.locator_params(axis="x", nbins=6)
    for share, sign, colour in ((shares[0], 1, LIGHT["accent"]), (shares[1], -1, LIGHT["warm"])):
        axes.bar(edges[:-1], sign * share, width=0.92 * np.diff(edges), align="edge", color=colour, linewidth=0)
    axes.axhline(0, color=LIGHT["ink"], linewidth=1)
    across = axes.transAxes
    write(axes, 1, 0.97, "treated", transform=across, ha="right", fontsize=TEXT, color=LIGHT["accent"], fontweight="bold")
    write(axes, 1, 0.04, "untreated", transform=across, ha="right", fontsize=TEXT, color=LIGHT["warm"], fontweight="bold")
    write(axes, 0, 0.97, "share of the group", transform=across, ha="left", fontsize=NOTE, color=LIGHT["muted"])
    return figure
