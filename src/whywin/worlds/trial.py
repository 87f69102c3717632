"""An alert trial that is randomised by sales rep, in which not every alert is delivered."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from whywin.stats.streams import stream
from whywin.worlds.knobs import Market
from whywin.worlds.people import chance_in_logits, newborn, rep_sizes


@dataclass(frozen=True, eq=False)
class AlertTrial:
    """The trial's deals, and their chances (0 to 1) without an alert, with one assigned, and with one delivered."""

    table: pd.DataFrame
    without: NDArray[np.float64]
    assigned: NDArray[np.float64]
    delivered: NDArray[np.float64]


def alert_trial(market: Market) -> AlertTrial:
    """Simulate the trial: half of the reps, drawn at random, are assigned to the alerts for the quarter after the deals' last."""
    count = market.deals
    known = newborn(market, "trial", np.zeros(count, dtype=bool))
    rng = stream(market.seed, "trial reps")
    shares = rep_sizes(rng, market.trial_reps, market.rep_size_variation)
    rep = rng.choice(market.trial_reps, size=count, p=shares)
    skill = market.rep_sd * stream(market.seed, "trial skill").normal(size=market.trial_reps)
    alerted = np.zeros(market.trial_reps, dtype=bool)
    alerted[stream(market.seed, "trial assignment").permutation(market.trial_reps)[: market.trial_reps // 2]] = True
    logits = chance_in_logits(market, known, skill[rep])
    without, with_alert = expit(logits), expit(logits + market.alert_effect)
    delivered = alerted[rep] & (stream(market.seed, "trial delivery").uniform(size=count) < market.compliance)
    won = stream(market.seed, "trial outcomes").uniform(size=count) < np.where(delivered, with_alert, without)
    assigned = without + market.compliance * (with_alert - without)
    return AlertTrial(_export(market, known, rep, alerted, delivered, won), without, assigned, with_alert)


def _export(
    market: Market,
    known: pd.DataFrame,
    rep: NDArray[np.int64],
    alerted: NDArray[np.bool_],
    delivered: NDArray[np.bool_],
    won: NDArray[np.bool_],
) -> pd.DataFrame:
    count = len(known)
    rng = stream(market.seed, "trial days")
    first = (pd.Timestamp(market.first_day).to_period("Q") + market.quarters).start_time
    created = pd.Series(first + pd.to_timedelta(rng.integers(84, size=count), unit="D"))
    closed = created + pd.to_timedelta(1 + rng.poisson(market.cycle_days, size=count), unit="D")
    names = np.array([f"T{i:03d}" for i in range(1, market.trial_reps + 1)], dtype=object)
    head = {"deal_id": [f"A{i:06d}" for i in range(1, count + 1)], "created": created, "closed": closed, "rep": names[rep]}
    tail = {
        "arm": np.where(alerted[rep], "alert", "control"),
        "alert_delivered": delivered.astype(int),
        "outcome": np.where(won, "Won", "Lost"),
    }
    return pd.concat([pd.DataFrame(head), known, pd.DataFrame(tail)], axis=1)
