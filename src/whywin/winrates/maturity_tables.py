"""What a person sees of ripening cohorts: how far each has come, where it will end, its curves, and how earlier forecasts fared."""

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whywin.evidence import Estimate, Unit
from whywin.stats.competing_risks import aalen_johansen, shares_by
from whywin.winrates.maturity import Chances, Endings, first_day, known_on
from whywin.winrates.question import WinRates

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]
Forecast = Callable[[pd.DataFrame, str], Floats]  # from what was known to draws of one cohort's final win rate
AGES: Final = 40  # points of a curve
BACKTEST_COLUMNS: Final = (
    "cohort", "age", "day", "deals", "decided", "observed", "forecast", "low", "high", "ended", "place", "inside",
)  # fmt: skip


def estimates(
    question: WinRates, known: pd.DataFrame, cohorts: tuple[str, ...], drawn: Chances, ended: Endings
) -> tuple[Estimate, ...]:
    """Return the estimates of all deals, of each cohort, and of the change from the baseline cohorts to the current ones.

    "final win rate" is what the deals that are there will have come to at the horizon; "win rate" is the chance behind it, which
    chance itself does not move: a change in it is what a person should ask about.
    """
    size = known.groupby("cohort").size().reindex(list(cohorts)).to_numpy()
    won, lost = (shares[..., 0] for shares in drawn.by(drawn.last[-1:]))
    scopes = {"all": np.ones(len(cohorts), dtype=bool)}
    scopes |= {f"{question.period}={cohort}": np.array([one == cohort for one in cohorts]) for cohort in cohorts}
    ways: dict[str, Callable[[Mask], Floats]] = {
        "win rate": lambda inside: pooled(won, lost, size, inside),
        "final win rate": ended.rate,
    }
    found = [
        _rate(question, name, segment, way(inside), size[inside])
        for name, way in ways.items()
        for segment, inside in scopes.items()
    ]
    now, then = (np.isin(cohorts, side) for side in (question.current, question.baseline))
    if not (now.any() and then.any()):
        return tuple(found)
    age = same_age(question, known, cohorts, drawn.last)
    early_won, early_lost = (shares[..., 0] for shares in drawn.by(np.array([age])))
    ways["win rate at the same age"] = lambda inside: pooled(early_won, early_lost, size, inside)
    changes = [_change(question, f"change in {name}", way(now) - way(then), size[now | then]) for name, way in ways.items()]
    return (*found, *changes)


def pooled(won: Floats, lost: Floats, size: Integers, inside: Mask) -> Floats:
    """Return the win rate among decided deals of some cohorts together, by draw, from each cohort's chances: draws × cohorts."""
    wins, losses = won[:, inside] @ size[inside], lost[:, inside] @ size[inside]
    return np.asarray(wins / (wins + losses))


def same_age(question: WinRates, known: pd.DataFrame, cohorts: tuple[str, ...], last: Integers) -> int:
    """Return the age in days at which cohorts are compared: that which half the deals of the youngest one compared have reached."""
    asked = [cohort for cohort in cohorts if cohort in (*question.current, *question.baseline)] or list(cohorts)
    return int(min(known.loc[known["cohort"] == asked[-1], "reached"].median(), last[-1]))


def maturity(question: WinRates, known: pd.DataFrame, cohorts: tuple[str, ...], drawn: Chances, ended: Endings) -> pd.DataFrame:
    """Return one row a cohort: its deals, the share decided, rates observed and final, and the rate at the same age; in percent."""
    age = same_age(question, known, cohorts, drawn.last)
    won, lost = (shares[..., 0] for shares in drawn.by(np.array([age])))
    rows = []
    for code, cohort in enumerate(cohorts):
        own = known.loc[known["cohort"] == cohort, "won"]
        final, alike = ended.rate([code]), won[:, code] / (won[:, code] + lost[:, code])
        shares = (
            own.notna().mean(),
            own.mean(),
            *middle_and_ends(final, question.level),
            *middle_and_ends(alike, question.level),
        )
        rows.append((cohort, len(own), *(100 * float(share) for share in shares), age))
    names = ["cohort", "deals", "decided", "observed", "final", "low", "high"]
    return pd.DataFrame(rows, columns=[*names, "same_age", "same_age_low", "same_age_high", "same_age_days"])


