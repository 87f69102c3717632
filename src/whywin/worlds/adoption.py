"""A tool that teams adopt at different times, the stronger teams first."""

import numpy as np
import pandas as pd

from whywin.stats.streams import stream
from whywin.worlds.knobs import Market
from whywin.worlds.natural import Natural, exported, known_chance, known_of, quarters_of

NEVER = 10**6


def tool_adoption(market: Market) -> Natural:
    """Simulate teams that adopt on the first day of a quarter, or never; early adopters win more anyway, but no team's trend differs."""
    known = known_of(market, "adoption")
    quarter, created = quarters_of(market, "adoption")
    rng = stream(market.seed, "adoption teams")
    team = rng.integers(market.teams, size=market.deals)
    adopts = _quarter_of_adoption(market)
    level = 0.05 * np.where(adopts < NEVER, 1.0, -1.0) + 0.04 * rng.normal(size=market.teams)
    season = 0.05 * np.sin(1.7 * np.arange(market.quarters)) - 0.02 * np.arange(market.quarters) / market.quarters
    shock = 0.015 * rng.normal(size=(market.teams, market.quarters))
    without = market.win_rate / 100 + level[team] + season[quarter] + shock[team, quarter] + known_chance(market, known)
    since = quarter - adopts[team]
    treated = since >= 0
    lift = market.tool_effect / 100 * (1 + 0.2 * np.maximum(since, 0)) * treated
    names = np.array([f"Team {number:02d}" for number in range(1, market.teams + 1)], dtype=object)
    further = {"team": names[team], "tool_adopted": _days(market, adopts)[team], "tool": treated.astype(int)}
    table = exported(market, "adoption", created, known, further, without + lift)
    effects = {("effect on the treated", "all"): 100 * float(lift[treated].mean())} if treated.any() else {}
    for later in range(market.quarters - 1):
        inside = since == later
        if inside.any():
            effects["effect on the treated", f"quarters_since_adoption={later}"] = 100 * float(lift[inside].mean())
    return Natural(table, effects)


def _quarter_of_adoption(market: Market) -> np.ndarray:
    """Return each team's quarter of adoption: a third never adopts, the others in equal parts in the quarters from the third on."""
    adopts = np.full(market.teams, NEVER)
    ever = market.teams - market.teams // 3
    cohorts = np.arange(min(2, market.quarters - 1), market.quarters)[:3] if market.quarters > 1 else np.array([NEVER])
    adopts[:ever] = np.sort(np.resize(cohorts, ever))
    return adopts


def _days(market: Market, adopts: np.ndarray) -> np.ndarray:
    start = pd.Timestamp(market.first_day)
    days = [start + pd.DateOffset(months=3 * int(quarter)) if quarter < NEVER else pd.NaT for quarter in adopts]
    return np.asarray(pd.Series(days, dtype="datetime64[us]"))
