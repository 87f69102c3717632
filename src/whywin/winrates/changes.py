"""How rates changed from the baseline to the current periods: on the mix of deals that each had, and on one mix for both."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whywin.evidence import Estimate
from whywin.winrates.prediction import predicted
from whywin.winrates.question import WinRates
from whywin.winrates.rates import CHANGE, Target, target_draws
from whywin.winrates.structure import Structure

Floats = NDArray[np.float64]
FIXED: Final = "change in win rate at a fixed mix"
MOST_NUMBERS: Final = 400_000_000  # draws × cells that may be predicted; beyond it the draws are thinned
COLUMNS: Final = ("segment", "before", "now", "change", "low", "high", "fixed_mix", "fixed_low", "fixed_high", "p_fell", "p_rose")


def fixed_mix(
    question: WinRates, structure: Structure, cells: pd.DataFrame, tree: Any, rng: np.random.Generator
) -> tuple[tuple[Target, ...], Floats]:
    """Return the changes at the mix of both sides' deals together, and their draws × targets in shares; nothing without periods.

    Every combination of the dimensions that closed a deal on either side gets the model's rate of every period of both sides
    (poststratification), so that what is left is change of rates and none of mix.
    Source: Gelman and Little (1997), Survey Methodology 23, 127-135.
    """
    period = question.period
    if not (period and question.baseline and question.current):
        return (), np.zeros((0, 0))
    sides = (*question.baseline, *question.current)
    compared = cells[cells[period].isin(sides)]
    others = [name for name in question.dimensions if name != period]
    mix = compared.groupby(others, sort=True)["deals"].sum().reset_index()
    share = compared.groupby(period)["deals"].sum()
    grid = mix.merge(pd.DataFrame({period: [label for label in sides if label in share.index]}), how="cross")
    asked = tuple(_targets(question, structure, grid, share))
    draws = tree.posterior["intercept"].size
    thin = slice(None, None, max(1, -(-draws * len(grid) // MOST_NUMBERS)))
    return asked, target_draws(predicted(tree, grid, rng, thin), asked)


def _targets(question: WinRates, structure: Structure, grid: pd.DataFrame, share: pd.Series) -> list[Target]:
    deals = grid["deals"].to_numpy(float)
    signed = np.zeros(len(grid))
    for labels, sign in ((question.current, 1.0), (question.baseline, -1.0)):
        whole = share[[label for label in labels if label in share.index]].sum()
        for label in labels:
            signed += sign * (grid[question.period] == label).to_numpy(float) * share.get(label, 0) / whole
    found = [_target("all", deals, signed, np.ones(len(grid), dtype=bool), share)]
    parts = [(name, level) for name in structure.moving for level in sorted(grid[name].unique())]
    found += [_target(f"{name}={level}", deals, signed, (grid[name] == level).to_numpy(), share) for name, level in parts]
    return found


def _target(segment: str, deals: Floats, signed: Floats, inside: NDArray[np.bool_], share: pd.Series) -> Target:
    weights = deals * inside / (deals * inside).sum() * len(share)
    return Target(FIXED, segment, weights * signed, int((deals * inside).sum() / len(share)), "points")


def change_table(
    question: WinRates, estimates: Sequence[Estimate], draws: dict[tuple[str, str], Floats], cells: pd.DataFrame
) -> pd.DataFrame:
    """Return one row a segment: observed rates before and now, the change on each side's mix and at a fixed mix, and how sure it is.

    ``p_fell`` and ``p_rose`` are the probabilities that the rate at a fixed mix fell or rose by more than the question's margin.
    """
    known = {(one.quantity, one.segment): one for one in estimates}
    rows = []
    for quantity, segment in known:
        if quantity != FIXED:
            continue
        raw, fixed = known.get((CHANGE, segment)), known[FIXED, segment]
        before, now = (_observed(question, cells, segment, labels) for labels in (question.baseline, question.current))
        off = 100 * draws[FIXED, segment]
        rows.append((
            segment, before, now, *((raw.value, raw.low, raw.high) if raw else (np.nan,) * 3), fixed.value, fixed.low, fixed.high,
            float((off < -question.margin).mean()), float((off > question.margin).mean()),
        ))  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _observed(question: WinRates, cells: pd.DataFrame, segment: str, labels: tuple[str, ...]) -> float:
    inside = cells[cells[question.period].isin(labels)]
    if segment != "all":
        name, _, level = segment.partition("=")
        inside = inside[inside[name] == level]
    deals = inside["deals"].sum()
    return float(100 * inside["won"].sum() / deals) if deals else float("nan")