def curves(question: WinRates, known: pd.DataFrame, cohorts: tuple[str, ...], drawn: Chances) -> pd.DataFrame:
    """Return one row a cohort and age: the cumulative shares won and lost with intervals, and as observed; in percent of all deals.

    The observed shares are Aalen and Johansen's, and missing beyond the age that the cohort's oldest deal has reached.
    """
    days = np.unique(np.linspace(0, drawn.last[-1], AGES).round().astype(np.int64))
    won, lost = drawn.by(days)
    parts = []
    for code, cohort in enumerate(cohorts):
        own = known[known["cohort"] == cohort]
        seen = days <= own["reached"].max()
        raw_won, raw_lost = shares_by(aalen_johansen(own["days"], own["won"]), days)
        shares = {**_band("won", won[:, code], question.level), **_band("lost", lost[:, code], question.level)}
        shares |= {"won_observed": np.where(seen, raw_won, np.nan), "lost_observed": np.where(seen, raw_lost, np.nan)}
        parts.append(pd.DataFrame({"cohort": cohort, "age": days, **{name: 100 * share for name, share in shares.items()}}))
    return pd.concat(parts, ignore_index=True)


def _band(name: str, draws: Floats, level: float) -> dict[str, Floats]:
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return {name: draws.mean(axis=0), f"{name}_low": low, f"{name}_high": high}


def backtest(
    question: WinRates, deals: pd.DataFrame, today: pd.Timestamp, ages: tuple[int, ...], judged: tuple[str, ...], horizon: int,
    forecast: Forecast,
) -> pd.DataFrame:  # fmt: skip
    """Return one row a cohort and day in its past: what was said that day of the deals created by then, and how those deals ended.

    Args:
        question: names the grain and the level.
        deals: cohort, created, closed and won of every deal.
        today: the day up to which the table is known.
        ages: days after the first day of a cohort.
        judged: the cohorts that are decided by now.
        horizon: the age in days by which a deal counts as decided.
        forecast: from what was known on a day, and a cohort, to draws of its deals' final win rate.
    """
    rows = []
    for cohort, age, day in _moments(question, judged, ages, today):
        then = known_on(deals, day)
        own = then["cohort"] == cohort
        outcome = known_on(deals[(deals["cohort"] == cohort) & (deals["created"] <= day)], today)
        result = outcome.loc[outcome["days"] <= horizon, "won"].mean()
        if np.isnan(result) or then["won"].isna().all():
            continue
        draws = forecast(then, cohort)
        middle, low, high = middle_and_ends(draws, question.level)
        place = float((draws < result).mean() + (draws == result).mean() / 2)
        shares = (then.loc[own, "won"].notna().mean(), then.loc[own, "won"].mean(), middle, low, high, result)
        rows.append((
            cohort, age, str(day.date()), int(own.sum()), *(100 * float(share) for share in shares), place, bool(low <= result <= high),
        ))  # fmt: skip
    return pd.DataFrame(rows, columns=list(BACKTEST_COLUMNS))


def _moments(
    question: WinRates, judged: tuple[str, ...], ages: tuple[int, ...], today: pd.Timestamp
) -> Iterator[tuple[str, int, pd.Timestamp]]:
    for cohort in judged:
        for age in ages:
            day = first_day(cohort, question.grain) + pd.Timedelta(days=age)
            if day < today:
                yield cohort, age, day


def middle_and_ends(draws: Floats, level: float) -> tuple[float, float, float]:
    """Return the mean of draws and the ends of their equal-tailed interval, the mean kept within them."""
    low, high = (float(end) for end in np.quantile(draws, [(1 - level) / 2, (1 + level) / 2]))
    return float(np.clip(draws.mean(), low, high)), low, high


def _rate(question: WinRates, quantity: str, segment: str, draws: Floats, size: Integers) -> Estimate:
    return _estimate(question, quantity, segment, draws, int(size.sum()), "percent")


def _change(question: WinRates, quantity: str, draws: Floats, size: Integers) -> Estimate:
    return _estimate(question, quantity, "all", draws, int(size.sum()), "points")


def _estimate(question: WinRates, quantity: str, segment: str, draws: Floats, n: int, unit: Unit) -> Estimate:
    middle, low, high = (100 * share for share in middle_and_ends(draws, question.level))
    return Estimate(quantity, segment, middle, low, high, question.level, n, unit)
