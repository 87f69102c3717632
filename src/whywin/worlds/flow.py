"""The flow of deals: created, chosen for a call or not, won or lost or still open at the export."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, logit
from scipy.stats import poisson

from whywin.stats.streams import stream
from whywin.worlds.knobs import Market
from whywin.worlds.people import chance_in_logits, newborn, rep_sizes, size

CYCLE_SD = 0.6  # spread of the log of the days to closing
OPEN_STAGES = np.array(["Discovery", "Proposal", "Negotiation"], dtype=object)


@dataclass(frozen=True, eq=False)
class Calls:
    """Which deals were called, at which age in days, and how likely each would have been called later had it not been called then."""

    treated: NDArray[np.bool_]
    age: NDArray[np.int64]
    later: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Flow:
    """The deals of a market.

    Attributes:
        table: as a CRM would export it.
        potential: chances and outcomes with and without the call, per deal.
        chance: the chance of each deal as it was treated, 0 to 1.
        gain: what the call adds to the chance of each deal, given how long it lived.
    """

    table: pd.DataFrame
    potential: pd.DataFrame
    chance: NDArray[np.float64]
    gain: NDArray[np.float64]


def pipeline(market: Market) -> Flow:
    """Simulate the deals of a market."""
    day, quarter = _creation(market)
    shifted = (quarter >= market.shift_quarter) & (market.shift_quarter > 0)
    known = newborn(market, "deals", shifted)
    rep, skill = _reps(market)
    logits = chance_in_logits(market, known, skill) + market.rate_shift * shifted + _drift(market)[quarter - 1]
    without = expit(logits)
    lift = market.effect + market.effect_variation * (0.4 - known["champion"].to_numpy())
    treatable = expit(logits + lift)
    u = stream(market.seed, "deals outcomes").uniform(size=market.deals)
    cycle = _cycle(market, known, u < without)
    eligible = cycle > market.landmark_days
    calls = _calls(market, known, cycle)
    chance = np.where(calls.treated, treatable, without)
    ids = np.array([f"D{i:06d}" for i in range(1, market.deals + 1)], dtype=object)
    table = _export(market, known, ids, day, cycle, rep, calls, won=u < chance)
    potential = pd.DataFrame(
        {
            "deal_id": ids,
            "chance_without": without,
            "chance_with": treatable,
            "won_without": (u < without).astype(int),
            "won_with": (u < treatable).astype(int),
            "open_at_landmark": eligible,
            "called_later": calls.later,
        }
    )
    return Flow(table, potential, chance, _gain(market, known, cycle, without, treatable))


def _drift(market: Market) -> NDArray[np.float64]:
    """How far each quarter lies off, in logits; none of it moves the mean of them all."""
    drawn = stream(market.seed, "deals quarters").normal(size=market.quarters)
    return market.quarter_sd * (drawn - drawn.mean())


def _creation(market: Market) -> tuple[pd.Series, NDArray[np.int64]]:
    first = pd.Timestamp(market.first_day)
    last = (first.to_period("Q") + market.quarters - 1).end_time.normalize()
    days = (last - first).days + 1
    day = first + pd.to_timedelta(stream(market.seed, "deals days").integers(days, size=market.deals), unit="D")
    period = day.to_period("Q")
    start = first.to_period("Q")
    return pd.Series(day), np.asarray((period.year - start.year) * 4 + period.quarter - start.quarter + 1, dtype=np.int64)


def _reps(market: Market) -> tuple[NDArray[np.object_], NDArray[np.float64]]:
    rng = stream(market.seed, "deals reps")
    shares = rep_sizes(rng, market.reps, market.rep_size_variation)
    skill = market.rep_sd * stream(market.seed, "deals skill").normal(size=market.reps)
    drawn = rng.choice(market.reps, size=market.deals, p=shares)
    names = np.array([f"R{i:03d}" for i in range(1, market.reps + 1)], dtype=object)
    return names[drawn], (skill - skill @ shares)[drawn]


def _cycle(market: Market, known: pd.DataFrame, won: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Days to closing: deals with little engagement end soon, which is how immortal time misleads a plain comparison."""
    noise = stream(market.seed, "deals cycles").normal(size=market.deals)
    log_days = _usual_log_days(market, known) + CYCLE_SD * noise
    log_days += np.where(won, 0.0, np.log(market.lost_cycle_ratio))
    return np.asarray(np.maximum(1, np.exp(log_days).round()), dtype=np.int64)


