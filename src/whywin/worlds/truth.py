"""What is true of a made-up market, under the names that estimates of it carry."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import pandas as pd

from whywin.worlds.flow import Flow
from whywin.worlds.knobs import Market
from whywin.worlds.people import SEGMENTS
from whywin.worlds.trial import AlertTrial

COLUMNS: Final = ["table", "quantity", "segment", "value", "unit"]
Row = tuple[str, str, float, str]


def truth_of_deals(market: Market, flow: Flow) -> pd.DataFrame:
    """Return the true win rates, the change in the shifting quarter and its two parts, and the effects of the call."""
    closed = flow.table["outcome"].ne("Open").to_numpy()
    quarter = flow.table["created"].dt.to_period("Q").astype(str)
    deals = flow.table.assign(created_quarter=quarter, chance=flow.chance)[closed]
    rows = [*_rates(deals), *_change(market, deals), *_effects(flow, closed)]
    return pd.DataFrame([("deals", *row) for row in rows], columns=COLUMNS)


def truth_of_trial(trial: AlertTrial) -> pd.DataFrame:
    """Return the true effects of assignment and of delivery over all of the trial's deals, and the arms' win rates."""
    alert = trial.table["arm"].eq("alert").to_numpy()
    rows: list[Row] = [
        *((("win rate", "arm=alert", 100 * float(trial.assigned[alert].mean()), "percent"),) if alert.any() else ()),
        *((("win rate", "arm=control", 100 * float(trial.without[~alert].mean()), "percent"),) if not alert.all() else ()),
        ("effect of assignment", "arm=alert", 100 * float(np.mean(trial.assigned - trial.without)), "points"),
        ("effect of delivery", "arm=alert", 100 * float(np.mean(trial.delivered - trial.without)), "points"),
    ]
    return pd.DataFrame([("trial", *row) for row in rows], columns=COLUMNS)


def _rates(deals: pd.DataFrame) -> Iterator[Row]:
    yield "win rate", "all", 100 * float(deals["chance"].mean()), "percent"
    for name in (*SEGMENTS, "rep", "created_quarter"):
        for level, chance in deals.groupby(name)["chance"].mean().items():
            yield "win rate", f"{name}={level}", 100 * float(chance), "percent"


def _change(market: Market, deals: pd.DataFrame) -> Iterator[Row]:
    """The change from all quarters before the shift to all from the shift on, and Kitagawa's parts of it by lead source.

    Source: Kitagawa (1955), Components of a difference between two rates, JASA 50, 1168-1194: the rate effect weighs the
    changes of the rates by the mean of the two mixes, the mix effect the changes of the mix by the mean of the two rates.
    """
    if not 1 < market.shift_quarter <= market.quarters:
        return
    start = pd.Timestamp(market.first_day).to_period("Q")
    shift = str(start + market.shift_quarter - 1)
    pair = deals.assign(later=deals["created_quarter"] >= shift)
    if pair["later"].all() or not pair["later"].any():  # a time in which nothing has closed has no rate
        return
    yield "change in win rate", "all", _gap(pair), "points"
    for name in SEGMENTS:
        for level, part in pair.groupby(name):
            if part["later"].any() and not part["later"].all():
                yield "change in win rate", f"{name}={level}", _gap(part), "points"
    cells = pair.groupby(["later", "lead_source"])["chance"].agg(["mean", "size"]).unstack("later")
    counts = cells["size"].fillna(0)
    mix = counts / counts.sum()
    rate = cells["mean"].ffill(axis=1).bfill(axis=1)  # a source that is missing at one time keeps its rate of the other
    yield "rate effect", "all", 100 * float((mix.mean(axis=1) * (rate[True] - rate[False])).sum()), "points"
    yield "mix effect", "all", 100 * float((rate.mean(axis=1) * (mix[True] - mix[False])).sum()), "points"


def _gap(pair: pd.DataFrame) -> float:
    chance = pair.groupby("later")["chance"].mean()
    return 100 * float(chance[True] - chance[False])


def _effects(flow: Flow, closed: np.ndarray) -> Iterator[Row]:
    lift = 100 * flow.gain
    among = closed & flow.potential["open_at_landmark"].to_numpy()
    treated = among & flow.table["executive_call"].eq(1).to_numpy()
    if treated.any():
        now = lift * (1 - flow.potential["called_later"].to_numpy())
        yield "effect of treating now", "all", float(now[treated].mean()), "points"
    for quantity, who in (("effect on all deals", among), ("effect on the treated", treated)):
        if not who.any():
            continue
        yield quantity, "all", float(lift[who].mean()), "points"
        for name in (*SEGMENTS, "champion"):
            for level, mean in pd.Series(lift[who]).groupby(flow.table.loc[who, name].to_numpy()).mean().items():
                yield quantity, f"{name}={level}", float(mean), "points"
