"""What each kind of answer about win rates says in one sentence, beside the rates themselves (see `wording`)."""

from typing import Final

import pandas as pd

from whywin.deals.derived import period_span
from whywin.evidence import Estimate, Evidence, with_sign
from whywin.winrates.question import WinRates

SURE: Final = 0.05  # a p-value, corrected for how many were looked at, below which a difference is told by name


def percent(rate: Estimate) -> str:
    """Return a rate with its interval and what it rests on."""
    return f"{rate.value:.1f} % ({rate.low:.1f} to {rate.high:.1f} %, {rate.n:,} closed deals)"


def points(change: Estimate) -> str:
    """Return a difference with its interval."""
    return f"{with_sign(change.value)} points ({with_sign(change.low)} to {with_sign(change.high)})"


def periods(question: WinRates) -> str:
    """Return from which periods to which."""
    return f"from {period_span(question.baseline, question.grain)} to {period_span(question.current, question.grain)}"


def decomposed(question: WinRates, evidence: Evidence) -> str:
    """Return why the rate moved: how much because rates did, how much because the mix did, and how much by chance."""
    change, rate, mix, chance = (evidence.of(name) for name in ("change in win rate", "rate effect", "mix effect", "chance"))
    verb = "fell" if change.value < 0 else "rose"
    own = [one for one in evidence.estimates if one.quantity.startswith("mix effect of ")]
    most = max(own, key=lambda one: abs(one.value)).quantity.removeprefix("mix effect of ") if own else ""
    mostly = f", mostly in {most}" if most and abs(mix.value) >= 0.05 else ""  # noqa: PLR2004 - what one decimal shows
    said = (
        f"The win rate {verb} by {abs(change.value):.1f} points {periods(question)}: {_part(rate)} because deals of the same kind "
        f"were won {'less' if rate.value < 0 else 'more'} often, {_part(mix)} because the mix shifted{mostly}, and {_part(chance)} by chance"
    )
    return f"{said}; none of it is more than noise" if all(one.low <= 0 <= one.high for one in (rate, mix)) else said


def _part(part: Estimate) -> str:
    return f"{with_sign(part.value)} ({with_sign(part.low)} to {with_sign(part.high)})"


def ripened(question: WinRates, evidence: Evidence) -> str:
    """Return where the youngest cohort will end, and how cohorts compare at the same age."""
    youngest = evidence.tables["maturity"].iloc[-1]
    said = (
        f"{youngest['cohort']} is {youngest['decided']:.1f} % decided and will end at {youngest['final']:.1f} % "
        f"({youngest['low']:.1f} to {youngest['high']:.1f} %); its closed deals alone stand at {youngest['observed']:.1f} %"
    )
    change = next((one for one in evidence.estimates if one.quantity == "change in win rate at the same age"), None)
    if change is None:
        return said
    noise = change.low <= 0 <= change.high
    age = f"at the same age ({youngest['same_age_days']:.0f} days)"
    return f"{said}; {age} the change {periods(question)} is {points(change)}, {'no more than noise' if noise else 'more than noise'}"


def driven(evidence: Evidence) -> str:
    """Return which level is most associated with winning, the others held alike."""
    table = evidence.tables["drivers"]
    joint = next(check.says for check in evidence.checks if check.says.startswith("Taken together"))
    overall = "; taken together the columns are not detectably associated with winning" if "not detectably" in joint else ""
    named = table[table["p_adjusted"] < SURE]
    if named.empty:
        return f"No single level is detectably associated with winning, the other columns held alike{overall}"
    row = named.loc[named["effect"].abs().idxmax()]
    against = f"against {row['reference']}, the other columns held alike"
    more = f"; {len(named)} of {len(table)} levels are detectably so" if len(named) > 1 else ""
    sizes = f"{with_sign(row['effect'])} points ({with_sign(row['low'])} to {with_sign(row['high'])})"
    return f"{row['column']} {row['level']} is associated with {sizes} {against}{more}{overall}"


def measured(evidence: Evidence) -> str:
    """Return the company's rate, and which segment pulls it furthest down and up."""
    said = f"The company wins {percent(evidence.of('win rate'))}"
    table = evidence.tables["segment_impact"]
    named = table[table["p_adjusted"] < SURE]
    if named.empty:
        return f"{said}; no segment detectably pulls that up or down"
    return f"{said}; {' and '.join(_pull(row) for row in _ends(named))}"


def _ends(named: pd.DataFrame) -> list[pd.Series]:
    ordered = named.sort_values("impact")
    low, high = ordered.iloc[0], ordered.iloc[-1]
    return [row for row, there in ((low, low["impact"] < 0), (high, high["impact"] > 0)) if there]


def _pull(row: pd.Series) -> str:
    way = "down" if row["impact"] < 0 else "up"
    sizes = f"{with_sign(row['impact'])} points ({with_sign(row['low'])} to {with_sign(row['high'])})"
    return f"{row['dimension']} {row['level']} pulls it {way} most, by {sizes}"
