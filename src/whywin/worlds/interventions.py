"""The log of what was done to the deals of a made-up market."""

from typing import Final

import numpy as np
import pandas as pd

from whywin.stats.streams import stream
from whywin.worlds.flow import Flow
from whywin.worlds.knobs import Market

CALL: Final = "executive call"
DEMO: Final = "product demo"
EXECUTIVES: Final = np.array(["E01", "E02", "E03", "E04"], dtype=object)
DEMONSTRATED: Final = 0.3  # share of the deals that are shown the product, on any day of their life: it changes nothing


def log_of(market: Market, flow: Flow) -> pd.DataFrame:
    """Return one row an intervention, in the order of time: every executive call, and product demonstrations, which change nothing."""
    deals = flow.table
    rng = stream(market.seed, "interventions")
    as_of = deals[["created", "closed", "executive_call_date"]].max().max()
    life = (deals["closed"].fillna(as_of) - deals["created"]).dt.days.to_numpy()
    shown = np.flatnonzero(rng.uniform(size=len(deals)) < DEMONSTRATED)
    demos = deals["created"].iloc[shown] + pd.to_timedelta(np.floor(rng.uniform(size=len(shown)) * (life[shown] + 1)), unit="D")
    called = deals["executive_call"].eq(1).to_numpy()
    parts = [(CALL, deals.loc[called, "deal_id"], deals.loc[called, "executive_call_date"])]
    parts.append((DEMO, deals["deal_id"].iloc[shown], demos))
    rows = pd.concat([pd.DataFrame({"deal_id": ids, "kind": kind, "time": times}) for kind, ids, times in parts])
    rows["who"] = EXECUTIVES[rng.integers(len(EXECUTIVES), size=len(rows))]
    rows["recommended"] = np.where(rng.uniform(size=len(rows)) < 0.5, "yes", "no")  # noqa: PLR2004 - a fair coin
    return rows.sort_values(["time", "deal_id", "kind"], ignore_index=True)