def _usual_log_days(market: Market, known: pd.DataFrame) -> NDArray[np.float64]:
    return np.asarray(np.log(market.cycle_days) + 0.25 * known["engagement"].to_numpy())


def _gain(
    market: Market,
    known: pd.DataFrame,
    cycle: NDArray[np.int64],
    without: NDArray[np.float64],
    treatable: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return how much likelier the call makes a win given the days a deal took: where lost deals die young, long lives are won anyway."""
    if market.lost_cycle_ratio == 1:
        return treatable - without
    off = np.log(cycle) - _usual_log_days(market, known)
    lost_off = off - np.log(market.lost_cycle_ratio)
    of_lost = np.exp(
        (off**2 - lost_off**2) / (2 * CYCLE_SD**2)
    )  # how much likelier these days are for a deal lost without a call
    moved = np.where(treatable > without, of_lost, 1.0)
    return np.asarray((treatable - without) * moved / (without + (1 - without) * of_lost))


def _calls(market: Market, known: pd.DataFrame, cycle: NDArray[np.int64]) -> Calls:
    """Choose who is called: all at once at the landmark, or each day from then on with a hazard that grows with the managers' liking."""
    eligible = cycle > market.landmark_days
    drawn = stream(market.seed, "deals calls").uniform(size=market.deals)
    if not market.call_spread_days:
        called = eligible & (drawn < _propensity(market, known, eligible))
        return Calls(called, np.full(market.deals, market.landmark_days), np.zeros(market.deals))
    hazard = -np.log1p(-market.treated_share) / market.call_spread_days * np.exp(_pull(market, known, eligible))
    waited = np.minimum(-np.log1p(-drawn) / hazard, 1e6)
    age = market.landmark_days + np.floor(waited).astype(np.int64)
    called = cycle > age
    return Calls(called, age, np.where(called, -np.expm1(-hazard * np.maximum(cycle - age - 1, 0)), 0.0))


def _propensity(market: Market, known: pd.DataFrame, eligible: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.asarray(expit(logit(market.treated_share) + _pull(market, known, eligible)))


def _pull(market: Market, known: pd.DataFrame, eligible: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return how much more than the average open deal managers like each deal, in logits or log hazards."""
    liking = 0.7 * known["engagement"].to_numpy() + 0.5 * (known["champion"].to_numpy() - 0.4) + 0.4 * size(known)
    centre = float(np.mean(liking[eligible])) if eligible.any() else 0.0
    return np.asarray(market.selection * (liking - centre))


def _export(
    market: Market,
    known: pd.DataFrame,
    ids: NDArray[np.object_],
    day: pd.Series,
    cycle: NDArray[np.int64],
    rep: NDArray[np.object_],
    calls: Calls,
    *,
    won: NDArray[np.bool_],
) -> pd.DataFrame:
    as_of = (pd.Timestamp(market.first_day).to_period("Q") + market.quarters - 1).end_time.normalize()
    as_of += pd.Timedelta(days=market.follow_up_days)
    closed = day + pd.to_timedelta(cycle, unit="D")
    still_open = (closed > as_of).to_numpy()
    call_day = day + pd.to_timedelta(np.where(calls.treated, calls.age, 0), unit="D")
    called = calls.treated & (call_day <= as_of).to_numpy()
    meetings = poisson.ppf(stream(market.seed, "deals meetings").uniform(size=market.deals), 2 + 1.5 * called + 1.5 * won).astype(
        int
    )
    open_stage = OPEN_STAGES[stream(market.seed, "deals stages").integers(len(OPEN_STAGES), size=market.deals)]
    outcome = np.where(still_open, "Open", np.where(won, "Won", "Lost"))
    stage = np.where(still_open, open_stage, np.where(won, "Closed Won", "Closed Lost"))
    head = pd.DataFrame({"deal_id": ids, "created": day, "closed": closed.mask(still_open), "rep": rep})
    tail = {
        "executive_call": called.astype(int),
        "executive_call_date": call_day.where(called),
        "meetings": meetings,
        "stage": stage,
        "outcome": outcome,
    }
    return pd.concat([head, known, pd.DataFrame(tail)], axis=1)
